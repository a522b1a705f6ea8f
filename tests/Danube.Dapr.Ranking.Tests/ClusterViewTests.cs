using Danube.Dapr.Contracts;
using Danube.Dapr.Ranking.View;
using static Danube.Dapr.Ranking.Tests.Reports;

namespace Danube.Dapr.Ranking.Tests;

public sealed class ClusterViewTests
{
    [Fact]
    public void Snapshot_TopicInTwoReports_BelongsToTheLaterOne()
    {
        var (view, _) = NewView();
        view.Apply(Cluster(1, 0, Broker("1"), Broker("2")));
        view.Apply(Message(Load("2", 1, 8, Topic("/default/a"))), At(8));
        view.Apply(Message(Load("1", 1, 5, Topic("/default/a"), Topic("/default/b"))), At(8));

        var snapshot = view.Snapshot(At(9), 1);

        Assert.Equal(["/default/a", "/default/b"], snapshot.Topics.Select(t => t.Name));
        Assert.Equal(["2", "1"], snapshot.Topics.Select(t => t.BrokerId));
    }

    [Fact]
    public void Snapshot_NewOwnerWithoutRates_KeepsTheRatesOfTheOldOne()
    {
        var (view, _) = NewView();
        view.Apply(Cluster(1, 0, Broker("1"), Broker("2")));
        view.Apply(Message(Load("1", 1, 5, Topic("/default/a", bytes: 500))), At(5));
        view.Apply(Message(Load("1", 2, 15)), At(15));
        view.Apply(Message(Load("2", 1, 15, Topic("/default/a", bytes: 0, ratesKnown: false))), At(15));

        var topic = view.Snapshot(At(16), 1).Topics.Single();

        Assert.Equal(("2", 500d, false), (topic.BrokerId, topic.BytesInPerSecond, topic.RatesKnown));
    }

    [Fact]
    public void Snapshot_UnownedInLaterClusterReport_HasNoOwnerAndNoLoad()
    {
        var (view, _) = NewView();
        view.Apply(Message(Load("1", 1, 5, Topic("/default/a"), Topic("/default/b"))), At(5));
        view.Apply(Cluster(1, 8, Broker("1")) with { Unowned = [new UnownedTopic("/default/a", At(7)), new UnownedTopic("/default/z", At(7))] });

        var snapshot = view.Snapshot(At(9), 1);

        Assert.Equal([null, "1", null], snapshot.Topics.Select(t => t.BrokerId));
        Assert.Equal((0, false), (snapshot.Topics[0].BytesInPerSecond, snapshot.Topics[0].RatesKnown));
    }

    [Fact]
    public void Snapshot_OwnedInLaterLoadReport_HasItsOwnerBack()
    {
        var (view, _) = NewView();
        view.Apply(Cluster(1, 8, Broker("1")) with { Unowned = [new UnownedTopic("/default/a", At(7))] });
        view.Apply(Message(Load("1", 1, 10, Topic("/default/a"))), At(10));

        Assert.Equal("1", view.Snapshot(At(11), 1).Topics.Single().BrokerId);
    }

    [Fact]
    public void Snapshot_BrokerGone_TakesItsTopicsAlong()
    {
        var (view, _) = NewView();
        view.Apply(Cluster(1, 0, Broker("1"), Broker("2")));
        view.Apply(Message(Load("1", 1, 5, Topic("/default/a"))), At(5));
        view.Apply(Cluster(2, 10, Broker("1", BrokerState.Gone), Broker("2")));

        var snapshot = view.Snapshot(At(11), 1);

        Assert.Equal("2", snapshot.Brokers.Single().Id);
        Assert.Empty(snapshot.Topics);
    }

    [Fact]
    public void Snapshot_BrokerMissingFromReportWithoutDiscovery_IsKept()
    {
        var (view, _) = NewView();
        view.Apply(Cluster(1, 0, Broker("1"), Broker("2")));
        view.Apply(Cluster(2, 10, Broker("2")) with { Gaps = [new ReportGap("discovery", "the admin port did not answer")] });

        Assert.Equal(["1", "2"], view.Snapshot(At(11), 1).Brokers.Select(b => b.Id));
    }

    [Theory]
    [InlineData("raft")]
    [InlineData("namespaces")]
    [InlineData("topics")]
    [InlineData("ownership")]
    [InlineData("state")]
    public void Snapshot_BrokerMissingFromReportWithAGapThatHidesNone_IsGone(string part)
    {
        var (view, _) = NewView();
        view.Apply(Cluster(1, 0, Broker("1"), Broker("2")));
        view.Apply(Cluster(2, 10, Broker("2"), Broker("3")) with { Gaps = [new ReportGap(part, "no permission")] });

        Assert.Equal(["2", "3"], view.Snapshot(At(11), 1).Brokers.Select(b => b.Id));
    }

    [Fact]
    public void Snapshot_ReportOfUnlistedBroker_TakesNoPart()
    {
        var (view, _) = NewView();
        view.Apply(Message(Load("9", 1, 5, Topic("/default/a"))), At(5));
        Assert.Empty(view.Snapshot(At(6), 1).Topics);

        view.Apply(Cluster(1, 4, Broker("9")));
        Assert.Single(view.Snapshot(At(6), 1).Topics);
    }

    [Fact]
    public void Snapshot_ConfiguredByAddress_HasZoneAndCapacity()
    {
        var options = new RankingOptions { Brokers = { new BrokerOptions { Broker = "HTTP://host-1:6650", Zone = "a", Weight = 2, BytesPerSecond = 5e6 } } };
        var (view, _) = NewView(options);
        view.Apply(Cluster(1, 0, Broker("1"), Broker("2")));

        var brokers = view.Snapshot(At(1), 1).Brokers;

        Assert.Equal(("a", 2d, 5e6), (brokers[0].Zone, brokers[0].Capacity.Weight, brokers[0].Capacity.BytesPerSecond));
        Assert.Equal(new BrokerCapacity(), brokers[1].Capacity);
    }

