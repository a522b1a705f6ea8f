using Danube.Dapr.BrokerClient;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Actors;
using Danube.Dapr.Rebalancer.Control;
using Danube.Dapr.Rebalancer.Topics;
using Danube.Dapr.Rebalancer.Workflows;

namespace Danube.Dapr.Rebalancer.Execution;

/// <summary>
/// Moves a NonReliable topic by deleting it and creating it again while its target is the only broker that takes topics. Written down before the topic is deleted; from then on
/// every step creates it first when it is not there, then the end of its plan, then every cycle, so a topic that was deleted is never left so.
/// </summary>
internal sealed class Recreation(DanubeCluster danube, ActorDirectory actors, MoveRecorder recorder, TimeProvider time)
{
    /// <summary>Deletes and creates, and watches where it lands.</summary>
    public async Task<MoveResult> BeginAsync(MoveInput input, Lease lease, Func<Task<MoveResult?>> watch, CancellationToken cancellationToken)
    {
        var topic = input.Move.Topic;
        var written = time.GetTimestamp();
        if (!await actors.Topic(topic).BeginUnloadAsync(new UnloadRequest(lease.MoveId, lease.Sends, Deletes: true)))
            return new MoveResult(MoveProgress.Pending);
        await recorder.RecordAsync(input.PlanId, [recorder.At(input.PlanId, input.Move, MoveState.Unloading, null, "Deleted, to be created again on its target.")]);
        // Too late for this one: another run may have deleted and created it since, and clients may have it.
        if (time.GetElapsedTime(written) > TopicMover.Late)
            return new MoveResult(MoveProgress.Pending);
        var deleted = await danube.DeleteTopicAsync(topic, cancellationToken);
        if (deleted.Outcome is not (DeleteTopicOutcome.Deleted or DeleteTopicOutcome.NotFound))
        {
            await recorder.EndAsync(input.PlanId,
                recorder.At(input.PlanId, input.Move, MoveState.Failed, ReasonCode.Refused, $"Danube refused to delete it: {deleted.Detail}"), input.Move.From);
            return new MoveResult(MoveProgress.Ended);
        }

        // A refusal may be of the moment: without a leader Danube refuses everything. The next look asks again.
        return await WhyNotThereAsync(topic, cancellationToken) is null ? await watch() ?? new MoveResult(MoveProgress.Pending) : new MoveResult(MoveProgress.Pending);
    }

    /// <summary>Creates the topic when it does not exist. Null when it exists now.</summary>
    public async Task<string?> WhyNotThereAsync(string topic, CancellationToken cancellationToken) => (await EnsureAsync(topic, cancellationToken)).WhyNot;

    /// <summary>Creates the topic when it does not exist. The helper of its repair goes first: Danube refuses a name with which another begins.</summary>
    /// <returns>Whether it was created now, and why it does not exist when it does not.</returns>
    public async Task<(bool Created, string? WhyNot)> EnsureAsync(string topic, CancellationToken cancellationToken)
    {
        var listed = await danube.ListNamespaceTopicsAsync(TopicNames.Namespace(topic), cancellationToken);
        if (listed.Any(t => t.Name == topic))
            return (false, null);
        var helper = topic + TopicRepairer.HelperSuffix;
        if (listed.Any(t => t.Name == helper) && await danube.DeleteTopicAsync(helper, cancellationToken) is { Outcome: not DeleteTopicOutcome.Deleted } kept)
            return (false, $"The helper topic {helper} could not be deleted ({kept.Detail}). Left to do: delete it.");
        var created = await danube.CreateTopicAsync(topic, TopicDelivery.NonReliable, cancellationToken);
        return created.Outcome is CreateTopicOutcome.Accepted or CreateTopicOutcome.AlreadyExists
            ? (true, null)
            : (false, $"It is deleted, but Danube refused to create it again ({created.Detail}). Left to do: create {topic} (NonReliable).");
    }

    /// <summary>Topics that moves or repairs deleted to create them again, and of which it is not known that they exist.</summary>
    public async Task<IReadOnlyList<DeletedTopic>> DeletedAsync(IReadOnlyList<MoveRecord> moves, CancellationToken cancellationToken = default)
    {
        var deleted = new List<DeletedTopic>();
        foreach (var move in moves.Where(m => m.State is MoveState.Unloading or MoveState.Verifying or MoveState.Failed or MoveState.Stuck))
        {
            if ((await actors.Topic(move.Topic).GetAsync().WaitAsync(cancellationToken))?.DeletedAt is { } at)
                deleted.Add(new DeletedTopic(move.Topic, at, ""));
        }

        return deleted;
    }

    /// <summary>Creates what does not exist.</summary>
    /// <returns>What still does not, with the reason.</returns>
    public async Task<IReadOnlyList<DeletedTopic>> CreateAsync(IReadOnlyList<DeletedTopic> deleted, CancellationToken cancellationToken = default)
    {
        var missing = new List<DeletedTopic>();
        foreach (var topic in deleted)
        {
            try
            {
                if (await WhyNotThereAsync(topic.Topic, cancellationToken) is { } why)
                    missing.Add(topic with { Detail = why });
            }
            catch (Exception error) when (error is DanubeException or OperationCanceledException)
            {
                missing.Add(topic with { Detail = error.Message });
            }
        }

        return missing;
    }
}
