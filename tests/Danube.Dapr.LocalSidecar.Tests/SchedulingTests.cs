using Danube.Dapr.LocalSidecar.Actors;
using Danube.Dapr.LocalSidecar.PubSub;
using Danube.Dapr.LocalSidecar.Scheduling;
using Danube.Dapr.LocalSidecar.Workflows;
using Microsoft.Extensions.Logging.Abstractions;
using System.Text.Json;

namespace Danube.Dapr.LocalSidecar.Tests;

public sealed class SchedulingTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData("0h0m5s0ms", 5000, "5s")]
    [InlineData("1h30m", 5400000, "1h30m0s")]
    [InlineData("1.5s", 1500, "1.5s")]
    [InlineData("500ms", 500, "500ms")]
    [InlineData("0", 0, "0s")]
    public void GoDuration_Text_ReadsAndWrites(string text, int milliseconds, string written)
    {
        Assert.True(Durations.TryParseGo(text, out var value));
        Assert.Equal(milliseconds, value.TotalMilliseconds);
        Assert.Equal(written, Durations.ToGo(value));
    }

    [Theory, InlineData(""), InlineData("5"), InlineData("s"), InlineData("5 s"), InlineData("1x"), InlineData("often")]
    public void GoDuration_OtherText_IsRefused(string text) => Assert.False(Durations.TryParseGo(text, out _));

    [Theory]
    [InlineData("", null, null)]
    [InlineData("0h0m10s0ms", 10, null)]
    [InlineData("R3/PT10S", 10, 3)]
    [InlineData("@every 1m", 60, null)]
    [InlineData("@hourly", 3600, null)]
    [InlineData("P1W", 604800, null)]
    public void Period_Text_GivesDistanceAndRepetitions(string text, int? seconds, int? repetitions)
    {
        Assert.True(Durations.TryParsePeriod(text, out var period, out var count));
        Assert.Equal(seconds, period?.TotalSeconds is { } s ? (int)s : null);
        Assert.Equal(repetitions, count);
    }

    [Theory, InlineData("often"), InlineData("P1M"), InlineData("P1Y"), InlineData("Rx/PT1S")]
    public void Period_OtherText_IsRefused(string text) => Assert.False(Durations.TryParsePeriod(text, out _, out _));

    [Fact]
    public void Ticks_TimeToLive_CountsFromTheDueTime()
    {
        Ticks? ticks = Ticks.Parse("1s", "1s", "4.2s", Now);
        var fired = new List<double>();
        while (ticks is not null)
        {
            fired.Add((ticks.Next - Now).TotalSeconds);
            ticks = ticks.After(ticks.Next);
        }

        Assert.Equal([1, 2, 3, 4, 5], fired);
    }

    [Fact]
    public void Ticks_Repetitions_AreTheNumberOfTicks()
    {
        var first = Ticks.Parse("1s", "R2/PT1S", "", Now);
        var second = first.After(first.Next);

        Assert.NotNull(second);
        Assert.Null(second.After(second.Next));
    }

    [Fact]
    public void Ticks_AfterAPause_StayOnTheGridAndLeaveOutWhatPassed()
    {
        var ticks = Ticks.Parse("1s", "2s", "", Now).After(Now.AddSeconds(8.5));

        Assert.Equal(Now.AddSeconds(9), ticks!.Next);
    }

    [Theory]
    [InlineData("event.type == \"a\"", true)]
    [InlineData("event.type == 'b'", false)]
    [InlineData("event.type != \"b\" && event.data.n > 4", true)]
    [InlineData("event.data.n >= 6 || event.data.tags[1] == \"y\"", true)]
    [InlineData("!(event.data.n == 5)", false)]
    [InlineData("event.data.name.startsWith(\"Dan\") && event.data.name.endsWith(\"be\")", true)]
    [InlineData("event.data[\"name\"].contains(\"ub\")", true)]
    [InlineData("event.type in [\"x\", \"a\"]", true)]
    [InlineData("\"x\" in event.data.tags", true)]
    [InlineData("event.missing == \"a\"", false)]
    [InlineData("event.missing != \"a\"", false)]
    [InlineData("has(event.data.n) && !has(event.data.m)", true)]
    [InlineData("size(event.data.tags) == 2", true)]
    [InlineData("event.type.matches(\"^[a-c]$\")", true)]
    public void RouteExpression_Rule_HoldsOrNot(string rule, bool expected)
    {
        Assert.True(RouteExpression.TryParse(rule, out var expression, out var problem), problem);
        using var document = JsonDocument.Parse("""{"type":"a","data":{"n":5,"name":"Danube","tags":["x","y"]}}""");

        Assert.Equal(expected, expression!.Matches(document.RootElement));
    }

    [Theory, InlineData("event.type = 1"), InlineData("type == 1"), InlineData("event.type =="), InlineData("(event.a == 1"), InlineData("event.a.now()"), InlineData("event.a == \"x"), InlineData("event.a.matches(\"[\")"), InlineData("event.a.matches(('*a'))")]
    public void RouteExpression_OtherText_IsRefusedWithTheText(string rule)
    {
        Assert.False(RouteExpression.TryParse(rule, out _, out var problem));
        Assert.Contains(rule, problem, StringComparison.Ordinal);
    }

    [Fact]
    public void DueQueue_ClockSetBack_WaitsNoLongerThanBefore()
    {
        var time = new SettableClock();
        using var queue = new DueQueue(time);
        var fired = new List<string>();
        queue.At(time.GetUtcNow() + TimeSpan.FromSeconds(5), () => fired.Add("old"));

        time.Advance(TimeSpan.FromSeconds(1));
        time.SetBack(TimeSpan.FromHours(1));
        queue.At(time.GetUtcNow() + TimeSpan.FromSeconds(1), () => fired.Add("new"));
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(["new"], fired);
        time.Advance(TimeSpan.FromSeconds(3));

        Assert.Equal(["new", "old"], fired);
    }

    [Fact]
    public async Task TimerQueue_ClockSetBack_WaitsNoLongerThanBefore()
    {
        var time = new SettableClock();
        using var queue = new TimerQueue(time, NullLogger.Instance);
        var fired = new TaskCompletionSource();
        queue.Schedule("instance", time.GetUtcNow() + TimeSpan.FromSeconds(5), () =>
        {
            fired.SetResult();
            return Task.CompletedTask;
        });

        time.SetBack(TimeSpan.FromHours(1));
        time.Advance(TimeSpan.FromSeconds(5));

        await fired.Task.WaitAsync(TimeSpan.FromSeconds(30));
    }

    [Theory]
    [InlineData("3h", "", true)]
    [InlineData("3h", "1h", true)]
    [InlineData("2026-01-01T15:00:00Z", "1h", false)]
    public void Reminder_ReadBackAfterTheClockWasSetBack_FirstComesWhenItWasAskedFor(string dueTime, string period, bool fromThen)
    {
        var asked = new DateTimeOffset(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);
        var reminder = new Reminder("T", "1", "r", dueTime, period, null, Ticks.Parse(dueTime, period, "10h", asked));
        var back = asked.AddDays(-2);

        var read = reminder.AsOf(back).Ticks;

        Assert.Equal(fromThen ? back.AddHours(3) : asked.AddHours(3), read.Next);
        Assert.Equal(read.Next, read.First);
        Assert.Equal(read.First + TimeSpan.FromHours(10), read.Until);
        Assert.Equal(reminder, reminder.AsOf(asked.AddHours(1)));
        Assert.Equal(reminder, reminder.AsOf(asked.AddDays(3)));
    }

    [Fact]
    public void TimeLimit_ClockSetBack_RunsOutAllTheSame()
    {
        var time = new SettableClock();
        var (limit, none) = (new TimeLimit(time, TimeSpan.FromSeconds(10)), new TimeLimit(time, TimeLimit.None));

        time.SetBack(TimeSpan.FromDays(1));
        time.Advance(TimeSpan.FromSeconds(4));
        Assert.Equal(6, limit.Left.TotalSeconds, 3);
        time.Advance(TimeSpan.FromSeconds(6));

        Assert.True(limit.Left <= TimeSpan.Zero);
        Assert.True(none.Left > TimeSpan.FromDays(300_000));
    }

    [Fact]
    public void Ticks_ClockSetBack_GoOnWithinAPeriod()
    {
        var ticks = Ticks.Parse("1s", "10s", "", Now).After(Now.AddSeconds(1))!;
        var before = Now.AddHours(-1);

        Assert.Equal(before.AddSeconds(10), ticks.After(before)!.Next);
        // As after a restart.
        Assert.Equal(before.AddSeconds(10), ticks.AsOf(before).Next);
        Assert.Equal(ticks, ticks.AsOf(Now.AddSeconds(1)));
    }
}
