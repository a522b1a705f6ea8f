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
using BrokerStatus = Danube.Dapr.BrokerClient.BrokerStatus;

namespace Danube.Dapr.Rebalancer.Execution;

/// <summary>
/// Gives a topic that nobody owns an owner again. Danube resolves owners by the beginning of a name, so a helper topic whose name begins with the lost one's lets
/// its broker be found: a Reliable topic is then loaded there by a producer and unloaded regularly, a NonReliable one is deleted and created again.
/// Every step looks first, so it may run any number of times; at the first surprise it stops and says what is left to do.
/// </summary>
internal sealed class TopicRepairer(
    DanubeCluster danube, ActorDirectory actors, MoveRecorder recorder, Recreation recreation, Ghosts ghosts, RebalancerMetrics metrics, IOptionsMonitor<RebalancerOptions> monitor, TimeProvider time)
{
    public const string HelperSuffix = "-danube-repair";

    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(25);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(8);
    private static readonly TimeSpan BetweenTries = TimeSpan.FromSeconds(1);

    public async Task<MoveResult> RepairAsync(MoveInput input, CancellationToken cancellationToken = default)
    {
        using var span = RebalancerTracing.Start("repair topic", input.TraceParent);
        span?.SetTag("danube.topic", input.Move.Topic);
        var go = await actors.Control.MayContinueAsync(input.PlanId);
        if (go.Kind != ContinuationKind.Go)
            return new MoveResult(MoveProgress.Interrupted, new BatchResult(go.Kind, go.Reason, go.Detail));

        var started = time.GetTimestamp();
        var held = await ReserveAsync(input);
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
            await actors.Mask.CloseAsync(MaskId(input));
            if (lease.Step == LeaseStep.Unloading)
            {
                // The unload was sent, or the topic deleted, before a crash: it may be on its way to an owner, and must not be loaded a second time meanwhile.
                if (!input.KnownNonReliable || await CreateAgainAsync(input.Move.Topic, cancellationToken))
                    await ComesByItselfAsync(input.Move.Topic, cancellationToken);
            }

            var ownership = await danube.GetOwnershipAsync(cancellationToken);
            if (ownership.OwnersByTopic.TryGetValue(input.Move.Topic, out var owners))
            {
                await RemoveHelperAsync(input.Move.Topic, ownership, cancellationToken);
                if (lease.Step == LeaseStep.Unloading)
                {
                    await RefusesNothingAsync(input.Move.Topic, owners[0], cancellationToken);
                    metrics.RepairEnded(true);
                    return await EndAsync(input, MoveState.Done, null, $"Owned by {owners[0]} and served again.", owners[0], null);
                }

                return await EndAsync(input, MoveState.Skipped, ReasonCode.AlreadyThere, $"Broker {owners[0]} owns it: nothing to repair.", owners[0], null);
            }

            if (ownership.Topics.FirstOrDefault(t => t.Name == input.Move.Topic) is not { } listed)
                return await EndAsync(input, MoveState.Skipped, ReasonCode.Stranded, "Danube lists no such topic: nothing to repair.", null, null);
            await ghosts.SilenceAsync(await ghosts.FindAsync(cancellationToken), cancellationToken);
            await GoesOnAsync(input.Move.Topic, lease);
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
                await RemoveHelperAsync(input.Move.Topic, await danube.GetOwnershipAsync(cancellationToken), cancellationToken);
                return await EndAsync(input, MoveState.Skipped, ReasonCode.AlreadyThere, $"Danube gave it to broker {owned.Owner} meanwhile: nothing to repair.", owned.Owner, null);
            }

            var elapsed = time.GetElapsedTime(started).TotalMilliseconds;
            await RefusesNothingAsync(input.Move.Topic, owner, cancellationToken);
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
                await actors.Mask.CloseAsync(MaskId(input));
        }
    }

    private async Task<string> RepairReliableAsync(MoveInput input, Lease held, TopicOwnership ownership, CancellationToken cancellationToken)
    {
        var topic = input.Move.Topic;
        var unclean = await UncleanBrokersAsync(topic);
        var loadedOn = await LoadedOnAsync(topic, unclean, cancellationToken);
        var carrier = await CarrierAsync(topic, unclean, cancellationToken)
            ?? await CreateHelperAsync(input, held, ownership, unclean, loadedOn, TopicDelivery.Reliable, cancellationToken);
        if (loadedOn is not null && loadedOn != carrier)
        {
            throw new RepairException(ReasonCode.NameCollision,
                $"An earlier repair loaded it on broker {loadedOn}, but Danube finds broker {carrier} for its name. Left to do: move the topic whose name begins with its name to {loadedOn}, or delete it, then repair this one again.");
        }

        // Before it is loaded: once it is, it must be given away, and to one that may have it.
        var target = unclean.Count == 0 ? null : await CleanTargetAsync(topic, carrier, unclean, ownership, cancellationToken);
        await recorder.RecordAsync(input.PlanId, [recorder.At(input.PlanId, input.Move, MoveState.Unloading, null, $"Loaded on {carrier} through a name that begins alike.")]);
        await NotOwnedAsync(topic, cancellationToken);
        if ((await danube.LookupTopicAsync(carrier, topic, cancellationToken)).Outcome != LookupOutcome.Connect)
        {
            // Written down before it is done: a repair that fails after it leaves the topic loaded there, and the next one must go on there.
            if (!await actors.Topic(topic).BeginLoadAsync(new LoadRequest(held.MoveId, held.Asks, carrier)))
                throw new OtherRunException(topic);
            var producer = await danube.CreateProducerAsync(carrier, topic, $"repair-{Guid.NewGuid():n}", TopicDelivery.Reliable, cancellationToken);
            if (producer.Outcome != CreateProducerOutcome.Created)
                throw new RepairException(ReasonCode.Refused, $"Broker {carrier} did not load it ({producer.Detail}). Left to do: delete the helper topic {topic}{HelperSuffix} when it exists.");
        }

        // Danube would give the topic to any active broker but the carrier, also to one with a dead copy.
        if (target is not null)
            await MaskAsync(input, held, target, new Dictionary<string, int> { [carrier] = 1 });
        await BeginUnloadAsync(input, held);
        var unload = await danube.UnloadTopicAsync(topic, cancellationToken);
        if (unload.Outcome != UnloadOutcome.Accepted)
            throw new RepairException(ReasonCode.Refused, $"Danube refused to unload it from {carrier} ({unload.Detail}). Left to do: delete the helper topic {topic}{HelperSuffix} when it exists.");
        var owner = await GivenAwayAsync(topic, carrier, cancellationToken);
        await RemoveHelperAsync(topic, await danube.GetOwnershipAsync(cancellationToken), cancellationToken);
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

        var unclean = await UncleanBrokersAsync(topic);
        if (await CarrierAsync(topic, unclean, cancellationToken) is null)
            await CreateHelperAsync(input, held, ownership, unclean, null, TopicDelivery.NonReliable, cancellationToken);
        await NotOwnedAsync(topic, cancellationToken);
        // Written down before it is deleted: from here on every try creates it first when it is not there.
        await BeginUnloadAsync(input, held, deletes: true);
        await recorder.RecordAsync(input.PlanId, [recorder.At(input.PlanId, input.Move, MoveState.Unloading, null, "Deleted and created again.")]);
        var deleted = await danube.DeleteTopicAsync(topic, cancellationToken);
        if (deleted.Outcome != DeleteTopicOutcome.Deleted)
            throw new RepairException(ReasonCode.Refused, $"Danube refused to delete it ({deleted.Detail}). Left to do: delete the helper topic {topic}{HelperSuffix} when it exists.");
        await CreateAgainAsync(input.Move.Topic, cancellationToken);
        return await OwnedAsync(topic, cancellationToken);
    }

    /// <summary>
    /// Right before it is loaded or deleted: Danube gives topics away one after the other, so by the time the helper has an owner the topic may have one too, and would be loaded twice.
    /// </summary>
    private async Task NotOwnedAsync(string topic, CancellationToken cancellationToken)
    {
        if ((await danube.GetOwnershipAsync(cancellationToken)).OwnersByTopic.TryGetValue(topic, out var owners))
            throw new OwnedMeanwhileException(owners[0]);
    }

    /// <summary>The broker on which a repair that failed left the topic loaded, when it still is; null when there is none.</summary>
    private async Task<string?> LoadedOnAsync(string topic, HashSet<string> unclean, CancellationToken cancellationToken)
    {
        if ((await actors.Topic(topic).GetAsync())?.LoadedOn is not { } broker || unclean.Contains(broker) || (await danube.GetTopologyAsync(cancellationToken)).Find(broker) is null)
            return null;
        if (!await Liveness.IsAliveAsync(danube, broker, cancellationToken))
            throw new RepairException(ReasonCode.BrokerUnreachable, $"An earlier repair loaded it on broker {broker}, which does not answer. Left to do: wait until Danube has dropped that broker, then repair it again.");
        return await ServesAsync(broker, topic, cancellationToken) ? broker : null;
    }

    private async Task BeginUnloadAsync(MoveInput input, Lease held, bool deletes = false)
    {
        await GoesOnAsync(input.Move.Topic, held);
        if (!await actors.Topic(input.Move.Topic).BeginUnloadAsync(new UnloadRequest(held.MoveId, held.Sends, deletes)))
            throw new OtherRunException(input.Move.Topic);
    }

    /// <summary>Before each step that changes something: a later run of this repair asked for the topic, or it has ended, and this one must not go on beside it.</summary>
    private async Task GoesOnAsync(string topic, Lease held)
    {
        if ((await actors.Topic(topic).GetAsync())?.Lease is not { } now || now.MoveId != held.MoveId || now.Asks != held.Asks)
            throw new OtherRunException(topic);
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

    /// <summary>The broker that Danube finds for the name already, by a topic whose name begins with it; null when there is none.</summary>
    private async Task<string?> CarrierAsync(string topic, HashSet<string> unclean, CancellationToken cancellationToken)
    {
        if ((await danube.DescribeTopicAsync(topic, cancellationToken)).ResolvedOwner is not { } carrier)
            return null;
        if (unclean.Contains(carrier))
            throw new RepairException(ReasonCode.DeadCopy, $"Danube resolves its name to broker {carrier}, which may hold a dead copy of it. Left to do: delete the helper topic {topic}{HelperSuffix} when it exists, or move the topic whose name begins with its name, then repair it again.");
        if (!await Liveness.IsAliveAsync(danube, carrier, cancellationToken))
            throw new RepairException(ReasonCode.BrokerUnreachable, $"Danube resolves its name to broker {carrier}, which does not answer. Left to do: wait until Danube has dropped that broker, then repair it again.");
        return carrier;
    }

    /// <summary>Creates the helper on an active broker that never failed this topic, under a mask; on that which has the topic loaded, when one has.</summary>
    private async Task<string> CreateHelperAsync(
        MoveInput input, Lease held, TopicOwnership ownership, HashSet<string> unclean, string? loadedOn, TopicDelivery delivery, CancellationToken cancellationToken)
    {
        var carrier = loadedOn ?? await LeastLoadedAsync(ownership, unclean, null, cancellationToken)
            ?? throw new RepairException(ReasonCode.BrokerNotActive, "No active broker without a bad record for this topic answers.");
        var helper = input.Move.Topic + HelperSuffix;
        await MaskAsync(input, held, carrier, []);
        await recorder.RecordAsync(input.PlanId, [recorder.At(input.PlanId, input.Move, MoveState.Masked, null, $"Helper topic on {carrier}.")]);
        await GoesOnAsync(input.Move.Topic, held);
        var created = await danube.CreateTopicAsync(helper, delivery, cancellationToken);
        if (created.Outcome is not (CreateTopicOutcome.Accepted or CreateTopicOutcome.AlreadyExists))
            throw new RepairException(ReasonCode.Refused, $"Danube refused to create the helper topic {helper}: {created.Detail}");
        var owner = await OwnedAsync(helper, cancellationToken);
        await actors.Mask.CloseAsync(MaskId(input));
        return owner;
    }

    /// <summary>Where the topic goes from its carrier, when others may hold a dead copy of it.</summary>
    private async Task<string> CleanTargetAsync(string topic, string carrier, HashSet<string> unclean, TopicOwnership ownership, CancellationToken cancellationToken) =>
        await LeastLoadedAsync(ownership, unclean, carrier, cancellationToken)
        ?? throw new RepairException(ReasonCode.DeadCopy,
            $"Besides {carrier} only brokers are left that may hold a dead copy of it. Left to do: activate another broker, then repair it again; delete the helper topic {topic}{HelperSuffix} when it exists.");

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

    /// <summary>One window for each topic, so that it can be ended for good with the topic's repair.</summary>
    private static string MaskId(MoveInput input) => $"{input.BatchId}-{input.Move.Topic}";

    /// <param name="input">The step.</param>
    /// <param name="held">The lease.</param>
    /// <param name="target">The only broker that is to take topics.</param>
    /// <param name="takenFrom">Topics that this repair may take from brokers meanwhile: its helper. A broker that loses more was emptied by an operator.</param>
    private async Task MaskAsync(MoveInput input, Lease held, string target, Dictionary<string, int> takenFrom)
    {
        await GoesOnAsync(input.Move.Topic, held);
        var masked = await actors.Mask.OpenAsync(new MaskRequest(input.PlanId, MaskId(input), target, 1, takenFrom));
        await GoesOnAsync(input.Move.Topic, held);
        if (masked.Reason is { } reason)
            throw new RepairException(reason, masked.Detail);
    }

    private async Task RemoveHelperAsync(string topic, TopicOwnership ownership, CancellationToken cancellationToken)
    {
        var helper = topic + HelperSuffix;
        if (ownership.Topics.All(t => t.Name != helper))
            return;
        var deleted = await danube.DeleteTopicAsync(helper, cancellationToken);
        if (deleted.Outcome != DeleteTopicOutcome.Deleted)
            throw new RepairException(ReasonCode.Refused, $"The helper topic {helper} could not be deleted ({deleted.Detail}). Left to do: delete it.");
    }

    private async Task<string> OwnedAsync(string topic, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        while (time.GetElapsedTime(started) < Patience)
        {
            // By the brokers' own lists: the resolution of names is the very thing that is bent here.
            foreach (var broker in (await danube.GetTopologyAsync(cancellationToken)).Brokers)
            {
                if ((await danube.ListBrokerTopicsAsync(broker.Id, cancellationToken)).Any(t => t.Name == topic)
                    && await ServesAsync(broker.Id, topic, cancellationToken))
                    return broker.Id;
            }

            await Task.Delay(Poll, time, cancellationToken);
        }

        throw new RepairException(ReasonCode.Timeout, string.Create(CultureInfo.InvariantCulture, $"{topic} has no owner that serves it {Patience.TotalSeconds:0} s later. Left to do: look at the brokers' logs."));
    }

    /// <summary>The owner after an unload from its carrier. A carrier that did not let it go has a dead copy from now on: the next repair must not go on there.</summary>
    private async Task<string> GivenAwayAsync(string topic, string carrier, CancellationToken cancellationToken)
    {
        try
        {
            return await OwnedAsync(topic, cancellationToken);
        }
        catch (RepairException late) when (late.Reason == ReasonCode.Timeout)
        {
            if (!await ServesAsync(carrier, topic, cancellationToken))
                throw;
            throw new RepairException(ReasonCode.Timeout, $"Broker {carrier} did not let it go and may hold a dead copy. Left to do: delete the helper topic {topic}{HelperSuffix} when it exists, then repair it again.")
            {
                FailedOn = carrier,
            };
        }
    }

    /// <summary>
    /// The new owner must refuse no publishes: one with a dead copy that we know nothing of looks as if it served the topic. One that refused some is looked at again: they may be from before, and only more
    /// of them mean something. One that refused none yet is looked at once more, as its clients may not be back; not when it has never served the topic, since it then has no dead copy.
    /// </summary>
    private async Task RefusesNothingAsync(string topic, string owner, CancellationToken cancellationToken)
    {
        if (await TargetScan.ReadAsync(danube, owner, cancellationToken) is not { } first)
            return;
        var before = first.Refused.GetValueOrDefault(topic);
        if (before == 0 && first.Sent.GetValueOrDefault(topic) == 0 && !first.Logged.Contains(topic))
            return;
        for (var look = before == 0 ? Verification.Looks : 1; look <= Verification.Looks; look++)
        {
            await Task.Delay(Verification.BetweenLooks, time, cancellationToken);
            if (await TargetScan.ReadAsync(danube, owner, cancellationToken) is { } scan && scan.Refused.GetValueOrDefault(topic) is var now && now > before)
            {
                throw new RepairException(ReasonCode.DeadCopy, string.Create(CultureInfo.InvariantCulture,
                    $"Broker {owner} owns it but refused {now - before:0} publishes: it holds a dead copy. Left to do: replace that broker; Danube then gives the topic to another, with all that was stored."), owner);
            }
        }
    }

    private async Task ComesByItselfAsync(string topic, CancellationToken cancellationToken)
    {
        try
        {
            await OwnedAsync(topic, cancellationToken);
        }
        catch (RepairException)
        {
            // It did not: it is repaired from the beginning.
        }
    }

    private async Task<bool> ServesAsync(string broker, string topic, CancellationToken cancellationToken)
    {
        try
        {
            return (await danube.LookupTopicAsync(broker, topic, cancellationToken)).Outcome == LookupOutcome.Connect;
        }
        catch (DanubeUnreachableException)
        {
            return false;
        }
    }

    private async Task<ReservationResult> ReserveAsync(MoveInput input) => await actors.Topic(input.Move.Topic).ReserveAsync(new Reservation
    {
        MoveId = input.Move.MoveId(input.PlanId),
        Topic = input.Move.Topic,
        From = "",
        To = "",
        LeaseSeconds = monitor.CurrentValue.MoveTimeoutSeconds,
        Force = true,
    });

    private async Task<HashSet<string>> UncleanBrokersAsync(string topic)
    {
        var state = await actors.Topic(topic).GetAsync();
        var banned = (await actors.Control.GetStateAsync()).Banned.Where(b => b.Topic == topic).Select(b => b.BrokerId);
        return [.. state?.Failures.Select(f => f.BrokerId) ?? [], .. banned];
    }

    private async Task<MoveResult> EndAsync(MoveInput input, MoveState state, ReasonCode? reason, string detail, string? owner, double? durationMs, string? failedOn = null)
    {
        await recorder.EndAsync(input.PlanId, recorder.At(input.PlanId, input.Move, state, reason, detail, durationMs), owner, failedOn);
        await actors.Mask.EndAsync(MaskId(input));
        return new MoveResult(MoveProgress.Ended, null, durationMs);
    }

    /// <summary>The step was given out again after a crash, and another run of it goes on with the topic: the workflow tries this one again and finds what became of it.</summary>
    private sealed class OtherRunException(string topic) : Exception($"Another run of this repair goes on with {topic}.");

    /// <summary>Danube gave the topic an owner while its repair was at work.</summary>
    private sealed class OwnedMeanwhileException(string owner) : Exception
    {
        public string Owner => owner;
    }

    /// <summary>Something is not as a repair needs it.</summary>
    private sealed class RepairException(ReasonCode reason, string message, string? owner = null) : Exception(message)
    {
        public ReasonCode Reason => reason;

        /// <summary>The broker that owns the topic and does not serve it rightly; null when nobody owns it.</summary>
        public string? Owner { get; } = owner;

        /// <summary>The broker on which it went wrong, or null.</summary>
        public string? FailedOn { get; init; } = owner;
    }
}
