using Danube.Dapr.BrokerClient;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Actors;
using Danube.Dapr.Rebalancer.Control;
using Danube.Dapr.Rebalancer.Topics;
using Danube.Dapr.Rebalancer.Workflows;

namespace Danube.Dapr.Rebalancer.Execution;

/// <summary>
/// Moves a NonReliable topic by deleting it and creating it again while its target is the only broker that takes topics. Written down before the topic is deleted; from then on
/// every step creates it first when it is not there, so a topic that was deleted is never left so.
/// </summary>
internal sealed class Recreation(DanubeCluster danube, ActorDirectory actors, MoveRecorder recorder)
{
    /// <summary>Deletes and creates, and watches where it lands.</summary>
    public async Task<MoveResult> BeginAsync(MoveInput input, Lease lease, Func<Task<MoveResult?>> watch, CancellationToken cancellationToken)
    {
        var topic = input.Move.Topic;
        if (!await actors.Topic(topic).BeginUnloadAsync(new UnloadRequest(lease.MoveId, lease.Sends)))
            return new MoveResult(MoveProgress.Pending);
        await recorder.RecordAsync(input.PlanId, [recorder.At(input.PlanId, input.Move, MoveState.Unloading, null, "Deleted, to be created again on its target.")]);
        var deleted = await danube.DeleteTopicAsync(topic, cancellationToken);
        if (deleted.Outcome is not (DeleteTopicOutcome.Deleted or DeleteTopicOutcome.NotFound))
        {
            await recorder.EndAsync(input.PlanId,
                recorder.At(input.PlanId, input.Move, MoveState.Failed, ReasonCode.Refused, $"Danube refused to delete it: {deleted.Detail}"), input.Move.From);
            return new MoveResult(MoveProgress.Ended);
        }

        if (await WhyNotThereAsync(input, cancellationToken) is { } gone)
        {
            await recorder.EndAsync(input.PlanId, recorder.At(input.PlanId, input.Move, MoveState.Stuck, ReasonCode.Refused, gone));
            return new MoveResult(MoveProgress.Ended, new BatchResult(ContinuationKind.Stop, ReasonCode.Refused, $"{topic}: {gone}"));
        }

        return await watch() ?? new MoveResult(MoveProgress.Pending);
    }

    /// <summary>Creates the topic when it does not exist. Null when it exists now.</summary>
    public async Task<string?> WhyNotThereAsync(MoveInput input, CancellationToken cancellationToken)
    {
        var topic = input.Move.Topic;
        if ((await danube.ListNamespaceTopicsAsync(TopicNames.Namespace(topic), cancellationToken)).Any(t => t.Name == topic))
            return null;
        var created = await danube.CreateTopicAsync(topic, TopicDelivery.NonReliable, cancellationToken);
        return created.Outcome is CreateTopicOutcome.Accepted or CreateTopicOutcome.AlreadyExists
            ? null
            : $"It is deleted, but Danube refused to create it again ({created.Detail}). Left to do: create {topic} (NonReliable).";
    }
}
