using Danube.Dapr.Contracts;
using Danube.Dapr.Ranking.Balance;
using Danube.Dapr.Ranking.View;
using static Danube.Dapr.Ranking.Tests.Reports;

namespace Danube.Dapr.Ranking.Tests;

public sealed class RankedViewTests
{
    [Fact]
    public void Balance_TwoBrokersThreeToOne_HasTheKnownFigures()
    {
        var view = View(3_000, 1_000);

        Assert.Equal(2, view.Balance.Brokers);
        Assert.Equal(0.5, view.Balance.CoefficientOfVariation, 12);
        Assert.Equal(1.5, view.Balance.MaxOverMean, 12);
        Assert.Equal(0.5, view.Balance.MinOverMean, 12);
        Assert.Equal("bytes", view.Balance.Cause);
        Assert.Equal("1", view.Balance.Resources.Single(r => r.Resource == "bytes").MaxBroker);
    }

    [Fact]
    public void Balance_OneResourceConfigured_DecidesAlone()
    {
        var view = View([3_000, 1_000], new RankingOptions { BalanceResources = { "messages" } });

        Assert.Equal("messages", view.Balance.Cause);
        Assert.Equal(1, view.Balance.MaxOverMean);
        Assert.Contains(view.Balance.Resources, r => r.Resource == "bytes");
    }

    [Fact]
    public void Balance_StaleUnreachableAndDrainingBrokers_TakeNoPart()
    {
        var (view, _) = Reports.NewView();
        view.Apply(Cluster(1, 0, Broker("1"), Broker("2"), Broker("3", reachable: false), Broker("4", BrokerState.Draining), Broker("5")));
        foreach (var (id, end) in new[] { ("1", 95d), ("2", 95), ("3", 95), ("4", 95), ("5", 1) })
            view.Apply(Message(Load(id, 1, end, Topic($"/default/{id}", bytes: 100))), At(100));

        var ranked = RankedView.Of(view.Snapshot(At(100), 1), new RankingOptions());

        Assert.Equal(2, ranked.Balance.Brokers);
        Assert.Equal(0, ranked.Balance.CoefficientOfVariation);
        Assert.Equal(["1", "2", "4"], ranked.Ranking.Brokers.Select(b => b.BrokerId).Order());
    }

    [Theory]
    [InlineData("fair")]
    [InlineData("weighted_composite")]
    public void Ranking_BrokersWithAnOldReportOrNone_HaveNoPlace(string strategy)
    {
        var (view, _) = Reports.NewView();
        view.Apply(Cluster(1, 0, Broker("1"), Broker("2"), Broker("3"), Broker("4")));
        foreach (var (id, end, bytes) in new[] { ("1", 95d, 3_000d), ("2", 1, 100), ("4", 95, 2_000) })
            view.Apply(Message(Load(id, 1, end, Topic($"/default/{id}", bytes: bytes))), At(100));

        var ranked = RankedView.Of(view.Snapshot(At(100), 1), new RankingOptions { Strategy = strategy });

        Assert.Equal(["1", "4"], ranked.Ranking.Brokers.Select(b => b.BrokerId).Order());
        Assert.Equal([1, 2], ranked.Ranking.Brokers.Select(b => b.Rank));
        var views = BrokerViews.Of(ranked, At(100));
        Assert.Equal(["2", "3"], views.Where(b => b.Rank == 0).Select(b => b.Id));
        Assert.Equal([99, null], views.Where(b => b.Rank == 0).Select(b => b.ReportAgeSeconds));
    }

    [Fact]
    public void Balance_EmptyCluster_IsEven()
    {
        var (view, _) = Reports.NewView();

        var ranked = RankedView.Of(view.Snapshot(At(0), 1), new RankingOptions());

        Assert.Equal((0, 0d, 1d, ""), (ranked.Balance.Brokers, ranked.Balance.CoefficientOfVariation, ranked.Balance.MaxOverMean, ranked.Balance.Cause));
        Assert.Empty(ranked.Ranking.Brokers);
    }

    [Fact]
    public void Ranking_WeightedComposite_FactorsAddUpToTheScore()
    {
        var view = View(5_000, 2_000, 1_000);

        Assert.Equal(["3", "2", "1"], view.Ranking.Brokers.Select(b => b.BrokerId));
        Assert.Equal([1, 2, 3], view.Ranking.Brokers.Select(b => b.Rank));
        Assert.All(view.Ranking.Brokers, b => Assert.Equal(b.Score, b.Factors.Values.Sum(), 9));
        Assert.Equal(["bytes", "topics"], view.Ranking.Brokers[0].Factors.Keys.Order());
    }

    [Fact]
    public void Ranking_Fair_CountsTopics()
    {
        var view = View([3_000, 1_000], new RankingOptions { Strategy = "fair" });

        Assert.All(view.Ranking.Brokers, b => Assert.Equal(1, b.Score));
        Assert.Equal("fair", view.Ranking.Strategy);
    }

    [Fact]
    public void BrokerViews_SumsAndPlaces_FollowTheTopics()
    {
        var views = BrokerViews.Of(View(3_000, 1_000), At(7));

        Assert.Equal([3_000, 1_000], views.Select(v => v.BytesPerSecond));
        Assert.Equal([1, 1], views.Select(v => v.Topics));
        Assert.Equal([2, 1], views.Select(v => v.Rank));
        Assert.Equal([true, false], views.Select(v => v.IsLeader));
        Assert.All(views, v => Assert.Equal(2, v.ReportAgeSeconds));
    }

    [Fact]
    public void ViewDocument_PackedAndUnpacked_IsTheSame()
    {
        var snapshot = View(3_000, 1_000).Snapshot;
        var document = new ViewDocument(snapshot, [new UnownedTopic("/default/x", At(0))], [new BalanceSample(At(0), .5, 1.5, "bytes")]);

        var read = ViewDocument.Unpack(document.Pack());

        Assert.Equal(snapshot.Topics, read.Snapshot.Topics);
        Assert.Equal(document.Unowned, read.Unowned);
        Assert.Equal(document.Curve, read.Curve);
    }

    [Fact]
    public void BalanceCurve_MoreSamplesThanRoom_KeepsTheLast()
    {
        var curve = new BalanceCurve(2);
        foreach (var load in new[] { 1_000, 2_000, 3_000 })
            curve.Add(View(load, 1_000).Balance);

        Assert.Equal([2_000 / 1_500d, 1.5], curve.Samples().Select(s => s.MaxOverMean));
    }

    private static RankedView View(params double[] bytes) => View(bytes, new RankingOptions());

    private static RankedView View(double[] bytes, RankingOptions options)
    {
        var (view, _) = Reports.NewView(options);
        view.Apply(Cluster(1, 0, [.. bytes.Select((_, i) => Broker($"{i + 1}"))]));
        for (var i = 0; i < bytes.Length; i++)
            view.Apply(Message(Load($"{i + 1}", 1, 5, Topic($"/default/t{i}", bytes: bytes[i]))), At(5));
        return RankedView.Of(view.Snapshot(At(5), 1), options);
    }
}
