using Danube.Dapr.Contracts;
using Danube.Dapr.History.Api;
using Danube.Dapr.History.Record;
using Microsoft.Extensions.Time.Testing;
using static Danube.Dapr.History.Tests.Happenings;

namespace Danube.Dapr.History.Tests;

public sealed class HistoryRecorderTests
{
    private readonly MemoryStore _store = new();
    private readonly FakeTimeProvider _clock = new(Start);

    [Fact]
    public async Task Append_Batch_IsOneTransaction()
    {
        var added = await Recorder().AppendAsync([Event(1), Cycle(2), Move("p", "/default/a", MoveState.Planned)], default);

        Assert.Equal((3, 1), (added, _store.Transactions));
        Assert.Equal(["broker-event", "cycle", "move"], (await AllAsync()).Select(e => e.Kind).Order());
        Assert.Equal([3, 2, 1], (await AllAsync()).Select(e => e.Position));
    }

    [Fact]
    public async Task Append_SameThingAgain_IsDroppedAlsoInTheSameBatchAndAfterARestart()
    {
        var recorder = Recorder();
        await recorder.AppendAsync([Event(1), Event(1)], default);
        await recorder.AppendAsync([Event(1)], default);

        Assert.Equal(0, await Recorder().AppendAsync([Event(1)], default));
        Assert.Single(await AllAsync());
    }

    /// <summary>The actor was elsewhere meanwhile, and nobody told the object that stayed here.</summary>
    [Fact]
    public async Task Append_AfterAnotherProcessHadTheRecord_KeepsWhatThatWrote()
    {
        var (here, there) = (Recorder(), Recorder());
        await here.AppendAsync([Event(1)], default);
        await there.AppendAsync([Event(2), Cycle(3)], default);

        Assert.Equal(1, await here.AppendAsync([Event(2), Event(4)], default));
        Assert.Equal(1, await there.AppendAsync([Event(4), Event(5)], default));

        Assert.Equal([5, 4, 3, 2, 1], (await AllAsync()).Select(e => e.Position));
    }

    [Fact]
    public async Task Append_NextStepOrNextTryOfAMove_IsNew()
    {
        await Recorder().AppendAsync(
            [
                Move("p", "/default/a", MoveState.Unloading), Move("p", "/default/a", MoveState.Verifying), Move("p", "/default/a", MoveState.Unloading, attempt: 2),
                Move("p", "/default/b", MoveState.Unloading),
            ],
            default);

        Assert.Equal(4, (await AllAsync()).Count);
    }

    [Fact]
    public async Task Append_ManyEntries_KeepsEveryValueSmall()
    {
        var recorder = Recorder();
        for (var i = 0; i < 1_000; i += 50)
            await recorder.AppendAsync([.. Enumerable.Range(i, 50).Select(n => Cycle(n))], default);

        Assert.Equal(10, _store.Values.Keys.Count(k => k.StartsWith("history-segment-", StringComparison.Ordinal)));
        Assert.All(_store.Values.Values, v => Assert.InRange(v.Length, 1, HistoryRecorder.SegmentBytes));
        Assert.Equal(Enumerable.Range(1, 1_000).Reverse().Select(i => (long)i), (await AllAsync()).Select(e => e.Position));
    }

    [Fact]
    public async Task Append_LargeEntries_BeginASegmentBeforeItIsTooLarge()
    {
        var refusals = Enumerable.Range(0, 100).Select(i => new Refusal(SubjectKind.Topic, $"/default/topic-{i}", ReasonCode.CoolDown, new string('x', 100))).ToArray();
        var recorder = Recorder();
        for (var i = 0; i < 20; i++)
            await recorder.AppendAsync([Entries.Of(Cycle(i).Cycle! with { Refusals = refusals })], default);

        Assert.All(_store.Values.Values, v => Assert.InRange(v.Length, 1, HistoryRecorder.SegmentBytes + 100));
        Assert.Equal(20, (await AllAsync()).Count);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Append_WriteFailed_IsTakenOnceWhenDeliveredAgain(bool writtenDespite)
    {
        var recorder = Recorder();
        await recorder.AppendAsync([Event(1)], default);
        _store.FailNext = writtenDespite;
        await Assert.ThrowsAsync<IOException>(() => recorder.AppendAsync([Event(2)], default));

        await recorder.AppendAsync([Event(2)], default);

        Assert.Equal(["event-2", "event-1"], (await AllAsync()).Select(e => e.BrokerEvent!.Id));
    }

    [Fact]
    public async Task Append_AfterARestart_GoesOnWhereItWas()
    {
        await Recorder().AppendAsync([Event(1)], default);
        await Recorder().AppendAsync([Event(2)], default);

        Assert.Equal([2, 1], (await AllAsync()).Select(e => e.Position));
        Assert.Equal(2, _store.Values.Count);
    }

    [Fact]
    public async Task Append_DaysPastTheRetention_AreDeletedWithTheirPlans()
    {
        var recorder = Recorder(retentionDays: 2);
        await recorder.AppendAsync([Event(1), Entries.Of(Plan("old", 3))], default);
        _clock.Advance(TimeSpan.FromDays(1));
        await recorder.AppendAsync([Event(2)], default);
        _clock.Advance(TimeSpan.FromDays(2));

        await recorder.AppendAsync([Event(3)], default);

        Assert.Equal(["event-3", "event-2"], (await AllAsync()).Select(e => e.BrokerEvent!.Id));
        Assert.Equal(3, _store.Values.Count);
    }

    [Fact]
    public async Task Append_DeletionInterrupted_IsTakenUpAgain()
    {
        await Recorder(retentionDays: 1).AppendAsync([Event(1)], default);
        _clock.Advance(TimeSpan.FromDays(1));
        var recorder = Recorder(retentionDays: 1);
        await recorder.AppendAsync([Event(2)], default);
        _clock.Advance(TimeSpan.FromDays(1));
        _store.FailNext = true;
        await Assert.ThrowsAsync<IOException>(() => recorder.AppendAsync([Event(3)], default));

        await recorder.AppendAsync([Event(3)], default);

        Assert.Equal(["event-3", "event-2"], (await AllAsync()).Select(e => e.BrokerEvent!.Id));
        Assert.Equal(3, _store.Values.Count);
    }

    [Fact]
    public async Task Append_CycleWithManyRefusals_KeepsTheFirstAndSaysSo()
    {
        var refusals = Enumerable.Range(0, 250).Select(i => new Refusal(SubjectKind.Topic, $"/default/{i}", ReasonCode.CoolDown, "")).ToArray();

        await Recorder().AppendAsync([Entries.Of(Cycle(1).Cycle! with { Refusals = refusals })], default);

        var cycle = (await AllAsync()).Single().Cycle!;
        Assert.Equal(100, cycle.Refusals.Count);
        Assert.Contains("150 more refusals", cycle.Detail, StringComparison.Ordinal);
    }

    private HistoryRecorder Recorder(int retentionDays = 30) => new(_store, _clock, retentionDays);

    private async Task<IReadOnlyList<HistoryEntry>> AllAsync() =>
        (await new HistoryReader(_store).PageAsync(new HistoryQuery(Limit: 1_000).ToFilter(), default)).Items;
}
