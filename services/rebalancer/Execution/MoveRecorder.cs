using System.Diagnostics;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Actors;
using Danube.Dapr.Rebalancer.Plans;
using Danube.Dapr.Rebalancer.Telemetry;
using Danube.Dapr.Rebalancer.Topics;
using Danube.Dapr.Rebalancer.Workflows;

namespace Danube.Dapr.Rebalancer.Execution;

/// <summary>Writes down the steps of moves: in the plan's actor, which announces them, in the metrics and in the log.</summary>
internal sealed partial class MoveRecorder(ActorDirectory actors, RebalancerMetrics metrics, TimeProvider time, ILogger<MoveRecorder> logger)
{
    /// <summary>Steps that moves of one plan have reached.</summary>
    public async Task RecordAsync(string planId, IReadOnlyList<MoveRecord> steps)
    {
        if (steps.Count == 0)
            return;
        await actors.Plan(planId).RecordAsync(steps);
        foreach (var step in steps)
        {
            if (PlanProgress.IsEnd(step.State))
            {
                metrics.MoveEnded(step);
                Ended(step.Topic, step.From, step.To, step.State, step.Reason, step.Detail);
            }
        }
    }

    /// <summary>Ends a move: in the topic's actor, which frees the topic, then in the plan. A move that has ended before keeps its end.</summary>
    /// <param name="planId">The plan.</param>
    /// <param name="record">The end.</param>
    /// <param name="owner">Who owns the topic now, when known.</param>
    /// <param name="failedOn">The broker on which it went wrong, or null.</param>
    public async Task EndAsync(string planId, MoveRecord record, string? owner = null, string? failedOn = null)
    {
        await EndTopicAsync(record, owner, failedOn);
        await RecordAsync(planId, [record with { Owner = owner }]);
    }

    /// <summary>The topic's half of <see cref="EndAsync"/>, for ends that are then recorded together.</summary>
    public Task EndTopicAsync(MoveRecord record, string? owner, string? failedOn) =>
        actors.Topic(record.Topic).EndAsync(new TopicEnd(
            new MoveEnd(record.MoveId, record.State, record.Reason, record.Detail, record.Time, record.DurationMs), owner, failedOn));

    /// <summary>A record of this moment.</summary>
    public MoveRecord At(string planId, MoveTask move, MoveState state, ReasonCode? reason = null, string detail = "", double? durationMs = null) => new()
    {
        MoveId = move.MoveId(planId),
        PlanId = planId,
        Topic = move.Topic,
        From = move.From,
        To = move.To,
        State = state,
        Time = time.GetUtcNow(),
        Cause = move.Cause,
        Reason = reason,
        Detail = detail,
        DurationMs = durationMs,
        TraceId = Activity.Current?.TraceId.ToString(),
    };

    [LoggerMessage(Level = LogLevel.Information, Message = "{Topic} from {From} to {To}: {State} {Reason} {Detail}")]
    private partial void Ended(string topic, string from, string to, MoveState state, ReasonCode? reason, string detail);
}
