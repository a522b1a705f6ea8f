using Danube.Dapr.Contracts;
using Danube.Dapr.Ranking.View;
using static Danube.Dapr.Ranking.Tests.Reports;

namespace Danube.Dapr.Ranking.Tests;

public sealed class ClusterWatchTests
{
    private readonly ClusterWatch _watch = new(TimeSpan.FromSeconds(5));

    [Fact]
    public void Observe_FirstReport_TellsEachBrokerOnce()
    {
        var memory = _watch.Observe(new ClusterMemory(), Cluster(1, 0, Broker("1"), Broker("2")));
        var again = _watch.Observe(memory, Cluster(2, 1, Broker("1"), Broker("2")));

        Assert.Equal([BrokerEventKind.BrokerJoined, BrokerEventKind.BrokerJoined], memory.Outbox.Select(e => e.Kind));
        Assert.Equal(memory.Outbox, again.Outbox);
        Assert.False(ClusterWatch.IsWorthSaving(memory, again));
    }

    [Fact]
    public void Observe_SameReportOnSameMemory_GivesTheSameIds()
    {
        var report = Cluster(1, 0, Broker("1"), Broker("2", reachable: false));

        Assert.Equal(
            _watch.Observe(new ClusterMemory(), report).Outbox.Select(e => e.Id),
            _watch.Observe(new ClusterMemory(), report).Outbox.Select(e => e.Id));
    }

    public static TheoryData<BrokerStatus, BrokerStatus, BrokerEventKind> Changes => new()
    {
        { Broker("1"), Broker("1", reachable: false), BrokerEventKind.BrokerUnreachable },
        { Broker("1", reachable: false), Broker("1"), BrokerEventKind.BrokerReachable },
        { Broker("1"), Broker("1", BrokerState.Draining), BrokerEventKind.BrokerStateChanged },
        { Broker("1"), Broker("1", BrokerState.Gone), BrokerEventKind.BrokerGone },
        { Broker("1"), Broker("2"), BrokerEventKind.BrokerGone },
    };

    [Theory]
    [MemberData(nameof(Changes))]
    public void Observe_BrokerChanged_TellsItOnce(BrokerStatus before, BrokerStatus after, BrokerEventKind kind)
    {
        var memory = Published(_watch.Observe(new ClusterMemory(), Cluster(1, 0, before)));

        var changed = _watch.Observe(memory, Cluster(2, 1, after) with { LeaderId = null });
        var still = _watch.Observe(Published(changed), Cluster(3, 2, after) with { LeaderId = null });

        Assert.Equal("1", changed.Outbox.Single(e => e.Kind == kind).BrokerId);
        Assert.Empty(still.Outbox);
    }

    [Fact]
    public void Observe_BrokerMissingFromReportWithoutDiscovery_TellsNothing()
    {
        var memory = Published(_watch.Observe(new ClusterMemory(), Cluster(1, 0, Broker("1"), Broker("2"))));

        var after = _watch.Observe(memory, Cluster(2, 1, Broker("1")) with { Gaps = [new ReportGap("discovery", "no answer")] });

        Assert.Empty(after.Outbox);
        Assert.Equal(2, after.Brokers.Count);
    }

    [Fact]
    public void Observe_BrokerMissingFromReportWithAGapThatHidesNone_TellsThatItIsGone()
    {
        var memory = Published(_watch.Observe(new ClusterMemory(), Cluster(1, 0, Broker("1"), Broker("2"))));

        var after = _watch.Observe(memory, Cluster(2, 1, Broker("1")) with { Gaps = [new ReportGap("raft", "no permission")] });

        Assert.Equal((BrokerEventKind.BrokerGone, "2"), after.Outbox.Select(e => (e.Kind, e.BrokerId)).Single());
    }

