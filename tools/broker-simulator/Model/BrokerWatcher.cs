using System.Threading.Channels;

namespace Danube.Dapr.BrokerSimulator;

/// <summary>A change of one of a broker's assignment keys.</summary>
internal readonly record struct WatchEvent(string Topic, bool IsPut);

/// <summary>The one loop, strictly in sequence, in which a broker loads what it was given and unloads what was taken from it (D9).</summary>
internal sealed class BrokerWatcher(Cluster cluster, BrokerInstance self)
{
    private static readonly TimeSpan HangPoll = TimeSpan.FromMilliseconds(100);

    private readonly Channel<WatchEvent> _events = Channel.CreateUnbounded<WatchEvent>();

    public void Enqueue(WatchEvent change) => _events.Writer.TryWrite(change);

    public async Task RunAsync(CancellationToken life)
    {
        await foreach (var change in _events.Reader.ReadAllAsync(life))
        {
            await HangAsync(change, life);
            if (change.IsPut)
                await LoadAsync(change.Topic, life);
            else
                await UnloadAsync(change.Topic, life);
        }
    }

    private async Task HangAsync(WatchEvent change, CancellationToken life)
    {
        if (!cluster.Faults.IsOn(Fault.HangingWatcher, self.Id))
            return;
        cluster.Log.Add("watcher-hangs", change.Topic, self.Id);
        var knocked = false;
        while (cluster.Faults.IsOn(Fault.HangingWatcher, self.Id))
        {
            await Task.Delay(HangPoll, cluster.Time, life);
            if (!change.IsPut || knocked)
                continue;
            // Clients that find the assignment knock, and the topic is loaded for them although the watcher hangs.
            knocked = true;
            lock (cluster.Gate)
            {
                if (MayLoad(change.Topic) is { Traffic.Producers: > 0 } topic)
                    cluster.Load(self, topic, "client knocked");
            }
        }
    }

    private async Task LoadAsync(string name, CancellationToken life)
    {
        lock (cluster.Gate)
        {
            if (!cluster.AssignedTo(self.Id).Contains(name))
                return;
            if (cluster.ModeOf(self.Id) != BrokerMode.Active)
            {
                cluster.Log.Add("bounce", name, self.Id, "not active any more");
                cluster.DeleteAssignment(self.Id, name);
                cluster.PutMarker(name, new Marker(MarkerReason.DrainRedirect, self.Id));
                return;
            }
        }

        await cluster.PassAsync(1, 12, life);
        lock (cluster.Gate)
        {
            if (MayLoad(name) is { } topic)
                cluster.Load(self, topic, "assigned");
            else if (self.Copies.TryGetValue(name, out var copy) && copy.Dead)
                cluster.Log.Add("load-refused", name, self.Id, "a dead copy is in memory");
        }
    }

    private TopicState? MayLoad(string name) =>
        self.Alive && cluster.AssignedTo(self.Id).Contains(name) && !self.Copies.ContainsKey(name) ? cluster.Topics.GetValueOrDefault(name) : null;

    private async Task UnloadAsync(string name, CancellationToken life)
    {
        TopicCopy? copy;
        bool unload;
        lock (cluster.Gate)
        {
            // Assigned again meanwhile, or never here (the wrong broker of D3): nothing to unload.
            if (cluster.AssignedTo(self.Id).Contains(name) || !self.Copies.TryGetValue(name, out copy))
                return;
            unload = cluster.Unassigned.GetValueOrDefault(name)?.Reason == MarkerReason.Unload;
            if (copy.Dead)
            {
                cluster.Log.Add("seal-failed", name, self.Id, "no storage for topic");
                return;
            }

            Drain(copy);
            cluster.Log.Add(unload ? "unload-begin" : "delete-local-begin", name, self.Id);
        }

        await cluster.PassAsync(18, 40, life);
        if (!unload)
            DeleteLocal(copy);
        else if (!copy.Topic.Reliable)
            Orphan(copy);
        else
            await SealAsync(copy, life);
        DrainedWhenEmpty();
    }

