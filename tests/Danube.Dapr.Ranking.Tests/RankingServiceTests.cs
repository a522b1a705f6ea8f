using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Danube.Dapr.Contracts;
using Danube.Dapr.Testing;
using Microsoft.Extensions.Time.Testing;
using static Danube.Dapr.Ranking.Tests.Reports;

namespace Danube.Dapr.Ranking.Tests;

[Collection(InTurn)]
public sealed class RankingServiceTests : IAsyncLifetime
{
    /// <summary>Meters are seen by every service of the process, so services that show the same metrics run one after the other.</summary>
    internal const string InTurn = "ranking services";

    private readonly FakeTimeProvider _clock = new(At(10));
    private ServiceUnderTest<Program> _service = null!;

    public async Task InitializeAsync() => _service = await ServiceUnderTest.StartAsync<Program>(_clock, ("Ranking:CacheMilliseconds", "0"), ("Ranking:StrandedAfterSeconds", "0"));

    public async Task DisposeAsync() => await _service.DisposeAsync();

    [Fact]
    public async Task Reports_Delivered_AreRankedMeasuredAndServed()
    {
        await DeliverAsync(Cluster(1, 0, Broker("18446744073709551615"), Broker("2")));
        await DeliverAsync(Load("18446744073709551615", 1, 1, Topic("/default/a", bytes: 3_000)));
        await DeliverAsync(Load("2", 1, 1, Topic("/default/b", bytes: 1_000)));
        await DeliverAsync(Cluster(2, 2, Broker("18446744073709551615"), Broker("2")));

        var ranking = await GetAsync<RankingReport>("rankings");
        var balance = await GetAsync<BalanceReport>("balance");
        var brokers = await GetAsync<BrokerView[]>("brokers");
        var topics = await GetAsync<Page<TopicSnapshot>>("topics?sort=bytes&limit=1");
        var topic = await GetAsync<TopicSnapshot>("topics/default/b");

        Assert.Equal(["2", "18446744073709551615"], ranking.Brokers.Select(b => b.BrokerId));
        Assert.Equal((2, 1.5, "bytes"), (balance.Brokers, balance.MaxOverMean, balance.Cause));
        Assert.Equal([3_000, 1_000], brokers.Select(b => b.BytesPerSecond));
        Assert.Equal((2, "/default/a"), (topics.Total, topics.Items.Single().Name));
        Assert.Equal("2", topic.BrokerId);
        Assert.NotEmpty(await GetAsync<BalanceSample[]>("balance/history"));
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("identity")]
    public async Task Snapshot_AskedForTwice_IsTheSameGenerationAndTransferredOnce(string encoding)
    {
        await DeliverAsync(Cluster(1, 0, Broker("1")));
        await DeliverAsync(Load("1", 1, 1, Topic("/default/a")));
        using var http = new HttpClient(new HttpClientHandler { AutomaticDecompression = DecompressionMethods.All }) { BaseAddress = _service.Http.BaseAddress };
        http.DefaultRequestHeaders.AcceptEncoding.ParseAdd(encoding);

        var first = await http.GetFromJsonAsync("snapshot", ContractsJson.Default.ClusterSnapshot);
        var second = await http.GetFromJsonAsync("snapshot", ContractsJson.Default.ClusterSnapshot);
        await DeliverAsync(Load("1", 2, 2, Topic("/default/a")));
        var third = await http.GetFromJsonAsync("snapshot", ContractsJson.Default.ClusterSnapshot);

        Assert.Equal("/default/a", first!.Topics.Single().Name);
        Assert.Equal(first.Generation, second!.Generation);
        Assert.Equal(first.Generation + 1, third!.Generation);
    }

    [Fact]
    public async Task Events_OfAReport_ArePublishedOnceEach()
    {
        await DeliverAsync(Cluster(1, 0, Broker("1"), Broker("2")));
        await DeliverAsync(Cluster(1, 0, Broker("1"), Broker("2")));
        await DeliverAsync(Cluster(2, 5, Broker("1"), Broker("2", reachable: false)) with { Unowned = [new UnownedTopic("/default/x", At(5), "2")] });

        Assert.Equal(
            [BrokerEventKind.BrokerJoined, BrokerEventKind.BrokerJoined, BrokerEventKind.BrokerUnreachable, BrokerEventKind.TopicStranded],
            Events().Select(e => e.Kind));
        Assert.Equal("/default/x", (await GetAsync<UnownedTopic[]>("unowned")).Single().Name);
    }

