
namespace Danube.Dapr.LocalSidecar.Workflows;

/// <summary>
/// Spreads work over the connected workers and matches their answers. A worker that has less in hand gets the next item; what was sent on a stream
/// that ended goes to another one at once. Answers name only instance and task, so while an earlier sending under the same key could still be
/// answered, the next one carries a completion token, and the answer of the one is never taken for the other's.
/// </summary>
internal sealed class WorkItemDispatcher(WorkflowEngineOptions options, TimeProvider time, ILogger logger, Func<string, WorkItemStream, Task> startTurn)
{
    private readonly Lock _lock = new();
    private readonly List<WorkItemStream> _streams = [];
    private readonly Queue<string> _waitingTurns = [];
    private readonly HashSet<string> _waiting = new(StringComparer.Ordinal);
    private readonly Queue<Work> _unsent = [];
    private readonly Dictionary<WorkKey, List<Delivery>> _outstanding = [];
    private readonly Dictionary<WorkKey, ActivityWork> _activities = [];
    private readonly Queue<Delivery> _lost = [];

    /// <summary>Connected workers.</summary>
    public int Streams
    {
        get
        {
            lock (_lock) return _streams.Count;
        }
    }

    public WorkItemStream Attach()
    {
        var stream = new WorkItemStream();
        lock (_lock)
        {
            Forget(time.GetTimestamp());
            _streams.Add(stream);
            for (var n = _unsent.Count; n > 0; n--) SendLocked(_unsent.Dequeue(), null);
            StartWaitingLocked();
        }
        return stream;
    }

    /// <summary>The stream ended: what it had not answered goes elsewhere.</summary>
    public void Detach(WorkItemStream stream)
    {
        lock (_lock)
        {
            if (!_streams.Remove(stream)) return;
            stream.Closed = true;
            stream.Complete();
            var now = time.GetTimestamp();
            var again = new List<Work>();
            foreach (var delivery in stream.InFlight)
            {
                Lose(delivery, now);
                if (!delivery.Work.Done && !_outstanding[delivery.Work.Key].Exists(d => d.Work == delivery.Work && d.LostAt is null)) again.Add(delivery.Work);
            }
            stream.InFlight.Clear();
            if (again.Count > 0) logger.LogInformation("A workflow worker left; {Count} work items go to others ({Streams} connected).", again.Count, _streams.Count);
            foreach (var work in again) SendLocked(work, null);
            Forget(now);
        }
    }

    /// <summary>Ends all streams.</summary>
    public void Stop()
    {
        lock (_lock)
        {
            foreach (var stream in _streams) stream.Complete();
        }
    }

    /// <summary>A place for a turn on some stream, to be filled with the turn or given back; null when the turn has to wait for <c>startTurn</c>.</summary>
    public WorkItemStream? Reserve(string instanceId)
    {
        lock (_lock)
        {
            if (_waitingTurns.Count == 0 && FreeStream() is { } stream)
            {
                stream.Turns++;
                return stream;
            }
            if (_waiting.Add(instanceId)) _waitingTurns.Enqueue(instanceId);
            return null;
        }
    }

    /// <summary>Gives back a place that is not needed.</summary>
    public void Release(WorkItemStream stream)
    {
        lock (_lock)
        {
            stream.Turns--;
            StartWaitingLocked();
        }
    }

    /// <summary>Sends a turn to the stream that has a place for it.</summary>
    public void Send(Turn turn, WorkItemStream stream)
    {
        lock (_lock)
        {
            stream.Turns--;
            SendLocked(turn, stream.Closed ? null : stream);
        }
    }

    /// <summary>Sends an activity to a worker, now or when there is one; nothing when it is on its way already.</summary>
    public void Send(ActivityWork activity)
    {
        lock (_lock)
        {
            if (_activities.TryGetValue(activity.Key, out var known))
            {
                if (known.ExecutionId == activity.ExecutionId) return;
                known.Done = true; // of an earlier generation
            }
            _activities[activity.Key] = activity;
            SendLocked(activity, null);
        }
    }

    /// <summary>The work that an answer is for, which is done with this; null when it is not wanted any more.</summary>
    /// <exception cref="WorkflowException">Nothing like it was sent.</exception>
    public Work? Answer(WorkKey key, string token)
    {
        lock (_lock)
        {
            if (!_outstanding.TryGetValue(key, out var deliveries) || deliveries.Find(d => d.Token == token) is not { } delivery)
            {
                throw new WorkflowException(Grpc.Core.StatusCode.Unknown, key.TaskId is { } task
                    ? $"no activity {task} of instance '{key.InstanceId}' waits for this answer"
                    : $"no turn of instance '{key.InstanceId}' waits for this answer");
            }
            Remove(deliveries, delivery);
            var wanted = !delivery.Work.Done;
            FinishLocked(delivery.Work);
            return wanted ? delivery.Work : null;
        }
    }

