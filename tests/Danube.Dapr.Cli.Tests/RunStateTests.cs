using Danube.Dapr.Cli.Up;
using Danube.Dapr.Contracts;

namespace Danube.Dapr.Cli.Tests;

public sealed class RunStateTests
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    [Fact]
    public void Before_FirstMove_KeepsTheWorst()
    {
        var state = new RunState();
        state.TakeBalance(Balance(0, 0.3));
        state.TakeBalance(Balance(1, 1.2));
        state.TakeBalance(Balance(2, 0.9));
        state.TakeMoves([Move("t", MoveState.Unloading, 3)]);
        state.TakeBalance(Balance(4, 2.0));
        Assert.Equal(1.2, state.Before!.CoefficientOfVariation);
    }

    [Fact]
    public void Before_BrokerNotYetMeasured_IsNotTaken()
    {
        var state = new RunState();
        state.TakeBrokers([Broker("1", messages: 10, age: 1), Broker("2", messages: 0, age: null)]);
        state.TakeBalance(Balance(0, 1.7));
        state.TakeBrokers([Broker("1", messages: 10, age: 1), Broker("2", messages: 0, age: 1)]);
        state.TakeBalance(Balance(1, 1.2));
        state.TakeBrokers([Broker("1", messages: 10, age: 1), Broker("2", messages: 9, age: 1)]);
        state.TakeBalance(Balance(2, 0.05));
        Assert.Equal(0.05, state.Before!.CoefficientOfVariation);
    }

    [Fact]
    public void Cycles_SameAnswerAgain_KeepTheDecisionBeforeIt()
    {
        var state = new RunState();
        foreach (var (id, outcome, reason) in new (string, CycleOutcome, ReasonCode?)[]
            { ("1", CycleOutcome.Started, null), ("2", CycleOutcome.Skipped, ReasonCode.PlanRunning), ("3", CycleOutcome.Skipped, ReasonCode.PlanRunning), ("4", CycleOutcome.NoAction, ReasonCode.Balanced) })
        {
            state.TakeStatus(new RebalancerStatus { Mode = "auto", Policy = "p", LastCycle = new CycleRecord { Id = id, Time = Start, Outcome = outcome, Reason = reason } });
        }

        Assert.Equal(["1", "3", "4"], state.Cycles.Select(c => c.Id));
    }

    [Fact]
    public void WithinTargets_PlanRuns_IsFalse()
    {
        var state = new RunState();
        state.TakeBalance(Balance(0, 0.1));
        state.TakeStatus(new RebalancerStatus { Mode = "auto", Policy = "aggressive", RunningPlanId = "p" });
        Assert.False(state.WithinTargets);
        state.TakeStatus(new RebalancerStatus { Mode = "auto", Policy = "aggressive" });
        Assert.True(state.WithinTargets);
    }

    [Theory]
    [InlineData(0.2, 1.1, 0)]
    [InlineData(0.1, 1.21, 0)]
    [InlineData(0.1, 1.1, 1)]
    public void WithinTargets_OneMissed_IsFalse(double cv, double maxOverMean, int unowned)
    {
        var state = new RunState();
        state.TakeBalance(Balance(0, cv, maxOverMean));
        state.TakeStatus(new RebalancerStatus { Mode = "auto", Policy = "aggressive" });
        state.TakeUnowned(unowned, []);
        Assert.False(state.WithinTargets);
    }

    [Fact]
    public void StrandedSeen_RepairedBeforeTheLimit_CountsOnce()
    {
        var state = new RunState();
        state.TakeUnowned(2, ["a"]);
        state.TakeMoves([Move("a", MoveState.Done, 5) with { Cause = MoveCause.Repair }, Move("b", MoveState.Done, 6) with { Cause = MoveCause.Repair }, Move("c", MoveState.Done, 7)]);
        state.TakeUnowned(0, []);
        Assert.Equal((2, 0), (state.StrandedSeen, state.UnownedNow));
    }

    [Fact]
    public void Moves_LateRecord_DoesNotReplaceTheEnd()
    {
        var state = new RunState();
        state.TakeMoves([Move("t", MoveState.Done, 5)]);
        state.TakeMoves([Move("t", MoveState.Unloading, 4)]);
        Assert.Equal(1, state.MovesDone);
    }

    [Fact]
    public void LowerBound_SeveralPlans_IsThatOfTheFirstThatRan()
    {
        var state = new RunState();
        Assert.Equal(0, state.LowerBound);
        state.TakePlans([Run("c", PlanRunState.Running, 2, 30), Run("a", PlanRunState.Finished, 4, 20), Run("b", PlanRunState.Proposed, 9, 10)]);
        Assert.Equal(4, state.LowerBound);
    }

    [Fact]
    public void Cycle_UnsplittableTopic_IsRemembered()
    {
        var state = new RunState();
        state.TakeStatus(new RebalancerStatus
        {
            Mode = "auto",
            Policy = "aggressive",
            LastCycle = new CycleRecord
            {
                Id = "c1",
                Time = Start,
                Outcome = CycleOutcome.NoAction,
                Refusals = [new Refusal(SubjectKind.Topic, "/default/giant", ReasonCode.Unsplittable, "35 % of the load")],
            },
        });
        Assert.Equal(["/default/giant"], state.Unsplittable);
    }

    internal static BalanceReport Balance(int second, double cv, double maxOverMean = 1.1) => new()
    {
        Time = Start.AddSeconds(second),
        Brokers = 3,
        Cause = "bytes",
        CoefficientOfVariation = cv,
        MaxOverMean = maxOverMean,
        MinOverMean = 0.9,
    };

    private static BrokerView Broker(string id, double messages, double? age) =>
        new() { Id = id, State = BrokerState.Active, Topics = 5, MessagesPerSecond = messages, ReportAgeSeconds = age };

    internal static MoveRecord Move(string topic, MoveState state, int second) => new()
    {
        MoveId = MoveRecord.IdOf("p", topic),
        PlanId = "p",
        Topic = topic,
        From = "1",
        To = "2",
        State = state,
        Time = Start.AddSeconds(second),
    };

    private static PlanRun Run(string id, PlanRunState state, int bound, int second) => new(
        new RebalancePlan { Id = id, Hash = "", CreatedAt = Start.AddSeconds(second), Before = Balance(0, 1), PredictedAfter = Balance(0, 0.1), LowerBoundMoves = bound }, state, null, 0, 0, 0, null);
}
