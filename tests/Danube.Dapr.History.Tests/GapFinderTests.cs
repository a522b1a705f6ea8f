using System.Net;
using System.Net.Http.Json;
using Danube.Dapr.Contracts;
using Danube.Dapr.History.Record;
using Microsoft.Extensions.Time.Testing;
using static Danube.Dapr.History.Tests.Happenings;

namespace Danube.Dapr.History.Tests;

/// <summary>What the rebalancer knows and the record does not.</summary>
public sealed class GapFinderTests : IDisposable
{
    private const int RetentionDays = 30;

    private readonly FakeTimeProvider _clock = new(At(60));
    private readonly MemoryStore _store = new();
    private readonly HistoryRecorder _recorder;
    private readonly Rebalancer _rebalancer = new();
    private readonly HttpClient _http;
    private readonly HistoryReader _reader;
    private readonly GapFinder _finder;

    public GapFinderTests()
    {
        _recorder = new HistoryRecorder(_store, _clock, RetentionDays);
        _http = new HttpClient(_rebalancer) { BaseAddress = new Uri("http://rebalancer") };
        _reader = new HistoryReader(_store);
        _finder = new GapFinder(_http, _reader, _clock, RetentionDays);
    }

    public void Dispose() => _http.Dispose();

    [Fact]
    public async Task Find_EndAndPlanLost_GivesThemOnce()
    {
        _rebalancer.Ends("p1", endedAt: 10, MoveState.Done, MoveState.Skipped);
        await _recorder.AppendAsync([Move("p1", "/default/topic-0", MoveState.Unloading), Move("p1", "/default/topic-1", MoveState.Skipped)], default);

        var missing = await _finder.FindAsync(default);

        Assert.Equal(["plan|p1", "move|p1:/default/topic-0|Done|1"], missing.Select(Entries.Identity));
        await _recorder.AppendAsync(missing, default);
        Assert.Empty(await _finder.FindAsync(default));
        var asked = _rebalancer.Asked;
        Assert.Empty(await _finder.FindAsync(default));
        Assert.Equal(asked + 1, _rebalancer.Asked); // the plan is complete: its moves are not read again
    }

    [Fact]
    public async Task Find_OnlyTheEndWasTold_GivesTheBeginningFromThePlan()
    {
        _rebalancer.Ends("p1", endedAt: 10, MoveState.Done, MoveState.Skipped);
        await _recorder.AppendAsync([Move("p1", "/default/topic-0", MoveState.Done), Move("p1", "/default/topic-1", MoveState.Skipped)], default);

        var missing = await _finder.FindAsync(default);

        Assert.Equal(["plan|p1", "move|p1:/default/topic-0|Planned|1"], missing.Select(Entries.Identity));
        Assert.Equal(missing[0].Plan!.CreatedAt, missing[1].Time);
        await _recorder.AppendAsync(missing, default);
        Assert.Empty(await _finder.FindAsync(default));
    }

    /// <summary>After an outage each kind of message comes by itself: the plan last, cycles before it.</summary>
    [Fact]
    public async Task Find_PlanToldAfterItsStepsAndLaterCycles_FindsNothingAndThePlanHasItsSteps()
    {
        _rebalancer.Ends("p1", endedAt: 10, MoveState.Done);
        await _recorder.AppendAsync(
            [Move("p1", "/default/topic-0", MoveState.Unloading), Move("p1", "/default/topic-0", MoveState.Done), Cycle(1), Cycle(2), Entries.Of(Plan("p1", 1))], default);

        Assert.Empty(await _finder.FindAsync(default));
        Assert.Equal((PlanRunState.Finished, 1), (await _reader.PlanAsync("p1", default)) is { } run ? (run.State, run.Done) : default);
        Assert.Equal(2, (await _reader.MoveAsync("p1", "/default/topic-0", default)).Count);
    }

    [Fact]
    public async Task Find_PlanOlderThanWhatIsKept_IsNoGap()
    {
        _rebalancer.Ends("p1", endedAt: 10, MoveState.Done);
        _clock.Advance(TimeSpan.FromDays(RetentionDays));

        Assert.Empty(await _finder.FindAsync(default));
    }

    [Fact]
    public async Task Find_PlanOfWhichOnlyThePiecesWereStored_GivesItsEntry()
    {
        _rebalancer.Ends("p1", endedAt: 10, MoveState.Done);
        await _store.WriteAsync([.. PlanArchive.Writes(Plan("p1", 1))], default);
        await _recorder.AppendAsync([Move("p1", "/default/topic-0", MoveState.Unloading), Move("p1", "/default/topic-0", MoveState.Done)], default);

        Assert.Equal(["plan|p1"], (await _finder.FindAsync(default)).Select(Entries.Identity));
    }

    [Fact]
    public async Task Find_PlanRunsOrHasJustEnded_Waits()
    {
        _rebalancer.Ends("p1", endedAt: 58, MoveState.Done);
        _rebalancer.Ends("p2", endedAt: null, MoveState.Unloading);

        Assert.Empty(await _finder.FindAsync(default));
        _clock.Advance(GapFinder.OnItsWay);
        Assert.Equal(["plan|p1", "move|p1:/default/topic-0|Planned|1", "move|p1:/default/topic-0|Done|1"], (await _finder.FindAsync(default)).Select(Entries.Identity));
    }

    [Fact]
    public async Task Find_RebalancerRefuses_Throws()
    {
        _rebalancer.Refuses = true;

        await Assert.ThrowsAsync<HttpRequestException>(() => _finder.FindAsync(default));
    }

    private sealed class Rebalancer : HttpMessageHandler
    {
        private readonly List<PlanRun> _plans = [];
        private readonly List<MoveRecord> _moves = [];

        public int Asked { get; private set; }

        public bool Refuses { get; set; }

        public void Ends(string plan, double? endedAt, params MoveState[] states)
        {
            _plans.Insert(0, new PlanRun(
                Plan(plan, states.Length), endedAt is null ? PlanRunState.Running : PlanRunState.Finished, null, 0, 0, 0, endedAt is { } seconds ? At(seconds) : null));
            _moves.InsertRange(0, states.Select((state, i) => Move(plan, $"/default/topic-{i}", state, endedAt ?? 0).Move!));
        }

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            Asked++;
            if (Refuses)
                return Task.FromResult(new HttpResponseMessage(HttpStatusCode.InternalServerError));
            HttpContent content = request.RequestUri!.AbsolutePath == "/plans"
                ? JsonContent.Create(new Page<PlanRun>(_plans.Count, 0, _plans), options: ContractsJson.Wire)
                : JsonContent.Create(new Page<MoveRecord>(_moves.Count, 0, _moves), options: ContractsJson.Wire);
            return Task.FromResult(new HttpResponseMessage(HttpStatusCode.OK) { Content = content });
        }
    }
}