    /// <summary>From here on publishes are refused; each producer sees one refusal.</summary>
    private void Drain(TopicCopy copy)
    {
        if (copy.Topic.Serving == copy)
            copy.Topic.Detach(cluster.Now);
        copy.Draining = true;
        var producers = copy.Topic.Traffic.Producers;
        if (producers == 0)
            return;
        copy.Series.SendsDenied += producers;
        self.CountRpc("producer", "send_message", ok: false, producers);
        cluster.Log.Add("publish-refused", copy.Topic.Name, self.Id, $"{producers} producers");
    }

    private async Task SealAsync(TopicCopy copy, CancellationToken life)
    {
        var name = copy.Topic.Name;
        while (true)
        {
            lock (cluster.Gate)
            {
                if (cluster.Faults.IsOn(Fault.SealFails, self.Id))
                {
                    copy.Dead = true;
                    cluster.Log.Add("seal-failed", name, self.Id, "shared storage failed: dead copy");
                    return;
                }

                if (cluster.RaftLeaderId is not null)
                {
                    Release(copy);
                    return;
                }

                if (cluster.Faults.IsOn(Fault.LeaderLossStrands))
                {
                    copy.Dead = true;
                    cluster.Log.Add("dead-copy", name, self.Id, "the leader was lost before the marker was ready");
                    return;
                }
            }

            await Task.Delay(HangPoll, cluster.Time, life);
        }
    }

    private void Release(TopicCopy copy)
    {
        var name = copy.Topic.Name;
        if (copy.LoadedTwice)
        {
            // Two logs: the seal took the other one, and what went into this one is gone.
            self.PhantomLoads--;
            cluster.Log.Add("messages-lost", name, self.Id, "the seal took the wrong log of a topic that was loaded twice");
        }

        cluster.RemoveCopy(self, copy);
        cluster.UnloadsEnded++;
        cluster.Log.Add("unload-end", name, self.Id);
        if (!cluster.Unassigned.TryGetValue(name, out var marker) || marker.Reason != MarkerReason.Unload)
            return;
        marker.Ready = true;
        cluster.Wrote();
        cluster.AliveLeader?.Manager.Enqueue(name);
        CountRedirects(copy.Topic);
    }

    private void CountRedirects(TopicState topic)
    {
        var clients = topic.Traffic.Producers + topic.Subscriptions.Sum(subscription => subscription.Consumers);
        if (clients > 0)
            self.RedirectsByNamespace.AddOrUpdate(topic.Namespace, clients, (_, count) => count + clients);
    }

    /// <summary>D1: nobody ever makes this topic's marker ready.</summary>
    private void Orphan(TopicCopy copy)
    {
        lock (cluster.Gate)
        {
            cluster.RemoveCopy(self, copy);
            copy.Topic.Subscriptions.Clear();
            cluster.Log.Add("orphan", copy.Topic.Name, self.Id, "NonReliable topic unloaded");
        }
    }

    /// <summary>D2, and the delete of a topic: log, segments and cursors go.</summary>
    private void DeleteLocal(TopicCopy copy)
    {
        lock (cluster.Gate)
        {
            cluster.RemoveCopy(self, copy);
            if (copy.Topic.Reliable)
            {
                copy.Topic.Messages.Destroy();
                copy.Topic.Head = 0;
                foreach (var subscription in copy.Topic.Subscriptions)
                    subscription.Backlog = 0;
                cluster.Log.Add("log-destroyed", copy.Topic.Name, self.Id);
            }

            CountRedirects(copy.Topic);
        }
    }

    private void DrainedWhenEmpty()
    {
        lock (cluster.Gate)
        {
            if (self.Copies.Count == 0 && cluster.ModeOf(self.Id) == BrokerMode.Draining)
                cluster.SetMode(self.Id, BrokerMode.Drained, "empty");
        }
    }
}
