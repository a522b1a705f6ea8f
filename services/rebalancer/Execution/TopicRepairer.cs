using System.Globalization;
using Danube.Dapr.BrokerClient;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Actors;
using Danube.Dapr.Rebalancer.Control;
using Danube.Dapr.Rebalancer.Options;
using Danube.Dapr.Rebalancer.Telemetry;
using Danube.Dapr.Rebalancer.Topics;
using Danube.Dapr.Rebalancer.Workflows;
using Microsoft.Extensions.Options;

namespace Danube.Dapr.Rebalancer.Execution;

/// <summary>
/// Gives a topic that nobody owns an owner again. Danube resolves owners by the beginning of a name, so a helper topic whose name begins with the lost one's lets
/// its broker be found: a Reliable topic is then loaded there by a producer and unloaded regularly, a NonReliable one is deleted and created again.
/// Every step looks first, so it may run any number of times; at the first surprise it stops and says what is left to do.
/// </summary>
internal sealed class TopicRepairer(
    DanubeCluster danube, ActorDirectory actors, MoveRecorder recorder, Recreation recreation, Ghosts ghosts, RepairHold hold, RepairPlaces places, RepairWatch watch, RebalancerMetrics metrics,
    IOptionsMonitor<RebalancerOptions> monitor, TimeProvider time)
{
    public const string HelperSuffix = "-danube-repair";

    private static readonly TimeSpan BetweenTries = TimeSpan.FromSeconds(1);

    public async Task<MoveResult> RepairAsync(MoveInput input, CancellationToken cancellationToken = default)
    {
        using var span = RebalancerTracing.Start("repair topic", input.TraceParent);
        span?.SetTag("danube.topic", input.Move.Topic);
        var go = await actors.Control.MayContinueAsync(input.PlanId);
        if (go.Kind != ContinuationKind.Go)
            return new MoveResult(MoveProgress.Interrupted, new BatchResult(go.Kind, go.Reason, go.Detail));

        var started = time.GetTimestamp();
        var held = await hold.ReserveAsync(input);
        if (held.End is { } ended)
        {
            // The lease may have run out between the delete and the new creation, while no process lived.
            if (ended.Reason == ReasonCode.Timeout && input.KnownNonReliable && (await TryCreateAgainAsync(input.Move.Topic, cancellationToken)).WhyNot is { } gone)
                ended = ended with { Detail = gone };
            return await EndAsync(input, ended.State, ended.Reason, ended.Detail, null, ended.DurationMs);
        }

        if (held.Denial is { } denial)
            return await EndAsync(input, MoveState.Skipped, denial.Reason, denial.Detail, null, null);
        var lease = held.Lease!;
        await recorder.RecordAsync(input.PlanId, [recorder.At(input.PlanId, input.Move, MoveState.Reserved)]);
        var ours = true;
        try
        {
            // What a run that was killed left masked: unloaded from its helper's broker the topic could go nowhere.
            await actors.Mask.CloseAsync(RepairPlaces.MaskId(input));
            if (lease.Step == LeaseStep.Unloading)
            {
                // The unload was sent, or the topic deleted, before a crash: it may be on its way to an owner, and must not be loaded a second time meanwhile.
                if (!input.KnownNonReliable || await CreateAgainAsync(input.Move.Topic, cancellationToken))
                    await watch.ComesByItselfAsync(input.Move.Topic, cancellationToken);
            }

            var ownership = await danube.GetOwnershipAsync(cancellationToken);
            if (ownership.OwnersByTopic.TryGetValue(input.Move.Topic, out var owners))
            {
                await places.RemoveHelperAsync(input.Move.Topic, ownership, cancellationToken);
                if (lease.Step == LeaseStep.Unloading)
                {
                    await watch.RefusesNothingAsync(input.Move.Topic, owners[0], cancellationToken);
                    metrics.RepairEnded(true);
                    return await EndAsync(input, MoveState.Done, null, $"Owned by {owners[0]} and served again.", owners[0], null);
                }

                return await EndAsync(input, MoveState.Skipped, ReasonCode.AlreadyThere, $"Broker {owners[0]} owns it: nothing to repair.", owners[0], null);
            }

            if (ownership.Topics.FirstOrDefault(t => t.Name == input.Move.Topic) is not { } listed)
                return await EndAsync(input, MoveState.Skipped, ReasonCode.Stranded, "Danube lists no such topic: nothing to repair.", null, null);
            await ghosts.SilenceAsync(await ghosts.FindAsync(cancellationToken), cancellationToken);
            await hold.GoesOnAsync(input.Move.Topic, lease);
            await LetGoOfGhostAsync(input.Move.Topic, cancellationToken);
            string owner;
            try
            {
                owner = listed.Delivery == TopicDelivery.Reliable
                    ? await RepairReliableAsync(input, lease, ownership, cancellationToken)
                    : await RepairNonReliableAsync(input, lease, ownership, cancellationToken);
            }
            catch (OwnedMeanwhileException owned)
            {
                await places.RemoveHelperAsync(input.Move.Topic, await danube.GetOwnershipAsync(cancellationToken), cancellationToken);
                return await EndAsync(input, MoveState.Skipped, ReasonCode.AlreadyThere, $"Danube gave it to broker {owned.Owner} meanwhile: nothing to repair.", owned.Owner, null);
            }

            var elapsed = time.GetElapsedTime(started).TotalMilliseconds;
            await watch.RefusesNothingAsync(input.Move.Topic, owner, cancellationToken);
            metrics.RepairEnded(true);
            return await EndAsync(input, MoveState.Done, null,
                string.Create(CultureInfo.InvariantCulture, $"Owned by {owner} and served again after {elapsed:0} ms."), owner, elapsed);
        }
        catch (RepairException surprise)
        {
            metrics.RepairEnded(false);
            var end = await EndAsync(input, MoveState.Failed, surprise.Reason, surprise.Message, surprise.Owner, null, surprise.FailedOn);
            return end with { Interruption = new BatchResult(ContinuationKind.Stop, surprise.Reason, $"{input.Move.Topic}: {surprise.Message}") };
        }
        catch (OtherRunException)
        {
            ours = false;
            throw;
        }
        finally
        {
            if (ours)
                await actors.Mask.CloseAsync(RepairPlaces.MaskId(input));
        }
    }

    private async Task<string> RepairReliableAsync(MoveInput input, Lease held, TopicOwnership ownership, CancellationToken cancellationToken)
    {
        var topic = input.Move.Topic;
        var unclean = await places.UncleanBrokersAsync(topic);
        var loadedOn = await places.LoadedOnAsync(topic, unclean, cancellationToken);
        var carrier = await places.CarrierAsync(topic, unclean, cancellationToken)
            ?? await places.CreateHelperAsync(input, held, ownership, unclean, loadedOn, TopicDelivery.Reliable, cancellationToken);
        if (loadedOn is not null && loadedOn != carrier)
        {
            throw new RepairException(ReasonCode.NameCollision,
                $"An earlier repair loaded it on broker {loadedOn}, but Danube finds broker {carrier} for its name. Left to do: move the topic whose name begins with its name to {loadedOn}, or delete it, then repair this one again.");
        }

        // Before it is loaded: once it is, it must be given away, and to one that may have it.
        var target = unclean.Count == 0 ? null : await places.CleanTargetAsync(topic, carrier, unclean, ownership, cancellationToken);
        await recorder.RecordAsync(input.PlanId, [recorder.At(input.PlanId, input.Move, MoveState.Unloading, null, $"Loaded on {carrier} through a name that begins alike.")]);
        await watch.NotOwnedAsync(topic, cancellationToken);
        if ((await danube.LookupTopicAsync(carrier, topic, cancellationToken)).Outcome != LookupOutcome.Connect)
        {
            await hold.BeginLoadAsync(topic, held, carrier);
            var producer = await danube.CreateProducerAsync(carrier, topic, $"repair-{Guid.NewGuid():n}", TopicDelivery.Reliable, cancellationToken);
            if (producer.Outcome != CreateProducerOutcome.Created)
                throw new RepairException(ReasonCode.Refused, $"Broker {carrier} did not load it ({producer.Detail}). Left to do: delete the helper topic {topic}{HelperSuffix} when it exists.");
        }

        // Danube would give the topic to any active broker but the carrier, also to one with a dead copy.
        if (target is not null)
            await places.MaskAsync(input, held, target, new Dictionary<string, int> { [carrier] = 1 });
        await hold.BeginUnloadAsync(input, held);
        var unload = await danube.UnloadTopicAsync(topic, cancellationToken);
        if (unload.Outcome != UnloadOutcome.Accepted)
            throw new RepairException(ReasonCode.Refused, $"Danube refused to unload it from {carrier} ({unload.Detail}). Left to do: delete the helper topic {topic}{HelperSuffix} when it exists.");
        var owner = await watch.GivenAwayAsync(topic, carrier, cancellationToken);
        await places.RemoveHelperAsync(topic, await danube.GetOwnershipAsync(cancellationToken), cancellationToken);
        return owner;
    }

    private async Task<string> RepairNonReliableAsync(MoveInput input, Lease held, TopicOwnership ownership, CancellationToken cancellationToken)
    {
        var topic = input.Move.Topic;
        // Danube says NonReliable also when it does not know. Only what was known to be NonReliable while it lived is deleted.
        if (!input.KnownNonReliable)
            throw new RepairException(ReasonCode.DeliveryUnknown, "It may be Reliable: its delivery mode was not seen while it was owned, and a NonReliable topic is repaired by deleting it.");
        if (TopicNames.IsPartition(topic))
            throw new RepairException(ReasonCode.IsPartition, "A single partition of a NonReliable topic cannot be created again.");
        if ((await danube.DescribeTopicAsync(topic, cancellationToken)).SchemaSubject is { } schema)
            throw new RepairException(ReasonCode.HasSchema, $"It has the schema {schema}, which a new creation would lose.");

        if (ownership.Topics.FirstOrDefault(t => t.Name.Length > topic.Length && t.Name != topic + HelperSuffix && t.Name.StartsWith(topic, StringComparison.Ordinal)) is { } longer)
            throw new RepairException(ReasonCode.NameCollision, $"Danube would refuse to create it again, because the name of {longer.Name} begins with its name. Left to do: delete or rename that one first.");

        var unclean = await places.UncleanBrokersAsync(topic);
        if (await places.CarrierAsync(topic, unclean, cancellationToken) is null)
            await places.CreateHelperAsync(input, held, ownership, unclean, null, TopicDelivery.NonReliable, cancellationToken);
        await watch.NotOwnedAsync(topic, cancellationToken);
        await recorder.RecordAsync(input.PlanId, [recorder.At(input.PlanId, input.Move, MoveState.Unloading, null, "Deleted and created again.")]);
        // Written down before it is deleted, at the last moment: from here on every try creates it first when it is not there.
        await hold.BeginUnloadAsync(input, held, deletes: true);
        var deleted = await danube.DeleteTopicAsync(topic, cancellationToken);
        if (deleted.Outcome != DeleteTopicOutcome.Deleted)
            throw new RepairException(ReasonCode.Refused, $"Danube refused to delete it ({deleted.Detail}). Left to do: delete the helper topic {topic}{HelperSuffix} when it exists.");
        await CreateAgainAsync(input.Move.Topic, cancellationToken);
        return await watch.OwnedAsync(topic, cancellationToken);
    }

    /// <summary>Creates a NonReliable topic that was deleted; false when it is there.</summary>
    private async Task<bool> CreateAgainAsync(string topic, CancellationToken cancellationToken)
    {
        var (created, whyNot) = await TryCreateAgainAsync(topic, cancellationToken);
        return whyNot is null ? created : throw new RepairException(ReasonCode.Refused, whyNot);
    }

    /// <summary>
    /// A refusal may be of the moment (without a leader Danube refuses everything), so it is tried for half the time that its lease lasts; then the end of the plan and the cycles go on.
    /// </summary>
    private async Task<(bool Created, string? WhyNot)> TryCreateAgainAsync(string topic, CancellationToken cancellationToken)
    {
        for (var started = time.GetTimestamp(); ;)
        {
            var made = await recreation.EnsureAsync(topic, cancellationToken);
            if (made.WhyNot is null || time.GetElapsedTime(started).TotalSeconds >= monitor.CurrentValue.MoveTimeoutSeconds / 2)
                return made;
            await Task.Delay(BetweenTries, time, cancellationToken);
        }
    }

    /// <summary>A topic that was given to a broker which is gone has an assignment that nobody serves: it is taken away first, so that the topic can be loaded elsewhere.</summary>
    private async Task LetGoOfGhostAsync(string topic, CancellationToken cancellationToken)
    {
        if (await GoneOwnerAsync(topic, cancellationToken) is null)
            return;
        await danube.UnloadTopicAsync(topic, cancellationToken);
        if (await GoneOwnerAsync(topic, cancellationToken) is { } gone)
        {
            throw new RepairException(ReasonCode.NameCollision,
                $"Danube finds broker {gone}, which is gone, for its name: a topic whose name begins with it was given to that broker. Left to do: repair that one first.");
        }
    }

    /// <summary>The broker that Danube finds for the name, when it is not registered; null otherwise.</summary>
    private async Task<string?> GoneOwnerAsync(string topic, CancellationToken cancellationToken) =>
        (await danube.DescribeTopicAsync(topic, cancellationToken)).ResolvedOwner is { } owner && (await danube.GetTopologyAsync(cancellationToken)).Find(owner) is null ? owner : null;

    private async Task<MoveResult> EndAsync(MoveInput input, MoveState state, ReasonCode? reason, string detail, string? owner, double? durationMs, string? failedOn = null)
    {
        await recorder.EndAsync(input.PlanId, recorder.At(input.PlanId, input.Move, state, reason, detail, durationMs), owner, failedOn);
        await actors.Mask.EndAsync(RepairPlaces.MaskId(input));
        return new MoveResult(MoveProgress.Ended, null, durationMs);
    }
}