    [Fact]
    public void Observe_LeaderChanged_TellsItButNotTheFirst()
    {
        var memory = Published(_watch.Observe(new ClusterMemory(), Cluster(1, 0, Broker("1"), Broker("2"))));
        var unknown = _watch.Observe(memory, Cluster(2, 1, Broker("1"), Broker("2")) with { LeaderId = null });
        var changed = _watch.Observe(unknown, Cluster(3, 2, Broker("1"), Broker("2")) with { LeaderId = "2" });

        Assert.Empty(unknown.Outbox);
        var told = Assert.Single(changed.Outbox);
        Assert.Equal((BrokerEventKind.LeaderChanged, "2"), (told.Kind, told.BrokerId));
    }

    [Fact]
    public void Observe_TopicWithoutOwner_IsStrandedAfterTheLimitAndRecoversWithAnOwner()
    {
        var memory = Published(_watch.Observe(new ClusterMemory(), Cluster(1, 0, Broker("1"))));
        UnownedTopic[] unowned = [new("/default/a", At(1), LastOwner: "7")];

        var early = _watch.Observe(memory, Cluster(2, 5, Broker("1")) with { Unowned = unowned });
        var stranded = _watch.Observe(early, Cluster(3, 6, Broker("1")) with { Unowned = unowned });
        var told = Published(_watch.Observe(Published(stranded), Cluster(4, 8, Broker("1")) with { Unowned = unowned }));
        var older = ClusterWatch.Observe(told, Load("1", 1, 7, Topic("/default/a")));
        var recovered = ClusterWatch.Observe(older, Load("1", 2, 9, Topic("/default/a")));

        Assert.Empty(early.Outbox);
        Assert.Equal(("/default/a", "7"), (stranded.Outbox.Single().Topic, stranded.Outbox.Single().BrokerId));
        Assert.Empty(older.Outbox);
        Assert.Equal((BrokerEventKind.TopicRecovered, "1"), (recovered.Outbox.Single().Kind, recovered.Outbox.Single().BrokerId));
        Assert.Empty(recovered.Stranded);
        Assert.True(ClusterWatch.IsWorthSaving(older, recovered));
    }

    [Fact]
    public void Observe_TopicLoadedTwice_IsToldOnceAndAgainAfterItWasRight()
    {
        var twice = Cluster(2, 1, Broker("1")) with { MultiplyOwned = [new MultiplyOwnedTopic("/default/a", ["1", "2"])] };
        var memory = Published(_watch.Observe(new ClusterMemory(), Cluster(1, 0, Broker("1"))));

        var told = _watch.Observe(memory, twice);
        var still = _watch.Observe(Published(told), twice with { Sequence = 3 });
        var right = _watch.Observe(still, Cluster(4, 3, Broker("1")));
        var again = _watch.Observe(right, twice with { Sequence = 5 });

        Assert.Equal(BrokerEventKind.TopicLoadedTwice, told.Outbox.Single().Kind);
        Assert.Empty(still.Outbox);
        Assert.True(ClusterWatch.IsWorthSaving(still, right));
        Assert.Single(again.Outbox);
    }

    [Fact]
    public void Observe_OutboxFull_TellsTheRestLater()
    {
        var unowned = Enumerable.Range(0, ClusterWatch.MaxOutbox + 10).Select(i => new UnownedTopic($"/default/t{i:0000}", At(0))).ToArray();
        var report = Cluster(1, 10, Broker("1")) with { Unowned = unowned };

        var first = _watch.Observe(new ClusterMemory(), report);
        var blocked = _watch.Observe(first, report with { Sequence = 2 });
        var second = _watch.Observe(Published(first), report with { Sequence = 3 });

        Assert.Equal(ClusterWatch.MaxOutbox, first.Outbox.Count);
        Assert.Same(first, blocked);
        Assert.Equal(ClusterWatch.MaxOutbox + 11, first.Outbox.Count + second.Outbox.Count);
        Assert.Equal(unowned.Length, second.Stranded.Count);
    }

    private static ClusterMemory Published(ClusterMemory memory) => memory with { Outbox = [] };
}
