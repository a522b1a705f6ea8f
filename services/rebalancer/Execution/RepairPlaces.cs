using Danube.Dapr.BrokerClient;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Actors;
using Danube.Dapr.Rebalancer.Topics;
using Danube.Dapr.Rebalancer.Workflows;
using BrokerStatus = Danube.Dapr.BrokerClient.BrokerStatus;

namespace Danube.Dapr.Rebalancer.Execution;

/// <summary>Where a topic is loaded for its repair, and where it goes from there. Danube finds that broker by a topic whose name begins with the lost one's: the helper, when there is none already.</summary>
internal sealed class RepairPlaces(DanubeCluster danube, ActorDirectory actors, MoveRecorder recorder, RepairHold hold, RepairWatch watch)
{
    /// <summary>Brokers that may hold a dead copy of it.</summary>
    public async Task<HashSet<string>> UncleanBrokersAsync(string topic)
    {
        var state = await actors.Topic(topic).GetAsync();
        var banned = (await actors.Control.GetStateAsync()).Banned.Where(b => b.Topic == topic).Select(b => b.BrokerId);
        return [.. state?.Failures.Select(f => f.BrokerId) ?? [], .. banned];
    }

    /// <summary>The broker on which a repair that failed left the topic loaded, when it still is; null when there is none.</summary>
    public async Task<string?> LoadedOnAsync(string topic, HashSet<string> unclean, CancellationToken cancellationToken)
    {
        if ((await actors.Topic(topic).GetAsync())?.LoadedOn is not { } broker || unclean.Contains(broker) || (await danube.GetTopologyAsync(cancellationToken)).Find(broker) is null)
            return null;
        if (!await Liveness.IsAliveAsync(danube, broker, cancellationToken))
            throw new RepairException(ReasonCode.BrokerUnreachable, $"An earlier repair loaded it on broker {broker}, which does not answer. Left to do: wait until Danube has dropped that broker, then repair it again.");
        return await watch.ServesAsync(broker, topic, cancellationToken) ? broker : null;
    }

    /// <summary>The broker that Danube finds for the name already, by a topic whose name begins with it; null when there is none.</summary>
    public async Task<string?> CarrierAsync(string topic, HashSet<string> unclean, CancellationToken cancellationToken)
    {
        if ((await danube.DescribeTopicAsync(topic, cancellationToken)).ResolvedOwner is not { } carrier)
            return null;
        if (unclean.Contains(carrier))
            throw new RepairException(ReasonCode.DeadCopy, $"Danube resolves its name to broker {carrier}, which may hold a dead copy of it. Left to do: delete the helper topic {topic}{TopicRepairer.HelperSuffix} when it exists, or move the topic whose name begins with its name, then repair it again.");
        if (!await Liveness.IsAliveAsync(danube, carrier, cancellationToken))
            throw new RepairException(ReasonCode.BrokerUnreachable, $"Danube resolves its name to broker {carrier}, which does not answer. Left to do: wait until Danube has dropped that broker, then repair it again.");
        return carrier;
    }

    /// <summary>Creates the helper on an active broker that never failed this topic, under a mask; on that which has the topic loaded, when one has.</summary>
    public async Task<string> CreateHelperAsync(
        MoveInput input, Lease held, TopicOwnership ownership, HashSet<string> unclean, string? loadedOn, TopicDelivery delivery, CancellationToken cancellationToken)
    {
        var carrier = loadedOn ?? await LeastLoadedAsync(ownership, unclean, null, cancellationToken)
            ?? throw new RepairException(ReasonCode.BrokerNotActive, "No active broker without a bad record for this topic answers.");
        var helper = input.Move.Topic + TopicRepairer.HelperSuffix;
        await MaskAsync(input, held, carrier, []);
        await recorder.RecordAsync(input.PlanId, [recorder.At(input.PlanId, input.Move, MoveState.Masked, null, $"Helper topic on {carrier}.")]);
        await hold.GoesOnAsync(input.Move.Topic, held);
        var created = await danube.CreateTopicAsync(helper, delivery, cancellationToken);
        if (created.Outcome is not (CreateTopicOutcome.Accepted or CreateTopicOutcome.AlreadyExists))
            throw new RepairException(ReasonCode.Refused, $"Danube refused to create the helper topic {helper}: {created.Detail}");
        var owner = await watch.OwnedAsync(helper, cancellationToken);
        await actors.Mask.CloseAsync(MaskId(input));
        return owner;
    }

    /// <summary>Where the topic goes from its carrier, when others may hold a dead copy of it.</summary>
    public async Task<string> CleanTargetAsync(string topic, string carrier, HashSet<string> unclean, TopicOwnership ownership, CancellationToken cancellationToken) =>
        await LeastLoadedAsync(ownership, unclean, carrier, cancellationToken)
        ?? throw new RepairException(ReasonCode.DeadCopy,
            $"Besides {carrier} only brokers are left that may hold a dead copy of it. Left to do: activate another broker, then repair it again; delete the helper topic {topic}{TopicRepairer.HelperSuffix} when it exists.");

    /// <summary>Masks all brokers but one, unless a later run of the repair has the topic.</summary>
    /// <param name="input">The step.</param>
    /// <param name="held">The lease.</param>
    /// <param name="target">The only broker that is to take topics.</param>
    /// <param name="takenFrom">Topics that this repair may take from brokers meanwhile: its helper. A broker that loses more was emptied by an operator.</param>
    public async Task MaskAsync(MoveInput input, Lease held, string target, Dictionary<string, int> takenFrom)
    {
        await hold.GoesOnAsync(input.Move.Topic, held);
        var masked = await actors.Mask.OpenAsync(new MaskRequest(input.PlanId, MaskId(input), target, 1, takenFrom));
        await hold.GoesOnAsync(input.Move.Topic, held);
        if (masked.Reason is { } reason)
            throw new RepairException(reason, masked.Detail);
    }

    /// <summary>One window for each topic, so that it can be ended for good with the topic's repair.</summary>
    public static string MaskId(MoveInput input) => $"{input.BatchId}-{input.Move.Topic}";

    /// <summary>Deletes the helper, when there is one.</summary>
    public async Task RemoveHelperAsync(string topic, TopicOwnership ownership, CancellationToken cancellationToken)
    {
        var helper = topic + TopicRepairer.HelperSuffix;
        if (ownership.Topics.All(t => t.Name != helper))
            return;
        var deleted = await danube.DeleteTopicAsync(helper, cancellationToken);
        if (deleted.Outcome != DeleteTopicOutcome.Deleted)
            throw new RepairException(ReasonCode.Refused, $"The helper topic {helper} could not be deleted ({deleted.Detail}). Left to do: delete it.");
    }

    /// <summary>The active broker with the fewest topics that answers and has no bad record for the topic; null when there is none.</summary>
    private async Task<string?> LeastLoadedAsync(TopicOwnership ownership, HashSet<string> unclean, string? except, CancellationToken cancellationToken)
    {
        var topology = await danube.DiscoverAsync(cancellationToken);
        var topics = ownership.OwnersByTopic.Values.SelectMany(o => o).CountBy(o => o).ToDictionary(o => o.Key, o => o.Value);
        foreach (var broker in topology.Brokers
            .Where(b => b.Status == BrokerStatus.Active && b.Id != except && !unclean.Contains(b.Id))
            .OrderBy(b => topics.GetValueOrDefault(b.Id)).ThenBy(b => b.Id, StringComparer.Ordinal))
        {
            if (await Liveness.IsAliveAsync(danube, broker.Id, cancellationToken))
                return broker.Id;
        }

        return null;
    }
}
