using Danube.Dapr.Contracts;
using Danube.Dapr.History.Record;

namespace Danube.Dapr.History.Tests;

/// <summary>Makes entries for tests.</summary>
internal static class Happenings
{
    internal static readonly DateTimeOffset Start = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    internal static DateTimeOffset At(double seconds) => Start.AddSeconds(seconds);

    internal static HistoryEntry Event(int number, double seconds = 0) => Entries.Of(new BrokerEvent
    {
        Id = $"event-{number}",
        Time = At(seconds),
        Kind = BrokerEventKind.BrokerJoined,
        BrokerId = $"{number}",
    });

    internal static HistoryEntry Cycle(int number, double seconds = 0, ReasonCode? reason = null, string? plan = null) => Entries.Of(new CycleRecord
    {
        Id = $"cycle-{number}",
        Time = At(seconds),
        Outcome = reason is null ? CycleOutcome.Started : CycleOutcome.NoAction,
        Reason = reason,
        PlanId = plan,
    });

    internal static HistoryEntry Move(
        string plan, string topic, MoveState state, double seconds = 0, string from = "1", string to = "2", double? ms = null, int attempt = 1) => Entries.Of(new MoveRecord
        {
            MoveId = MoveRecord.IdOf(plan, topic),
            PlanId = plan,
            Topic = topic,
            From = from,
            To = to,
            State = state,
            Time = At(seconds),
            DurationMs = ms,
            Attempt = attempt,
        });

    internal static RebalancePlan Plan(string id, int moves)
    {
        var even = new BalanceReport { Time = Start, Brokers = 2, CoefficientOfVariation = 0, MaxOverMean = 1, MinOverMean = 1 };
        return new RebalancePlan
        {
            Id = id,
            Hash = "00",
            CreatedAt = Start,
            Before = even,
            PredictedAfter = even,
            Moves = [.. Enumerable.Range(0, moves).Select(i => new PlannedMove { Topic = $"/default/topic-{i}", From = "1", To = "2", Reason = $"{Guid.NewGuid()}" })],
            Summary = $"{moves} moves.",
        };
    }
}