    /// <summary>Nobody needs the answer any more.</summary>
    public void Drop(Work work)
    {
        lock (_lock) FinishLocked(work);
    }

    /// <summary>Nobody needs the answers to these activities of an instance any more.</summary>
    /// <returns>Those that were on their way.</returns>
    public List<ActivityWork> DropActivities(string instanceId, IEnumerable<int> tasks)
    {
        List<ActivityWork> dropped = [];
        lock (_lock)
        {
            foreach (var task in tasks)
            {
                if (!_activities.TryGetValue(new(instanceId, task), out var work)) continue;
                FinishLocked(work);
                dropped.Add(work);
            }
        }
        return dropped;
    }

    private void FinishLocked(Work work)
    {
        work.Done = true;
        if (work is ActivityWork && _activities.TryGetValue(work.Key, out var current) && current == work) _activities.Remove(work.Key);
        // Sendings with a token can be told apart later; those without stay known until they are answered or too old.
        if (_outstanding.TryGetValue(work.Key, out var deliveries))
        {
            foreach (var other in deliveries.FindAll(d => d.Work == work && d.Token.Length > 0)) Remove(deliveries, other);
            // A worker that has a later turn of the instance never answers this one: its place is not kept for that.
            if (work is Turn)
            {
                var now = time.GetTimestamp();
                foreach (var other in deliveries.FindAll(d => d.Work == work && TakeBack(d))) Lose(other, now);
                Forget(now);
            }
        }
        StartWaitingLocked();
    }

    private void Remove(List<Delivery> deliveries, Delivery delivery)
    {
        deliveries.Remove(delivery);
        if (deliveries.Count == 0) _outstanding.Remove(delivery.Work.Key);
        TakeBack(delivery);
    }

    /// <returns>False when its stream had it no more.</returns>
    private static bool TakeBack(Delivery delivery)
    {
        if (!delivery.Stream.InFlight.Remove(delivery)) return false;
        if (delivery.Work is Turn) delivery.Stream.Turns--;
        return true;
    }

    /// <summary>Nobody waits for its answer any more, which may still come.</summary>
    private void Lose(Delivery delivery, long now)
    {
        delivery.LostAt = now;
        _lost.Enqueue(delivery);
    }

    private void SendLocked(Work work, WorkItemStream? stream)
    {
        if (work.Done) return;
        stream ??= LeastLoaded(null);
        if (stream is null)
        {
            _unsent.Enqueue(work);
            return;
        }
        Deliver(work, stream);
        if (options.DuplicateDeliveries) Deliver(work, LeastLoaded(stream) ?? stream);
    }

    private void Deliver(Work work, WorkItemStream stream)
    {
        if (!_outstanding.TryGetValue(work.Key, out var deliveries)) _outstanding.Add(work.Key, deliveries = []);
        var token = work.MayBeAnsweredLate || deliveries.Exists(static d => d.Token.Length == 0) ? Guid.NewGuid().ToString() : "";
        var delivery = new Delivery(work, token, stream);
        deliveries.Add(delivery);
        stream.InFlight.Add(delivery);
        if (work is Turn) stream.Turns++;
        stream.Write(work.ToItem(token));
    }

    private WorkItemStream? LeastLoaded(WorkItemStream? except)
    {
        WorkItemStream? best = null;
        foreach (var stream in _streams)
        {
            if (stream != except && (best is null || stream.InFlight.Count < best.InFlight.Count)) best = stream;
        }
        return best;
    }

    private WorkItemStream? FreeStream()
    {
        WorkItemStream? best = null;
        foreach (var stream in _streams)
        {
            if (stream.Turns < options.TurnsPerStream && (best is null || stream.InFlight.Count < best.InFlight.Count)) best = stream;
        }
        return best;
    }

    private void StartWaitingLocked()
    {
        while (_waitingTurns.Count > 0 && FreeStream() is { } stream)
        {
            stream.Turns++;
            var instanceId = _waitingTurns.Dequeue();
            _waiting.Remove(instanceId);
            _ = Task.Run(() => startTurn(instanceId, stream));
        }
    }

    private void Forget(long now)
    {
        while (_lost.TryPeek(out var delivery) && time.GetElapsedTime(delivery.LostAt!.Value, now) > options.LateAnswers)
        {
            _lost.Dequeue();
            if (_outstanding.TryGetValue(delivery.Work.Key, out var deliveries)) Remove(deliveries, delivery);
        }
    }
}
