using System.Text.Json;
using Danube.Dapr.Contracts;
using Danube.Dapr.Testing;

namespace Danube.Dapr.WebConsole.Tests;

/// <summary>What the other services answer in these tests.</summary>
internal static class Pictures
{
    internal static readonly DateTimeOffset Start = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    internal static BalanceReport Balance { get; } = new()
    {
        Time = Start,
        Brokers = 2,
        Cause = "bytes",
        CoefficientOfVariation = 0.41,
        MaxOverMean = 1.62,
        MinOverMean = 0.38,
        Resources = [new ResourceBalance("bytes", 1_000, 0.41, 1.62, 0.38, "1")],
    };

    internal static RebalancePlan Plan { get; } = new()
    {
        Id = "plan-7",
        Hash = "abc",
        CreatedAt = Start,
        Before = Balance,
        PredictedAfter = Balance with { CoefficientOfVariation = 0.07 },
        LowerBoundMoves = 1,
        Moves =
        [
            new PlannedMove
            {
                Topic = "/default/orders", From = "1", To = "2", Cause = MoveCause.BrokerOverload, Reason = "Broker 1 carries 1.62 times the mean.",
                Alternatives = [new RejectedAlternative("3", ReasonCode.BrokerNotActive, "is draining")],
            },
        ],
        Refusals = [new Refusal(SubjectKind.Topic, "/default/huge", ReasonCode.Unsplittable, "heavier than a fair share")],
        Summary = "1 move.",
    };

    internal static void Show(TestSidecar sidecar)
    {
        Answer(sidecar, "GET ranking/brokers", (BrokerView[])[
            new() { Id = "1", Address = "http://10.0.0.1:6650", State = BrokerState.Active, IsLeader = true, Topics = 12, BytesPerSecond = 1.62e6, Rank = 2 },
            new() { Id = "2", Address = "http://10.0.0.2:6650", State = BrokerState.Active, Reachable = false, Topics = 3 }]);
        Answer(sidecar, "GET ranking/balance", Balance);
        Answer(sidecar, "GET ranking/balance/history", (BalanceSample[])[new(Start, 0.5, 1.7, "bytes"), new(Start.AddSeconds(2), 0.41, 1.62, "bytes")]);
        Answer(sidecar, "GET ranking/unowned", (UnownedTopic[])[new("/default/lost", Start)]);
        Answer(sidecar, "GET ranking/topics", new Page<TopicSnapshot>(120, 0, [new TopicSnapshot { Name = "/default/orders", BrokerId = "1", Reliable = true }]));
        Answer(sidecar, "GET rebalancer/status", new RebalancerStatus { Mode = "auto", Policy = "balanced", MovesLastHour = 3, MaxMovesPerHour = 10 });
        Answer(sidecar, "GET rebalancer/findings", (Finding[])[
            new() { Kind = FindingKind.StrandedTopic, Severity = FindingSeverity.Critical, About = SubjectKind.Topic, Subject = "/default/lost", Evidence = "No broker lists it.", Advice = "Repair it.", CanRepair = true },
            new() { Kind = FindingKind.StrandedTopic, Severity = FindingSeverity.Critical, About = SubjectKind.Topic, Subject = "/default/lost2", Evidence = "No broker lists it.", Advice = "Repair it.", CanRepair = true },
            new() { Kind = FindingKind.ConsumerStalled, Severity = FindingSeverity.Warning, About = SubjectKind.Topic, Subject = "/default/orders", Evidence = "Nothing comes out.", Advice = "A move starts it afresh.", MoveTo = "2" },
            new() { Kind = FindingKind.BrokerUnreachable, Severity = FindingSeverity.Critical, About = SubjectKind.Broker, Subject = "2", Evidence = "Its ports refuse.", Advice = "Watch for stranded topics." }]);
        Answer(sidecar, "GET rebalancer/plans/plan-7", new PlanRun(Plan, PlanRunState.Running, null, 0, 0, 0, null)
        {
            Effect = new PlanEffect
            {
                PlanId = "plan-7", Time = Start, PredictedCoefficientOfVariation = 0.07, MeasuredCoefficientOfVariation = 0.09, PredictedMaxOverMean = 1.08, MeasuredMaxOverMean = 1.13,
                CameBack = 3, NotBack = 2,
                Moves =
                [
                    new MoveEffect("/default/silent", "2", 10, 0, 7, false) { Verdict = MoveVerdict.Silent },
                    new MoveEffect("/default/behind", "2", 10, 9, 7_000, true) { Verdict = MoveVerdict.BacklogGrows },
                ],
            },
        });
        Answer(sidecar, "GET history/history?kind=cycle&limit=12", History(new HistoryEntry
        {
            Position = 1, Time = Start, Kind = "cycle",
            Cycle = new CycleRecord { Id = "c", Time = Start, Outcome = CycleOutcome.Skipped, Reason = ReasonCode.CoolDown, Detail = "All candidates <moved> too recently." },
        }));
        Answer(sidecar, "GET history/history?kind=move&limit=120", History(Step(2, MoveState.Done, 3), Step(1, MoveState.Unloading, 1)));
        Answer(sidecar, "GET history/history?kind=broker-event&limit=12", History(new HistoryEntry
        {
            Position = 3, Time = Start, Kind = "broker-event",
            BrokerEvent = new BrokerEvent { Id = "e", Time = Start, Kind = BrokerEventKind.BrokerUnreachable, BrokerId = "2", Detail = "The ports of broker 2 refuse." },
        }));
    }

    internal static void Answer<T>(TestSidecar sidecar, string call, T value, int status = 200) =>
        sidecar.Answers[call] = (status, JsonSerializer.Serialize(value, ContractsJson.Wire));

    internal static HistoryEntry Step(long position, MoveState state, double seconds) => new()
    {
        Position = position,
        Time = Start.AddSeconds(seconds),
        Kind = "move",
        Move = new MoveRecord
        {
            MoveId = "plan-7:/default/orders", PlanId = "plan-7", Topic = "/default/orders", From = "1", To = "2", State = state,
            Time = Start.AddSeconds(seconds), DurationMs = state == MoveState.Done ? 42 : null,
        },
    };

    private static Page<HistoryEntry> History(params HistoryEntry[] entries) => new(entries.Length, 0, entries);
}
