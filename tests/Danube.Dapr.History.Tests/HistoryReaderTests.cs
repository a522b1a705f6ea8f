using System.Text.Json;
using Danube.Dapr.Contracts;
using Danube.Dapr.History.Api;
using Danube.Dapr.History.Record;
using Danube.Dapr.History.Storage;
using Microsoft.Extensions.Time.Testing;
using static Danube.Dapr.History.Tests.Happenings;

namespace Danube.Dapr.History.Tests;

public sealed class HistoryReaderTests
{
    private readonly MemoryStore _store = new();
    private readonly FakeTimeProvider _clock = new(Start);
    private readonly HistoryRecorder _recorder;
    private readonly HistoryReader _reader;

    public HistoryReaderTests()
    {
        _recorder = new HistoryRecorder(_store, _clock, 30);
        _reader = new HistoryReader(_store);
    }

    [Fact]
    public async Task Page_NothingRecorded_IsEmpty()
    {
        var page = await PageAsync();

        Assert.Equal((0, 0), (page.Total, page.Items.Count));
    }

    [Fact]
    public async Task Page_Filters_GiveOnlyWhatMatches()
    {
        await _recorder.AppendAsync(
            [
                Entries.Of(Plan("p1", 1)), Move("p1", "/default/a", MoveState.Done, from: "1", to: "2"), Move("p2", "/default/b", MoveState.Done, from: "3", to: "1"),
                Event(3), Cycle(1, plan: "p1"),
            ],
            default);

        Assert.Equal([2], await PositionsAsync(topic: "/default/a"));
        Assert.Equal([3, 2], await PositionsAsync(broker: "1"));
        Assert.Equal([4, 3], await PositionsAsync(broker: "3"));
        Assert.Equal([5, 2, 1], await PositionsAsync(plan: "p1"));
        Assert.Equal([3, 2], await PositionsAsync(kind: "move"));
        Assert.Equal([2], await PositionsAsync(kind: "move", plan: "p1"));
    }

    [Fact]
    public async Task Page_BeforeThePositionOfTheLastItem_GoesOn()
    {
        await _recorder.AppendAsync([.. Enumerable.Range(0, 30).Select(i => Event(i, i))], default);

        var first = await PageAsync(limit: 20);
        var rest = await PageAsync(before: $"{first.Items[^1].Position}", limit: 20);

        Assert.Equal(30, first.Total);
        Assert.Equal(Enumerable.Range(0, 30).Reverse(), first.Items.Concat(rest.Items).Select(e => int.Parse(e.BrokerEvent!.BrokerId, null)));
        Assert.Equal([3, 2, 1], await PositionsAsync(before: "2026-01-02T03:04:08Z"));
    }

    [Fact]
    public async Task Page_AskedAgain_ReadsClosedSegmentsOnce()
    {
        for (var i = 0; i < 300; i += 50)
            await _recorder.AppendAsync([.. Enumerable.Range(i, 50).Select(n => Event(n))], default);
        await PageAsync(limit: 1_000);
        _store.Reads.Clear();

        await PageAsync(limit: 1_000);

        Assert.Equal(["history-head", "history-segment-3"], _store.Reads);
    }

    /// <summary>What is seldom must not cost a reading of all that is frequent.</summary>
    [Fact]
    public async Task Page_OfOneKind_ReadsOnlyTheDaysThatHaveIt_AndThoseOnlyUntilAllAreSeen()
    {
        await CyclesAsync(1, 250);
        await _recorder.AppendAsync([Event(1)], default);
        await CyclesAsync(251, 40);
        for (var day = 1; day <= 3; day++)
        {
            _clock.Advance(TimeSpan.FromDays(1));
            await CyclesAsync(day * 1_000, 250);
        }

        var reader = new HistoryReader(_store);
        _store.Reads.Clear();
        var page = await reader.PageAsync(new HistoryQuery("broker-event", Limit: 12).ToFilter(), default);

        Assert.Equal(["event-1"], page.Items.Select(e => e.BrokerEvent!.Id));
        Assert.Equal(["history-head", "history-segment-3"], _store.Reads);

        async Task CyclesAsync(int first, int count)
        {
            foreach (var batch in Enumerable.Range(first, count).Chunk(50))
                await _recorder.AppendAsync([.. batch.Select(n => Cycle(n))], default);
        }
    }

    [Fact]
    public async Task Page_OfOneKind_FindsWhatADayHasThatAnOlderVersionBegan()
    {
        var head = new HistoryHead { NextPosition = 2, Days = [new HistoryDay(DateOnly.FromDateTime(_clock.GetUtcNow().UtcDateTime), 1, 1)] };
        await _store.WriteAsync(
            [
                new StoreWrite(Keys.Head, JsonSerializer.SerializeToUtf8Bytes(head, HistoryJson.Default.HistoryHead)),
                new StoreWrite(Keys.Segment(1), JsonSerializer.SerializeToUtf8Bytes(new Segment([Event(1) with { Position = 1 }]), HistoryJson.Default.Segment)),
            ],
            default);
        await _recorder.AppendAsync([Event(2)], default);

        Assert.Equal([2, 1], await PositionsAsync(kind: "broker-event"));
    }