    [Fact]
    public void Snapshot_MultiplyOwned_IsMarked()
    {
        var (view, _) = NewView();
        view.Apply(Message(Load("1", 1, 5, Topic("/default/a"))), At(5));
        view.Apply(Cluster(1, 8, Broker("1"), Broker("2")) with { MultiplyOwned = [new MultiplyOwnedTopic("/default/a", ["1", "2"])] });

        Assert.True(view.Snapshot(At(9), 1).Topics.Single().LoadedTwice);
    }

    [Fact]
    public void Apply_ClusterReportOutOfOrder_ChangesNothing()
    {
        var (view, _) = NewView();
        view.Apply(Cluster(5, 10, Broker("1")));

        Assert.Equal(Intake.Late, view.Apply(Cluster(4, 5, Broker("2"))).Intake);
        Assert.Equal(Intake.Duplicate, view.Apply(Cluster(5, 10, Broker("1"))).Intake);
        Assert.Equal("1", view.Snapshot(At(11), 1).Brokers.Single().Id);
    }

    [Fact]
    public void Apply_BrokerTwice_IsRefusedByName()
    {
        var (view, _) = NewView();

        var (intake, detail) = view.Apply(Cluster(1, 0, Broker("1"), Broker("1")));

        Assert.Equal(Intake.Invalid, intake);
        Assert.Contains("broker 1 2 times", detail, StringComparison.Ordinal);
    }

    [Fact]
    public void Apply_NegativeRate_IsRefusedByName()
    {
        var (view, _) = NewView();

        var (intake, _, detail) = view.Apply(Message(Load("1", 1, 5, Topic("/default/a", bytes: -1))), At(5));

        Assert.Equal(Intake.Invalid, intake);
        Assert.Contains("/default/a: BytesInPerSecond is -1", detail, StringComparison.Ordinal);
    }

    [Fact]
    public void Apply_ReportFromTheFuture_EndsWhenItCame()
    {
        var (view, _) = NewView();
        view.Apply(Cluster(1, 0, Broker("1")));

        view.Apply(Message(Load("1", 1, 500)), At(5));

        Assert.Equal(At(5), view.Snapshot(At(6), 1).Brokers.Single().ReportTime);
    }

    [Fact]
    public void Apply_ReportWhoseNamesAreNotKnown_KeepsTheLastOneWithItsAge()
    {
        var (view, _) = NewView();
        view.Apply(Cluster(1, 0, Broker("1")));
        view.Apply(Message(Load("1", 1, 10, Topic("/default/a"))), At(10));

        var (intake, _, _) = view.Apply(Message(Load("1", 2, 40, Topic("/default/a"))) with { Encoding = LoadReportCodec.ColumnsReferring, Names = "0123456789abcdef" }, At(40));

        Assert.Equal(Intake.UnknownNames, intake);
        Assert.Contains("topic names of broker 1", view.Lack(), StringComparison.Ordinal);
        var snapshot = view.Snapshot(At(41), 1);
        Assert.Equal((At(10), 1L), (snapshot.Brokers.Single().ReportTime!.Value, snapshot.Brokers.Single().ReportSequence));
        Assert.Equal("1", snapshot.Topics.Single().BrokerId);
        view.Apply(Message(Load("1", 3, 45, Topic("/default/a"))), At(45));
        Assert.Null(view.Lack());
    }

    [Fact]
    public void Apply_CollectorBegunAnewAfterItsClockWasSetBack_IsHeard()
    {
        var (view, _) = NewView();
        view.Apply(Cluster(Sequence(3600), 3600, Broker("1")), At(3600));
        view.Apply(Message(Load("1", Sequence(3601), 3601)), At(3601));

        var cluster = view.Apply(Cluster(Sequence(100), 100, Broker("1"), Broker("2")), At(100));
        var load = view.Apply(Message(Load("1", Sequence(101), 101)), At(101));

        Assert.Equal((Intake.Accepted, Intake.Accepted), (cluster.Intake, load.Intake));
        Assert.Equal(At(101), view.Snapshot(At(102), 1).Brokers[0].ReportTime);
        Assert.Equal(Intake.Late, view.Apply(Message(Load("1", Sequence(99), 99)), At(102)).Intake);
    }

    [Fact]
    public void Apply_AnotherCollectorAfterTheElectedOnesClockWasSetBack_IsElectedAtOnce()
    {
        var (view, _) = NewView();
        view.Apply(Cluster(Sequence(3600), 3600, Broker("1")), At(3600));
        view.Apply(Message(Load("1", Sequence(3601), 3601) with { Collector = Sequence(3600) }), At(3601));

        var load = view.Apply(Message(Load("1", Sequence(101), 101) with { Collector = Sequence(100) }), At(101));

        Assert.Equal(Intake.Accepted, load.Intake);
        Assert.Equal(At(101), view.Snapshot(At(102), 1).Brokers[0].ReportTime);
    }

    private static long Sequence(double seconds) => At(seconds).ToUnixTimeMilliseconds() * LoadReport.SequencesPerMillisecond;

    [Theory]
    [InlineData("/default/orders-part-12", "/default/orders")]
    [InlineData("/default/orders-part-", null)]
    [InlineData("/default/orders-part-x", null)]
    [InlineData("/default/spare-parts", null)]
    [InlineData("/default/a-part-1-part-2", "/default/a-part-1")]
    public void PartitionGroupOf_Name_GivesTheBase(string name, string? group) => Assert.Equal(group, ClusterView.PartitionGroupOf(name));
}
