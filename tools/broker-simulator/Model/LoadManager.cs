using System.Threading.Channels;

namespace Danube.Dapr.BrokerSimulator;

/// <summary>The part of a broker that assigns topics while it is the leader: one loop, one topic at a time.</summary>
internal sealed class LoadManager(Cluster cluster, BrokerInstance self)
{
    private readonly Channel<string?> _events = Channel.CreateUnbounded<string?>();
    private readonly SortedDictionary<string, LoadReport> _reports = new(StringComparer.Ordinal);
    private string? _lastChosen;

    /// <summary>Ascending by score, as of the last report or assignment. A broker that never led has none; one that led keeps its last.</summary>
    public IReadOnlyList<RankedReport> Rankings { get; private set; } = [];

    /// <summary>A marker was written.</summary>
    public void Enqueue(string topic) => Add(topic);

    /// <summary>Another key changed that the loop also sees; it takes room and no time.</summary>
    public void EnqueueUnrelated() => Add(null);

    public void TakeReport(LoadReport report)
    {
        _reports[report.BrokerId] = report;
        if (IsLeader)
            Rank();
    }

    public void CopyReports(LoadManager other)
    {
        foreach (var (id, report) in other._reports)
            _reports.TryAdd(id, report);
    }

    public void RemoveReport(string brokerId)
    {
        _reports.Remove(brokerId);
        Rank();
    }

    public void Rank() => Rankings = BrokerRankings.Rank(cluster.Options.Strategy, _reports.Values);

    /// <summary>No longer the leader: what waits is nobody's business any more.</summary>
    public void Forget()
    {
        while (_events.Reader.TryRead(out _))
        {
        }
    }

    private bool IsLeader => cluster.AliveLeader == self;

    public async Task RunAsync(CancellationToken life)
    {
        await foreach (var topic in _events.Reader.ReadAllAsync(life))
        {
            MarkerReason reason;
            lock (cluster.Gate)
            {
                if (topic is null || !cluster.Unassigned.TryGetValue(topic, out var marker))
                    continue;
                if (marker.Reason == MarkerReason.Unload && !marker.Ready)
                    continue;
                reason = marker.Reason;
            }

            // An unload takes 30 to 60 ms in all; topics of a lost broker and new ones take 10 to 15 ms each.
            await (reason == MarkerReason.None ? cluster.PassAsync(8, 13, life) : cluster.PassAsync(3, 8, life));
            lock (cluster.Gate)
                Assign(topic);
        }
    }

    private void Add(string? topic)
    {
        _events.Writer.TryWrite(topic);
        // The channel keeps the newest; what the loop has not seen yet is overwritten.
        if (cluster.Faults.IsOn(Fault.LossyBursts) && _events.Reader.Count > cluster.LeaderEventCapacity
            && _events.Reader.TryRead(out var lost) && lost is not null)
            cluster.Log.Add("watch-lagged", lost, self.Id, "the assignment is never made up");
    }

    private void Assign(string topic)
    {
        if (!IsLeader || !cluster.Unassigned.TryGetValue(topic, out var marker))
            return;
        if (!cluster.Topics.ContainsKey(topic))
        {
            cluster.Unassigned.Remove(topic);
            return;
        }

        var target = Choose(marker);
        if (target is null)
        {
            cluster.Log.Add("assign-failed", topic, self.Id, "no alternative active broker");
            return;
        }

        cluster.PutAssignment(target, topic);
        cluster.Unassigned.Remove(topic);
        self.Assignments[(target, "assign")] = self.Assignments.GetValueOrDefault((target, "assign")) + 1;
        Adjust(target, +1);
        if (marker.Reason is MarkerReason.Unload or MarkerReason.Rebalance && marker.FromBroker is { } source)
            Adjust(source, -1);
        Rank();
        cluster.Log.Add("assign", topic, target, marker.FromBroker is null ? null : $"from {marker.FromBroker}");
        if (cluster.Registered.TryGetValue(target, out var broker) && broker.Alive)
            broker.Watcher.Enqueue(new WatchEvent(topic, IsPut: true));
    }

    private string? Choose(Marker marker)
    {
        if (marker.ToBroker is { } hint && cluster.ModeOf(hint) == BrokerMode.Active)
            return hint;
        var ranked = Rankings;
        if (marker.Reason is MarkerReason.Unload or MarkerReason.Rebalance)
            return ranked.FirstOrDefault(entry => entry.BrokerId != marker.FromBroker && IsActive(entry))?.BrokerId;
        if (ranked.Count == 0)
            return cluster.ModeOf(self.Id) == BrokerMode.Active ? self.Id : null;
        var lowest = ranked[0].Score;
        var highest = lowest < 10 ? lowest : lowest + Math.Max(lowest / 10, 1);
        var candidates = ranked.Where(entry => entry.Score <= highest && IsActive(entry)).Select(entry => entry.BrokerId).ToList();
        if (candidates.Count == 0)
            return ranked.FirstOrDefault(IsActive)?.BrokerId ?? self.Id;
        return _lastChosen = candidates[(candidates.IndexOf(_lastChosen ?? "") + 1) % candidates.Count];
    }

    private bool IsActive(RankedReport entry) => cluster.ModeOf(entry.BrokerId) == BrokerMode.Active;

    private void Adjust(string brokerId, int topics)
    {
        if (_reports.TryGetValue(brokerId, out var report))
            _reports[brokerId] = report with { TopicCount = Math.Max(0, report.TopicCount + topics) };
    }
}
