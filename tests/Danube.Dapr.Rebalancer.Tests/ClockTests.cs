using System.Text.Json;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Actors;
using Danube.Dapr.Rebalancer.Control;
using Danube.Dapr.Rebalancer.Execution;
using Danube.Dapr.Rebalancer.Options;
using Danube.Dapr.Rebalancer.Tests.Bench;
using Danube.Dapr.Rebalancer.Topics;
using Microsoft.Extensions.Time.Testing;

namespace Danube.Dapr.Rebalancer.Tests;

/// <summary>A clock that was set makes no wait longer than it is by itself, and no limit wider.</summary>
public sealed class ClockTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 2, 12, 0, 0, TimeSpan.Zero);
    private static readonly RebalancerOptions Options = new() { Mode = "auto", StorageMode = "shared_fs", MaxMovesPerHour = 10 };

    [Theory]
    [InlineData(-60, -60)]
    [InlineData(60, 60)]
    [InlineData(-0.5, 0)]
    [InlineData(0, 0)]
    public void Step_InOneProcess_IsWhatTheStopWatchDoesNotShow(double set, double expected)
    {
        var before = new ClockReading(Now, 0, "p");
        var now = new ClockReading(Now.AddMinutes(5 + set), Ticks(TimeSpan.FromMinutes(5)), "p");

        Assert.Equal(TimeSpan.FromMinutes(expected), ClockStep.Between(before, now, TimeProvider.System));
    }

    [Theory]
    [InlineData(-60, -60)]
    [InlineData(60, 0)]
    public void Step_AcrossARestart_IsKnownOnlyWhenItWasBack(double set, double expected) =>
        Assert.Equal(TimeSpan.FromMinutes(expected), ClockStep.Between(new ClockReading(Now, 99, "before"), new ClockReading(Now.AddMinutes(set), 7, "after"), TimeProvider.System));

    [Theory]
    [InlineData(60, "b", 300.0, 60)]
    [InlineData(-60, "b", 300.0, -60)]
    [InlineData(0, "b", 300.0, 0)]
    [InlineData(60, "other", 300.0, 0)]
    [InlineData(-60, "other", 300.0, -55)]
    [InlineData(60, null, null, 0)]
    [InlineData(60, "b", -900.0, 0)]
    public void Step_AcrossARestartOnTheSameBoot_IsWhatTheTimeSinceBootDoesNotShow(double set, string? boot, double? passed, double expected)
    {
        var before = new ClockReading(Now, 99, "before", "b", 1_000);
        var now = new ClockReading(Now.AddMinutes(5 + set), 7, "after", boot, 1_000 + passed);

        Assert.Equal(TimeSpan.FromMinutes(expected), ClockStep.Between(before, now, TimeProvider.System));
    }

    [Fact]
    public void Step_OfAMachineThatSlept_IsNone() =>
        Assert.Equal(TimeSpan.Zero, ClockStep.Between(new ClockReading(Now, 0, "p", "b", 1_000), new ClockReading(Now.AddHours(8), 1, "p", "b", 1_000 + (8 * 3_600)), TimeProvider.System));

    [Fact]
    public void Reading_StoredByAnOlderVersion_KnowsNoBoot()
    {
        var old = JsonSerializer.Deserialize<ControlState>("""{"clock":{"wall":"2026-01-02T12:00:00+00:00","steady":99,"process":"p"}}""", ContractsJson.Wire)!.Clock!;

        Assert.Equal(new ClockReading(Now, 99, "p"), old);
        // The first look of the new version after the restart is as it was before.
        Assert.Equal(TimeSpan.Zero, ClockStep.Between(old, new ClockReading(Now.AddHours(1), 7, "q", "b", 1_000), TimeProvider.System));
    }

    [Fact]
    public void Clock_SetForwardWhileTheProcessIsDown_IsNoticedByTheNextProcess()
    {
        var proc = Directory.CreateTempSubdirectory("proc-");
        try
        {
            proc.CreateSubdirectory("sys/kernel/random");
            File.WriteAllText(Path.Combine(proc.FullName, "sys/kernel/random/boot_id"), "11111111-2222-3333-4444-555555555555\n");
            ControlState LookAfter(ControlState state, TimeSpan wall, double sinceBoot)
            {
                File.WriteAllText(Path.Combine(proc.FullName, "uptime"), FormattableString.Invariant($"{sinceBoot:0.00} 100.00\n"));
                var clock = new SteadyClock(new FakeTimeProvider(Now + wall), proc.FullName);
                return ClockStep.Follow(state, clock.Read(), TimeProvider.System).State;
            }

            var paused = LookAfter(ControlRules.Switch(new ControlState(), new SwitchCommand(ControlSwitch.Pause, 30), Now), TimeSpan.Zero, 1_000);
            var stored = JsonSerializer.Deserialize<ControlState>(JsonSerializer.Serialize(paused, ContractsJson.Wire), ContractsJson.Wire)!;
            var after = LookAfter(stored, TimeSpan.FromMinutes(65), 1_300);

            Assert.Equal(ReasonCode.Paused, ControlRules.WhyNotStart(after, Options, Now.AddMinutes(89))?.Reason);
            Assert.Null(ControlRules.WhyNotStart(after, Options, Now.AddMinutes(91)));
        }
        finally
        {
            proc.Delete(recursive: true);
        }
    }

    [Fact]
    public void Clock_OfThisMachine_IsReadWhereItIsLinux_AndMissesNothingElsewhere()
    {
        var first = new SteadyClock(TimeProvider.System, SteadyClock.LinuxProc).Read();
        var second = new SteadyClock(TimeProvider.System, SteadyClock.LinuxProc).Read();

        Assert.Equal(OperatingSystem.IsLinux(), first.Boot is not null);
        Assert.Equal(first.Boot, second.Boot);
        Assert.Equal(TimeSpan.Zero, ClockStep.Between(first, second, TimeProvider.System));
        Assert.Null(new SteadyClock(TimeProvider.System, Path.Combine(AppContext.BaseDirectory, "no-such-folder")).Read().Boot);
    }

    [Fact]
    public void State_ClockSetBackAnHour_EndsItsWaitsWhenTheyWouldHaveEnded()
    {
        var state = ControlRules.Switch(Remembered(), new SwitchCommand(ControlSwitch.Pause, 30), Now);

        var (after, _) = ClockStep.Follow(state, new ClockReading(Now.AddHours(-1), 0, "p"), TimeProvider.System);

        Assert.Equal(ReasonCode.Paused, ControlRules.WhyNotStart(after, Options, Now.AddHours(-1).AddMinutes(29))?.Reason);
        Assert.Null(ControlRules.WhyNotStart(after, Options, Now.AddHours(-1).AddMinutes(31)));
        Assert.Equal(Now.AddHours(-1), after.RecentMoves.Single().At);
        Assert.Equal(10, after.Ledger.Total(Now.AddHours(-1).AddMinutes(59)));
        Assert.Equal(0, after.Ledger.Total(Now.AddMinutes(1)));
    }

    [Fact]
    public void State_ClockSetForwardAnHour_LeavesNoRoomForMoreMoves()
    {
        var (after, _) = ClockStep.Follow(Remembered(), new ClockReading(Now.AddHours(1), 0, "p"), TimeProvider.System);

        Assert.Equal(0, ControlRules.MovesLeft(after, Options, Now.AddHours(1)));
        Assert.Equal(10, ControlRules.MovesLeft(after, Options, Now.AddHours(2).AddMinutes(1)));
        Assert.Equal(Now.AddHours(1), after.RecentMoves.Single().At);
    }

    [Theory]
    [InlineData(-3, -3)]
    [InlineData(57, 0)]
    [InlineData(-63, 0)]
    public void Outcome_ClockSetWhileThePlanRan_LetsTheCoolDownBeginNow(double movedMinutes, double expected)
    {
        var state = new ControlState { Active = new ActivePlan { PlanId = "p", Hash = "", Since = Now.AddMinutes(-5) } };
        var move = new MoveRecord { MoveId = "p:/default/a", PlanId = "p", Topic = "/default/a", From = "1", To = "2", State = MoveState.Done, Time = Now.AddMinutes(movedMinutes) };

        var after = Outcomes.Apply(state, new PlanResult("p", null, "", [move], []), Options, Now);

        Assert.Equal(Now.AddMinutes(expected), after.RecentMoves.Single().At);
    }

    [Fact]
    public void Approval_TimeIsUpUnderTheKillSwitch_EndsThePlan()
    {
        var state = new ControlState
        {
            Active = new ActivePlan { PlanId = "p", Hash = "", Since = Now, ApprovalDeadline = Now.AddMinutes(10) },
        };
        state = ControlRules.Switch(state, new SwitchCommand(ControlSwitch.Kill, null), Now);

        Assert.Equal(ReasonCode.ApprovalExpired, ControlRules.MayContinue(state, "p", Options, Now.AddMinutes(11)).Reason);
    }

    [Fact]
    public void State_ClockSetAndSetRight_IsAsBefore()
    {
        var (there, _) = ClockStep.Follow(Remembered(), new ClockReading(Now.AddHours(-3), 0, "p"), TimeProvider.System);
        var (back, _) = ClockStep.Follow(there, new ClockReading(Now, 0, "p"), TimeProvider.System);

        Assert.Equal(Now, back.RecentMoves.Single().At);
        Assert.Equal(Now, back.Active!.Since);
        Assert.Equal(10, back.Ledger.Total(Now));
        // What is not made after all is given back, wherever the clock has been.
        Assert.Equal(0, there.Ledger.Remove(Now.AddHours(-3), there.Active!.Since, Enumerable.Repeat(new CountedMove("/default", "1", "2"), 10)).Total(Now.AddHours(-3)));
    }

    [Fact]
    public void Plan_ThatNobodyApproved_EndsThoughItsTimerIsLate()
    {
        var state = new ControlState { Active = new ActivePlan { PlanId = "p", Hash = "", Since = Now, ApprovalDeadline = Now.AddMinutes(10) } };

        Assert.Equal(ContinuationKind.Go, ControlRules.MayContinue(state, "p", Options, Now.AddMinutes(9)).Kind);
        Assert.Equal(Continuation.Stop(ReasonCode.ApprovalExpired, "Nobody approved in time."), ControlRules.MayContinue(state, "p", Options, Now.AddMinutes(11)));
    }

    [Fact]
    public void Topic_MovedAfterNow_RestsForOneCoolDownFromWhenItWasNoticed()
    {
        var state = new TopicState { Topic = "/default/a", LastMoved = Now.AddHours(1) };

        var (noticed, first) = TopicGate.Reserve(state, Ask(), Now);

        Assert.Equal(ReasonCode.CoolDown, first.Denial?.Reason);
        Assert.Equal(ReasonCode.CoolDown, TopicGate.Reserve(noticed, Ask(), Now.AddSeconds(59)).Result.Denial?.Reason);
        Assert.Null(TopicGate.Reserve(noticed, Ask(), Now.AddSeconds(60)).Result.Denial);
    }

    [Fact]
    public void Topic_FirstSeenAfterNow_IsOldEnoughOneLeastAgeAfterItWasNoticed()
    {
        var ask = Ask() with { FirstSeen = Now.AddHours(1), MinTopicAgeSeconds = 300 };

        var (noticed, first) = TopicGate.Reserve(new TopicState { Topic = "/default/a" }, ask, Now);

        Assert.Equal(ReasonCode.TopicTooYoung, first.Denial?.Reason);
        Assert.Null(TopicGate.Reserve(noticed, ask, Now.AddSeconds(300)).Result.Denial);
    }

    [Fact]
    public void Lease_OfADeadHolderBeforeTheClockWasSetBack_RunsNoLongerThanItWasGivenFor()
    {
        var (held, _) = TopicGate.Reserve(new TopicState { Topic = "/default/a" }, Ask(), Now.AddHours(1));

        var noticed = TopicGate.Present(held, Now);

        Assert.Null(TopicGate.Expire(noticed, Now.AddSeconds(119)));
        Assert.NotNull(TopicGate.Expire(noticed, Now.AddSeconds(120)));
    }

    [Theory]
    [InlineData(60)]
    [InlineData(-120)]
    [InlineData(0.5)]
    public void Topic_ClockSetWhileNoProcessLived_KeepsItsWaitsAsLongAsTheyWere(double minutes)
    {
        var clock = new ClockReading(Now, 99, "before", "b", 1_000);
        var (held, _) = TopicGate.Reserve(new TopicState { Topic = "/default/a", LastMoved = Now.AddSeconds(-100), Clock = clock }, Ask(), Now);
        var sent = TopicGate.BeginUnload(held, Ask().MoveId, 0, Now)!;
        var stored = JsonSerializer.Deserialize<TopicState>(JsonSerializer.Serialize(sent, ContractsJson.Wire), ContractsJson.Wire)!;
        var now = Now.AddMinutes(minutes).AddSeconds(10);

        var after = TopicGate.Follow(stored, new ClockReading(now, 7, "after", "b", 1_010), TimeProvider.System);

        Assert.Equal(now.AddSeconds(-110), after.LastMoved);
        Assert.Equal((now.AddSeconds(-10), now.AddSeconds(-10), now.AddSeconds(110)), (after.Lease!.UnloadSentAt, after.Lease.LastSentAt, after.Lease.ExpiresAt));
        // Looked at again it is the same.
        Assert.Equal(after with { Clock = null }, TopicGate.Follow(after, new ClockReading(now.AddSeconds(1), 8, "after", "b", 1_011), TimeProvider.System) with { Clock = null });
    }

    [Fact]
    public void Topic_StoredByAnOlderVersion_IsTakenAsItIs()
    {
        var old = new TopicState { Topic = "/default/a", LastMoved = Now };

        Assert.Equal(old with { Clock = new ClockReading(Now.AddHours(1), 0, "p") }, TopicGate.Follow(old, new ClockReading(Now.AddHours(1), 0, "p"), TimeProvider.System));
    }

    [Theory]
    [InlineData(60)]
    [InlineData(-60)]
    public async Task Move_UnderWayWhenTheClockIsSet_IsWaitedForAsLongAsItWouldHaveBeen(int minutes)
    {
        await using var bench = await MoveBench.StartAsync(configure: o => (o.MoveTimeoutSeconds, o.MaxMaskSeconds) = (20, 600));
        var (a, b) = (bench.Brokers[0], bench.Brokers[1]);
        var topic = bench.TopicsOf(a)[0];
        var (plan, running) = await bench.HangAsync(1, (topic, b));

        bench.Time.Set = TimeSpan.FromMinutes(minutes);
        await bench.Actors.FireAsync(DaprNames.Actors.Topic, TopicActorId.Encode(topic), "lease");
        Assert.NotNull((await bench.Directory.Topic(topic).GetAsync())!.Lease);
        await running;

        var move = (await bench.Directory.Plan(plan.Id).GetMovesAsync()).Single();
        Assert.Equal((MoveState.Stuck, ReasonCode.Timeout), (move.State, move.Reason));
        Assert.InRange(move.DurationMs!.Value, 20_000, 40_000);
    }

    [Fact]
    public async Task Unload_LostBeforeTheClockWasSetBack_IsSentAgainInSeconds()
    {
        await using var bench = await MoveBench.StartAsync();
        var (a, b) = (bench.Brokers[0], bench.Brokers[1]);
        var topic = bench.TopicsOf(a)[0];
        var plan = bench.PlanOf((topic, b));
        await bench.Directory.Control.SubmitAsync(new PlanSubmission(plan, "test"));
        var lost = false;
        Func<int, Task> before = null!;
        before = async _ =>
        {
            bench.Actors.Before = null;
            lost = (await bench.Directory.Topic(topic).GetAsync())?.Lease is { Step: LeaseStep.Unloading };
            if (!lost)
            {
                bench.Actors.Before = before;
                return;
            }

            bench.Time.Set = TimeSpan.FromHours(-1);
            throw new IOException("The process died between writing the unload down and sending it.");
        };
        bench.Actors.Before = before;

        await bench.RunWorkflowsAsync().WaitAsync(TimeSpan.FromMinutes(1));

        Assert.True(lost);
        Assert.Equal(MoveState.Done, (await bench.Directory.Plan(plan.Id).GetMovesAsync()).Single().State);
        Assert.Equal([b], bench.Topic(topic).AssignedTo);
        Assert.Single(bench.Unloads());
    }

    [Fact]
    public async Task Plan_ThatWaitedBeforeTheClockWasSetBack_HasWaitedSinceThatWasNoticed()
    {
        await using var bench = await MoveBench.StartAsync();
        var plan = bench.PlanOf((bench.TopicsOf(bench.Brokers[0])[0], bench.Brokers[1]));
        await bench.Directory.Control.SubmitAsync(new PlanSubmission(plan, "test"));
        var actor = bench.Directory.Plan(plan.Id);
        await actor.ChangeAsync(new PlanChange(PlanRunState.Running));
        await actor.WaitsAsync(ReasonCode.StaleReports);

        bench.Time.Set = TimeSpan.FromHours(-2);
        var noticed = await actor.WaitsAsync(ReasonCode.StaleReports);

        Assert.True(noticed <= bench.Time.GetUtcNow());
        Assert.Equal(noticed, await actor.WaitsAsync(ReasonCode.StaleReports));
    }

    [Fact]
    public async Task TopicWithoutOwner_ClockSetForward_IsNotRepairedBeforeItHadItsTime()
    {
        await using var bench = await MoveBench.StartAsync(configure: o => (o.Repair, o.StrandedAfterSeconds, o.MaxReportAgeSeconds) = ("auto", 60, 120));
        var topic = bench.TopicsOf(bench.Brokers[0])[0];
        await bench.StrandAsync(topic);
        bench.UnownedSince = bench.Time.GetUtcNow();
        await bench.Directory.Control.NudgeAsync();

        bench.Time.Set = TimeSpan.FromHours(2);
        await bench.Directory.Control.NudgeAsync();
        await bench.RunWorkflowsAsync();
        Assert.Empty(bench.Topic(topic).AssignedTo);
        await bench.Host.AdvanceAsync(TimeSpan.FromSeconds(181));
        await bench.Directory.Control.NudgeAsync();
        await bench.RunWorkflowsAsync();

        Assert.Single(bench.Topic(topic).AssignedTo);
    }

    [Fact]
    public async Task TopicWithoutOwner_MovedBeforeTheClockWasSetForward_IsRepaired()
    {
        await using var bench = await MoveBench.StartAsync(configure: o => (o.Repair, o.StrandedAfterSeconds, o.MaxReportAgeSeconds) = ("auto", 60, 120));
        var topic = bench.TopicsOf(bench.Brokers[0])[0];
        await bench.RunPlanAsync((topic, bench.Brokers[1]));
        await bench.Host.AdvanceAsync(TimeSpan.FromMinutes(10));
        await bench.StrandAsync(topic);
        // The move moves with the clock, what ranking tells does not.
        bench.UnownedSince = bench.Time.GetUtcNow();
        await bench.Directory.Control.NudgeAsync();
        bench.Time.Set = TimeSpan.FromHours(2);
        await bench.Directory.Control.NudgeAsync();
        await bench.Host.AdvanceAsync(TimeSpan.FromSeconds(181));

        await bench.Directory.Control.NudgeAsync();
        await bench.RunWorkflowsAsync();

        Assert.Single(bench.Topic(topic).AssignedTo);
    }

    [Fact]
    public void MaskWindow_OpenedAfterNow_IsOver()
    {
        var window = new MaskWindow { PlanId = "p", BatchId = "b", Target = "1", Moves = 1, OpenedAt = Now, ExpiresAt = Now.AddSeconds(60) };

        Assert.False(MaskRules.IsOver(window, Now.AddSeconds(59)));
        Assert.True(MaskRules.IsOver(window, Now.AddSeconds(60)));
        Assert.True(MaskRules.IsOver(window, Now.AddHours(-1)));
    }

    [Fact]
    public void MaskSpan_OfAClockThatWasSetBack_CoversNoTimeToCome()
    {
        MaskSpan[] spans = [new("ended", Now, Now.AddSeconds(1)), new("open", Now, null)];

        var left = Assert.Single(MaskSpans.Recent(spans, Now.AddHours(-1)));

        Assert.Equal(new MaskSpan("open", Now.AddHours(-1), null), left);
    }

    private static ControlState Remembered() => new()
    {
        Clock = new ClockReading(Now, 0, "p"),
        Active = new ActivePlan { PlanId = "p", Hash = "", Since = Now },
        RecentMoves = [new RecentMove("/default/a", "1", "2", Now)],
        Ledger = new MoveLedger().Add(Now, Enumerable.Repeat(new CountedMove("/default", "1", "2"), 10)),
    };

    private static Reservation Ask() => new() { MoveId = "p:/default/a", Topic = "/default/a", From = "1", To = "2", LeaseSeconds = 120, CoolDownSeconds = 60 };

    private static long Ticks(TimeSpan elapsed) => (long)(elapsed.TotalSeconds * TimeProvider.System.TimestampFrequency);
}