    [Fact]
    public async Task Events_StoredButNotPublished_AreToldAfterARestartAndNothingElseIs()
    {
        await DeliverAsync(Cluster(1, 0, Broker("1")));
        _service.Sidecar.Published.Clear();
        var stored = _service.Sidecar.ActorState["ClusterActor||cluster||memory"];
        const string pending = """
            "outbox":[{"id":"lost","time":"2026-01-02T03:04:05+00:00","kind":"BrokerJoined","brokerId":"1","detail":""}]
            """;
        var lost = stored.Replace("\"outbox\":[]", pending, StringComparison.Ordinal);
        Assert.NotEqual(stored, lost);
        _service.Sidecar.ActorState["ClusterActor||cluster||memory"] = lost;
        await _service.Sidecar.DeactivateAsync("ClusterActor", "cluster");

        await DeliverAsync(Cluster(2, 5, Broker("1")));

        Assert.Equal("lost", Events().Single().Id);
        Assert.DoesNotContain("lost", _service.Sidecar.ActorState["ClusterActor||cluster||memory"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Report_StoreFails_IsRefusedAndTheChangeIsToldWithTheNextOne()
    {
        _service.Sidecar.Broken = true;
        var refused = await _service.Sidecar.DeliverAsync(DaprNames.Topics.ClusterReports, Cluster(1, 0, Broker("1")), ContractsJson.Wire);
        _service.Sidecar.Broken = false;
        await DeliverAsync(Cluster(2, 1, Broker("1")));

        Assert.Equal(HttpStatusCode.InternalServerError, refused.StatusCode);
        Assert.Equal(BrokerEventKind.BrokerJoined, Events().Single().Kind);
    }

    [Fact]
    public async Task Restart_FirstSeen_IsKeptAndGenerationsGrow()
    {
        await DeliverAsync(Cluster(1, 0, Broker("1")));
        await DeliverAsync(Load("1", 1, 1, Topic("/default/a")));
        var before = await GetAsync<ClusterSnapshot>("snapshot");
        await _service.Sidecar.DeactivateAsync("ClusterActor", "cluster");
        _clock.Advance(TimeSpan.FromSeconds(100));

        await DeliverAsync(Cluster(2, 100, Broker("1")));
        await DeliverAsync(Load("1", 2, 101, Topic("/default/a"), Topic("/default/b")));
        var after = await GetAsync<ClusterSnapshot>("snapshot");

        Assert.Equal([At(1), At(101)], after.Topics.Select(t => t.FirstSeen!.Value));
        Assert.True(after.Generation > before.Generation);
    }

    [Fact]
    public async Task Balance_InAMaskWindow_CountsTheMaskedBrokersAndTellsNoChangeOfState()
    {
        Masked(new MaskSpan("2", At(9), null));
        await DeliverAsync(Cluster(1, 0, Broker("1"), Broker("2"), Broker("3")));
        await DeliverAsync(Load("1", 1, 1, Topic("/default/a", bytes: 3_000)));
        await DeliverAsync(Load("2", 1, 1, Topic("/default/b", bytes: 1_000)));
        await DeliverAsync(Load("3", 1, 1, Topic("/default/c", bytes: 2_000)));

        await DeliverAsync(Cluster(2, 10, Broker("1"), Broker("2", BrokerState.Drained), Broker("3", BrokerState.Drained)));

        Assert.Equal(2, (await GetAsync<BalanceReport>("balance")).Brokers);
        Assert.Equal([BrokerState.Active, BrokerState.Active, BrokerState.Drained], (await GetAsync<BrokerView[]>("brokers")).Select(b => b.State));
        Assert.Equal("3", Assert.Single(Events(), e => e.Kind == BrokerEventKind.BrokerStateChanged).BrokerId);
    }

    [Theory]
    [InlineData(-20, -10, BrokerState.Drained)]
    [InlineData(-20, -3, BrokerState.Active)]
    [InlineData(-20, 3, BrokerState.Active)]
    [InlineData(3, 10, BrokerState.Active)]
    [InlineData(20, 30, BrokerState.Drained)]
    public async Task MaskedBroker_SeenNearItsMask_IsActive(double from, double to, BrokerState expected)
    {
        Masked(new MaskSpan("1", At(10 + from), At(10 + to)));

        await DeliverAsync(Cluster(1, 10, Broker("1", BrokerState.Drained)));

        Assert.Equal(expected, (await GetAsync<BrokerView[]>("brokers")).Single().State);
    }

    [Fact]
    public async Task MaskedBroker_WhileTheRebalancerDoesNotAnswer_IsWhatWasKnownLast()
    {
        Masked(new MaskSpan("1", At(9), null));
        await DeliverAsync(Cluster(1, 10, Broker("1", BrokerState.Drained), Broker("2", BrokerState.Drained)));
        _service.Sidecar.Answers.Clear();

        await DeliverAsync(Cluster(2, 11, Broker("1", BrokerState.Drained), Broker("2", BrokerState.Drained)));

        Assert.Equal([BrokerState.Active, BrokerState.Drained], (await GetAsync<BrokerView[]>("brokers")).Select(b => b.State));
    }

    [Fact]
    public async Task ClusterReport_WithoutADrainedBroker_AsksNobodyForMasks()
    {
        await DeliverAsync(Cluster(1, 0, Broker("1")));

        Assert.DoesNotContain(_service.Sidecar.Invocations, i => i.Call == "GET rebalancer/masks");
    }

    [Fact]
    public async Task LoadReport_Unreadable_GoesToTheDeadLetterTopic()
    {
        var answer = await _service.Sidecar.DeliverAsync(DaprNames.Topics.LoadReports, new LoadReportMessage("1", 1, "rubbish", [1]), ContractsJson.Wire);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal("DROP", (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("status").GetString());
    }

    [Fact]
    public async Task Subscriptions_AreThoseOfTheCollectorWithDeadLetterTopics()
    {
        var subscriptions = await GetAsync<JsonElement>("dapr/subscribe");

        Assert.Equal(
            [("cluster-reports", "cluster-reports-dead-letter"), ("load-reports", "load-reports-dead-letter")],
            subscriptions.EnumerateArray().Select(s => (s.GetProperty("topic").GetString(), s.GetProperty("deadLetterTopic").GetString())).Order());
    }

    [Fact]
    public async Task Topic_ThatIsNotThere_IsAProblemThatNamesIt()
    {
        var answer = await _service.Http.GetAsync("topics/default/none");

        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        Assert.Contains("/default/none", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Metrics_AfterAReport_HaveTheRoadmapsNames()
    {
        await DeliverAsync(Load("1", 1, 1, Topic("/default/a", bytes: 1e6)));
        await DeliverAsync(Cluster(1, 2, Broker("1"), Broker("2")));

        var text = await _service.Http.GetStringAsync("metrics");

        foreach (var name in (string[])[
            "danube_cluster_imbalance", "danube_cluster_broker_count", "danube_cluster_topic_count", "danube_cluster_total_throughput_mbps",
            "danube_load_manager_ranking_latency_ms_bucket", "danube_broker_load_score", "danube_broker_topic_count", "danube_broker_throughput_mbps"])
            Assert.Contains($"\n{name}{{", text, StringComparison.Ordinal);
        Assert.Matches("\ndanube_broker_throughput_mbps\\{[^}]*broker_id=\"1\"[^}]*\\} 8\n", text);
    }

    private void Masked(params MaskSpan[] spans) => _service.Sidecar.Answers["GET rebalancer/masks"] = (200, JsonSerializer.Serialize(spans, ContractsJson.Wire));

    private BrokerEvent[] Events() =>
        [.. _service.Sidecar.Published.Where(p => p.Topic == DaprNames.Topics.BrokerEvents).Select(p => JsonSerializer.Deserialize(p.Json, ContractsJson.Default.BrokerEvent)!)];

    private async Task DeliverAsync(ClusterReport report) =>
        (await _service.Sidecar.DeliverAsync(DaprNames.Topics.ClusterReports, report, ContractsJson.Wire)).EnsureSuccessStatusCode();

    private async Task DeliverAsync(LoadReport report) =>
        (await _service.Sidecar.DeliverAsync(DaprNames.Topics.LoadReports, Message(report), ContractsJson.Wire)).EnsureSuccessStatusCode();

    private async Task<T> GetAsync<T>(string path) => (await _service.Http.GetFromJsonAsync<T>(path, ContractsJson.Wire))!;
}