    [Fact]
    public async Task Plan_WithThousandsOfMoves_ComesBackWhole()
    {
        var plan = Plan("big-1", 8_000);
        await _recorder.AppendAsync([Entries.Of(plan)], default);

        var run = await _reader.PlanAsync("big-1", default);

        Assert.Equal(plan.Moves.Select(m => (m.Topic, m.Reason)), run!.Plan.Moves.Select(m => (m.Topic, m.Reason)));
        Assert.Equal(PlanRunState.Proposed, run.State);
        Assert.Empty((await PageAsync()).Items.Single().Plan!.Moves);
        Assert.All(_store.Values.Values, v => Assert.InRange(v.Length, 1, 256 << 10));
        Assert.True(_store.Values.Count > 3, "A plan of that size takes several pieces.");
    }

    [Fact]
    public async Task Plan_IdThatIsNoKey_IsKeptAndFound()
    {
        await _recorder.AppendAsync([Entries.Of(Plan("a||b/ü", 1))], default);

        Assert.NotNull(await _reader.PlanAsync("a||b/ü", default));
        Assert.Null(await _reader.PlanAsync("a||b", default));
        Assert.All(_store.Values.Keys, key => Assert.Matches("^[a-z0-9-]+$", key));
    }

    [Fact]
    public async Task Plan_SomeMovesEnded_IsRunningThenFinished()
    {
        await _recorder.AppendAsync([Entries.Of(Plan("p", 3)), Move("p", "/default/topic-0", MoveState.Planned), Move("p", "/default/topic-0", MoveState.Done, 2)], default);
        var running = await _reader.PlanAsync("p", default);
        await _recorder.AppendAsync([Move("p", "/default/topic-1", MoveState.Skipped, 3), Move("p", "/default/topic-2", MoveState.Stuck, 4)], default);
        var finished = await _reader.PlanAsync("p", default);

        Assert.Equal((PlanRunState.Running, 1, null), (running!.State, running.Done, running.FinishedAt));
        Assert.Equal((PlanRunState.Finished, 1, 1, 1), (finished!.State, finished.Done, finished.Failed, finished.Skipped));
        Assert.Equal(At(4), finished.FinishedAt);
    }

    [Fact]
    public async Task Move_Steps_AreOldestFirst()
    {
        await _recorder.AppendAsync(
            [Entries.Of(Plan("p", 2)), Move("p", "/default/a", MoveState.Planned), Move("p", "/default/b", MoveState.Planned), Move("p", "/default/a", MoveState.Done, 2)], default);

        Assert.Equal([MoveState.Planned, MoveState.Done], (await _reader.MoveAsync("p", "/default/a", default)).Select(m => m.State));
        Assert.Empty(await _reader.MoveAsync("p", "/default/none", default));
        Assert.Empty(await _reader.MoveAsync("none", "/default/a", default));
    }

    [Fact]
    public async Task Statistics_OverAPart_CountsOnlyThatAndReadsOnlyItsDays()
    {
        await _recorder.AppendAsync([Cycle(1, reason: ReasonCode.Balanced)], default);
        _clock.Advance(TimeSpan.FromDays(2));
        var later = 2 * 86_400;
        await _recorder.AppendAsync(
            [
                Cycle(2, later, ReasonCode.CoolDown), Cycle(3, later + 1), Entries.Of(Plan("p", 3) with { CreatedAt = At(later) }),
                Move("p", "/default/a", MoveState.Unloading, later + 2),
                Move("p", "/default/a", MoveState.Done, later + 3, "1", "2", ms: 40),
                Move("p", "/default/b", MoveState.Done, later + 3, "1", "2", ms: 60),
                Move("p", "/default/c", MoveState.Failed, later + 3),
                Move("q", "/default/a", MoveState.Done, later + 5, "2", "1", ms: 100),
            ],
            default);
        _store.Reads.Clear();

        var statistics = await _reader.StatisticsAsync(At(later - 60), At(later + 60), default);

        Assert.Equal((2, 1), (statistics.Cycles, statistics.Plans));
        Assert.Equal(new Dictionary<string, int> { ["Done"] = 3, ["Failed"] = 1 }, statistics.MovesByState);
        Assert.Equal(new Dictionary<string, int> { ["CoolDown"] = 1 }, statistics.CyclesByReason);
        Assert.Equal((60, 100, 1), (statistics.MedianMoveMs, statistics.MaxMoveMs, statistics.PingPongs));
        Assert.DoesNotContain("history-segment-1", _store.Reads);
    }

    [Fact]
    public async Task Statistics_OverMoreThanIsKept_AreOfWhatIsKept()
    {
        await _recorder.AppendAsync([Cycle(1)], default);

        var statistics = await _reader.StatisticsAsync(At(0).AddDays(-365), At(60), default);

        Assert.Equal((new DateTimeOffset(At(0).Date, TimeSpan.Zero), At(60), 1), (statistics.From, statistics.To, statistics.Cycles));
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(1, true)]
    [InlineData(365, true)]
    [InlineData(366, false)]
    public void Options_Retention_IsChecked(int days, bool valid) =>
        Assert.Equal(valid, new HistoryOptionsValidator().Validate(null, new HistoryOptions { RetentionDays = days }).Succeeded);

    private async Task<IEnumerable<long>> PositionsAsync(
        string? kind = null, string? topic = null, string? broker = null, string? plan = null, string? before = null) =>
        (await _reader.PageAsync(new HistoryQuery(kind, topic, broker, plan, before).ToFilter(), default)).Items.Select(e => e.Position);

    private Task<Page<HistoryEntry>> PageAsync(string? before = null, int? limit = null) =>
        _reader.PageAsync(new HistoryQuery(Before: before, Limit: limit).ToFilter(), default);
}
