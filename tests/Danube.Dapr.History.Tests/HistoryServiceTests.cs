using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Danube.Dapr.Contracts;
using Danube.Dapr.History.Record;
using Danube.Dapr.Testing;
using static Danube.Dapr.History.Tests.Happenings;

namespace Danube.Dapr.History.Tests;

public sealed class HistoryServiceTests : IAsyncLifetime
{
    private ServiceUnderTest<Program> _service = null!;

    public async Task InitializeAsync() => _service = await ServiceUnderTest.StartAsync<Program>();

    public async Task DisposeAsync() => await _service.DisposeAsync();

    [Fact]
    public async Task Messages_OfAllKinds_AreStoredAndAnswered()
    {
        await DeliverAsync(DaprNames.Topics.Plans, Plan("p-1", 1));
        await DeliverAsync(DaprNames.Topics.Cycles, Cycle(1, plan: "p-1").Cycle);
        await DeliverAsync(DaprNames.Topics.Moves, Move("p-1", "/default/topic-0", MoveState.Planned).Move);
        await DeliverAsync(DaprNames.Topics.Moves, Move("p-1", "/default/topic-0", MoveState.Done, 1, ms: 42).Move);
        await DeliverAsync(DaprNames.Topics.BrokerEvents, Event(7).BrokerEvent);

        var page = await GetAsync<Page<HistoryEntry>>("history");
        var plan = await GetAsync<PlanRun>("history/plans/p-1");
        var move = await GetAsync<Page<MoveRecord>>("history/moves/p-1:/default/topic-0");
        var encoded = await GetAsync<Page<MoveRecord>>("history/moves/p-1:%2Fdefault%2Ftopic-0");

        Assert.Equal(["broker-event", "move", "move", "cycle", "plan"], page.Items.Select(e => e.Kind));
        Assert.Equal((PlanRunState.Finished, 1, "/default/topic-0"), (plan.State, plan.Done, plan.Plan.Moves.Single().Topic));
        Assert.Equal([MoveState.Planned, MoveState.Done], move.Items.Select(m => m.State));
        Assert.Equal(2, encoded.Total);
    }

    [Fact]
    public async Task Move_ThatIsJudged_IsToldAgainWithWhatItDid_AndCountsOnce()
    {
        var done = Move("p-1", "/default/topic-0", MoveState.Done, 1, ms: 42).Move!;
        var judged = done with { Effect = new MoveEffect(done.Topic, "2", 20, 0, 7, false, 3) { Verdict = MoveVerdict.Silent, Time = At(600) } };
        await DeliverAsync(DaprNames.Topics.Plans, Plan("p-1", 1));
        foreach (var told in new[] { done, judged, judged })
            await DeliverAsync(DaprNames.Topics.Moves, told);

        var move = await GetAsync<Page<MoveRecord>>("history/moves/p-1:/default/topic-0");
        var plan = await GetAsync<PlanRun>("history/plans/p-1");

        Assert.Equal([done, judged], move.Items);
        Assert.Equal((PlanRunState.Finished, 1, At(1)), (plan.State, plan.Done, plan.FinishedAt!.Value));
        Assert.Equal(At(600), (await GetAsync<Page<HistoryEntry>>("history")).Items[0].Time);
        var sums = Statistics.Of([Entries.Of(judged), Entries.Of(done)], At(0), At(1_000));
        Assert.Equal(("Done", 1), (sums.MovesByState.Single().Key, sums.MovesByState.Single().Value));
        Assert.Empty(Statistics.Of([Entries.Of(judged)], At(500), At(1_000)).MovesByState);
    }

    [Fact]
    public async Task Messages_ManyAtOnceAndTwice_AreStoredOnceInFewWrites()
    {
        await Task.WhenAll(Enumerable.Range(0, 200).Select(i => DeliverAsync(DaprNames.Topics.BrokerEvents, Event(i % 100).BrokerEvent)));

        var page = await GetAsync<Page<HistoryEntry>>("history?limit=1000");

        Assert.Equal(100, page.Total);
        Assert.Equal(100, page.Items.Select(e => e.BrokerEvent!.Id).Distinct().Count());
        Assert.InRange(_service.Sidecar.ActorCalls.Count, 1, 199);
    }

    [Fact]
    public async Task Message_StoreFails_IsRefusedAndTakenWhenDeliveredAgain()
    {
        _service.Sidecar.Broken = true;
        var refused = await _service.Sidecar.DeliverAsync(DaprNames.Topics.BrokerEvents, Event(1).BrokerEvent, ContractsJson.Wire);
        _service.Sidecar.Broken = false;
        await DeliverAsync(DaprNames.Topics.BrokerEvents, Event(1).BrokerEvent);

        Assert.Equal(HttpStatusCode.InternalServerError, refused.StatusCode);
        Assert.Equal(1, (await GetAsync<Page<HistoryEntry>>("history")).Total);
    }

    [Fact]
    public async Task Restart_Everything_IsStillThereAndGoesOn()
    {
        await DeliverAsync(DaprNames.Topics.BrokerEvents, Event(1).BrokerEvent);
        await _service.StopAsync();
        _service = ServiceUnderTest.Start<Program>(_service.Sidecar);

        await DeliverAsync(DaprNames.Topics.BrokerEvents, Event(1).BrokerEvent);
        await DeliverAsync(DaprNames.Topics.BrokerEvents, Event(2).BrokerEvent);

        Assert.Equal([2, 1], (await GetAsync<Page<HistoryEntry>>("history")).Items.Select(e => e.Position));
    }

    [Fact]
    public async Task Subscriptions_AreAllThatHappensWithDeadLetterTopics()
    {
        var subscriptions = await GetAsync<JsonElement>("dapr/subscribe");

        Assert.Equal(
            ["broker-events-dead-letter", "cycles-dead-letter", "moves-dead-letter", "plans-dead-letter"],
            subscriptions.EnumerateArray().Select(s => s.GetProperty("deadLetterTopic").GetString()).Order());
    }

    [Fact]
    public async Task Statistics_Default_CoverOneDay()
    {
        var statistics = await GetAsync<HistoryStatistics>("history/statistics");

        Assert.Equal(TimeSpan.FromHours(24), statistics.To - statistics.From);
    }

    [Theory]
    [InlineData("history/plans/none", "There is no plan 'none'")]
    [InlineData("history/moves/none:/default/a", "There is no move 'none:/default/a'")]
    public async Task Question_ForWhatIsNotThere_IsAProblemThatNamesIt(string path, string text)
    {
        var answer = await _service.Http.GetAsync(path);

        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        Assert.Contains(text, JsonSerializer.Serialize(await answer.Content.ReadFromJsonAsync<JsonElement>(), PlainJson), StringComparison.Ordinal);
    }

    private static readonly JsonSerializerOptions PlainJson = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private async Task DeliverAsync<T>(string topic, T message) =>
        (await _service.Sidecar.DeliverAsync(topic, message, ContractsJson.Wire)).EnsureSuccessStatusCode();

    private async Task<T> GetAsync<T>(string path) => (await _service.Http.GetFromJsonAsync<T>(path, ContractsJson.Wire))!;
}
