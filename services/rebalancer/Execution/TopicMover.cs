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
/// Moves one topic, or finds out how far a move that was begun has come. It may run any number of times for the same move: whether the unload was sent is
/// written down in the topic's actor before it is sent, and where the topic is decides what follows.
/// </summary>
internal sealed class TopicMover(
    DanubeCluster danube, ActorDirectory actors, MoveRecorder recorder, Recreation recreation, DeadCopies deadCopies, DoubleLoads doubleLoads, IOptionsMonitor<RebalancerOptions> monitor, TimeProvider time)
{
    /// <summary>How long one call watches before it leaves the waiting to the workflow's timers.</summary>
    private static readonly TimeSpan Watch = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(15);

    /// <summary>A request that another run of this step sent, perhaps in a process that is dead, may still be on its way for this long; only then is it sent again.</summary>
    private static readonly TimeSpan Settled = TimeSpan.FromSeconds(3);

    /// <summary>A run that comes to send what it wrote down no sooner than this does not send it.</summary>
    internal static readonly TimeSpan Late = Settled / 2;

    public async Task<MoveResult> MoveAsync(MoveInput input, CancellationToken cancellationToken = default)
    {
        using var span = RebalancerTracing.Start("move topic", input.TraceParent);
        span?.SetTag("danube.topic", input.Move.Topic);
        span?.SetTag("danube.from", input.Move.From);
        span?.SetTag("danube.to", input.Move.To);

        var moveId = input.Move.MoveId(input.PlanId);
        var held = await actors.Topic(input.Move.Topic).GetAsync();
        if (held?.LastEnd is { } end && end.MoveId == moveId)
        {
            // The lease may have run out between the delete and the new creation, or in the middle of an unload, while no process lived.
            if (input.Move.Recreate && end.Reason == ReasonCode.Timeout && await recreation.WhyNotThereAsync(input.Move.Topic, cancellationToken) is { } gone)
                end = end with { Detail = gone };
            var owner = held.Owner;
            if (end is { State: MoveState.Failed, Reason: ReasonCode.Timeout })
            {
                var (found, source) = await deadCopies.LookAsync(input.Move.Topic, input.Move.From, cancellationToken);
                if (source is not null)
                    end = end with { State = MoveState.Stuck, Detail = $"{end.Detail} Nobody owns it." };
                // Its source has been suspected since: now it is known whether it let the topic go.
                await recorder.EndTopicAsync(recorder.At(input.PlanId, input.Move, end.State, end.Reason, end.Detail, end.DurationMs), found, source);
                owner = found ?? owner;
            }

            await recorder.RecordAsync(input.PlanId, [recorder.At(input.PlanId, input.Move, end.State, end.Reason, end.Detail, end.DurationMs) with { Owner = owner }]);
            return new MoveResult(MoveProgress.Ended, InterruptionOf(end.State, end.Reason, end.Detail));
        }

        if (held?.Lease is not { } lease || lease.MoveId != moveId)
        {
            await recorder.RecordAsync(input.PlanId,
                [recorder.At(input.PlanId, input.Move, MoveState.Skipped, ReasonCode.Reserved, "The topic is no longer held for this move.")]);
            return new MoveResult(MoveProgress.Ended);
        }

        return lease.Step == LeaseStep.Unloading
            ? await FollowAsync(input, lease, cancellationToken)
            : await BeginAsync(input, lease, cancellationToken);
    }

    private async Task<MoveResult> BeginAsync(MoveInput input, Lease lease, CancellationToken cancellationToken)
    {
        var go = await actors.Control.MayContinueAsync(input.PlanId);
        if (go.Kind != ContinuationKind.Go)
            return new MoveResult(MoveProgress.Interrupted, new BatchResult(go.Kind, go.Reason, go.Detail));
        if (await WhyNotNowAsync(input, cancellationToken) is { } why)
            return new MoveResult(MoveProgress.Interrupted, why);
        var owner = (await danube.DescribeTopicAsync(input.Move.Topic, cancellationToken)).ResolvedOwner;
        if (owner != input.Move.From)
        {
            // Moved by another run of this very step, which was given out again after a crash: that is how far the move has come, and no reason to skip it.
            if ((await actors.Topic(input.Move.Topic).GetAsync())?.Lease is not { Step: LeaseStep.Reserved })
                return new MoveResult(MoveProgress.Pending);
            var reason = owner is null ? ReasonCode.Stranded : owner == input.Move.To ? ReasonCode.AlreadyThere : ReasonCode.OwnerChanged;
            await recorder.EndAsync(input.PlanId,
                recorder.At(input.PlanId, input.Move, MoveState.Skipped, reason, $"Its owner is {owner ?? "nobody"} at the moment of its unload."), owner);
            return new MoveResult(MoveProgress.Ended);
        }

        return input.Move.Recreate
            ? await recreation.BeginAsync(input, lease, () => WatchAsync(input, TimeSpan.Zero, cancellationToken), cancellationToken)
            : await UnloadAsync(input, lease, cancellationToken);
    }

    /// <summary>Leader and Raft term as at the preflight, and the mask in force, or the landing still certain without one.</summary>
    private async Task<BatchResult?> WhyNotNowAsync(MoveInput input, CancellationToken cancellationToken)
    {
        var topology = await danube.DiscoverAsync(cancellationToken);
        var raft = await danube.GetRaftStatusAsync(cancellationToken);
        if (topology.Leader?.Id != input.LeaderId || raft.LeaderId != input.LeaderId || raft.Term != input.RaftTerm)
            return new BatchResult(ContinuationKind.Wait, ReasonCode.LeaderChanged, $"Leader or Raft term changed (leader {raft.LeaderId ?? "none"}, term {raft.Term}).");
        if (topology.Find(input.Move.To) is not { Status: BrokerStatus.Active })
            return new BatchResult(ContinuationKind.Wait, ReasonCode.BrokerNotActive, $"Broker {input.Move.To} takes no topics (any more).");
        // A dead target with all others masked would be the worst moment for a failover: nobody could take the dead one's topics.
        foreach (var broker in (string[])[input.Move.To, input.Move.From])
        {
            if (!await Liveness.IsAliveAsync(danube, broker, cancellationToken))
                return new BatchResult(ContinuationKind.Wait, ReasonCode.BrokerUnreachable, $"Broker {broker} does not answer.");
        }

        if (!input.Masked)
        {
            return Landing.IsCertain(topology, await danube.GetClusterBalanceAsync(cancellationToken), input.Move.From, input.Move.To)
                ? null
                : new BatchResult(ContinuationKind.Wait, ReasonCode.Drift, "The ranking changed: without a mask the topic would land elsewhere.");
        }

        if (MaskRules.InForce(topology, input.Move.To))
            return null;
        var masked = await actors.Mask.OpenAsync(new MaskRequest(input.PlanId, input.BatchId, input.Move.To, input.BatchMoves, input.BatchMovesFrom));
        return masked.Reason is { } reason ? new BatchResult(ContinuationKind.Wait, reason, masked.Detail) : null;
    }

    private async Task<MoveResult> UnloadAsync(MoveInput input, Lease lease, CancellationToken cancellationToken)
    {
        var written = time.GetTimestamp();
        // Another run of this step sends it, or the topic is held no longer: the next look finds out which.
        if (!await actors.Topic(input.Move.Topic).BeginUnloadAsync(new UnloadRequest(lease.MoveId, lease.Sends)))
            return new MoveResult(MoveProgress.Pending);
        var detail = input.InFlight > 1 ? $"One of {input.InFlight} in flight." : "";
        await recorder.RecordAsync(input.PlanId, [recorder.At(input.PlanId, input.Move, MoveState.Unloading, null, detail)]);
        // Too late for this one: another run may be about to send it again.
        if (time.GetElapsedTime(written) > Late)
            return new MoveResult(MoveProgress.Pending);
        var sent = time.GetTimestamp();
        try
        {
            var answer = await danube.UnloadTopicAsync(input.Move.Topic, cancellationToken);
            if (answer.Outcome != UnloadOutcome.Accepted && await OwnerAsync(input, cancellationToken) == input.Move.From)
            {
                await recorder.EndAsync(input.PlanId, recorder.At(input.PlanId, input.Move, MoveState.Failed, ReasonCode.Refused, $"Danube refused the unload: {answer.Detail}"), input.Move.From);
                return new MoveResult(MoveProgress.Ended);
            }
        }
        catch (DanubeUnreachableException)
        {
            // It may or may not have happened: look.
        }

        return await WatchAsync(input, time.GetElapsedTime(sent), cancellationToken) ?? new MoveResult(MoveProgress.Pending);
    }

    /// <summary>A move whose unload was sent, by this process or by one that died.</summary>
    private async Task<MoveResult> FollowAsync(MoveInput input, Lease lease, CancellationToken cancellationToken)
    {
        // The actor tells its times by the clock of now; from here on the stop-watch counts, which nobody sets.
        var now = time.GetUtcNow();
        var looked = time.GetTimestamp();
        var sent = now - (lease.UnloadSentAt ?? now);
        var sentLast = now - (lease.LastSentAt ?? now);
        // What was deleted is created again before anything else, even without a mask: elsewhere is better than nowhere.
        if (input.Move.Recreate && await recreation.WhyNotThereAsync(input.Move.Topic, cancellationToken) is { } gone)
        {
            var missing = sent + time.GetElapsedTime(looked);
            return missing.TotalSeconds < monitor.CurrentValue.MoveTimeoutSeconds ? new MoveResult(MoveProgress.Pending) : await StuckAsync(input, gone, null, missing);
        }

        if (await WatchAsync(input, sent + time.GetElapsedTime(looked), cancellationToken) is { } landed)
            return landed;
        var elapsed = sent + time.GetElapsedTime(looked);
        var owner = await OwnerAsync(input, cancellationToken);
        if (elapsed.TotalSeconds >= monitor.CurrentValue.MoveTimeoutSeconds)
            return await GiveUpAsync(input, owner, elapsed);
        if (elapsed > Settled && await DeadAsync(input, cancellationToken) is { } dead)
            return await LoseAsync(input, owner, dead, elapsed);
        if (owner == input.Move.From && sentLast + time.GetElapsedTime(looked) > Settled)
        {
            // The request was lost with the process that sent it, or Danube did not take it: the topic never left.
            var go = await actors.Control.MayContinueAsync(input.PlanId);
            if (go.Kind != ContinuationKind.Go)
                return await NotAgainAsync(input, lease, owner, go);
            return await WhyNotNowAsync(input, cancellationToken) is { Reason: not ReasonCode.Drift } why
                ? new MoveResult(MoveProgress.Pending, why with { Kind = ContinuationKind.Go })
                : input.Move.Recreate
                    ? await recreation.BeginAsync(input, lease, () => WatchAsync(input, sent + time.GetElapsedTime(looked), cancellationToken), cancellationToken)
                    : await UnloadAsync(input, lease, cancellationToken);
        }

        return new MoveResult(MoveProgress.Pending);
    }

    /// <summary>Ends a move whose unload was lost, because it may not be sent again now.</summary>
    private async Task<MoveResult> NotAgainAsync(MoveInput input, Lease lease, string owner, Continuation go)
    {
        // Another run of this step may have sent it meanwhile.
        if ((await actors.Topic(input.Move.Topic).GetAsync())?.Lease is not { } now || now.Sends != lease.Sends)
            return new MoveResult(MoveProgress.Pending);
        await recorder.EndAsync(input.PlanId,
            recorder.At(input.PlanId, input.Move, MoveState.Cancelled, go.Reason, $"It never left its broker, and its unload was not sent again: {go.Detail}"), owner);
        return new MoveResult(MoveProgress.Ended, new BatchResult(go.Kind, go.Reason, go.Detail));
    }

    /// <param name="input">The move.</param>
    /// <param name="sent">How long ago its unload was sent first.</param>
    /// <param name="cancellationToken">To give up.</param>
    private async Task<MoveResult?> WatchAsync(MoveInput input, TimeSpan sent, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        do
        {
            if (await LandedAsync(input, (sent + time.GetElapsedTime(started)).TotalMilliseconds, cancellationToken) is { } result)
                return result;
            await Task.Delay(Poll, time, cancellationToken);
        }
        while (time.GetElapsedTime(started) < Watch);

        return null;
    }

    /// <summary>Where the topic has arrived; null while it is on its way or still at its source.</summary>
    private async Task<MoveResult?> LandedAsync(MoveInput input, double elapsedMs, CancellationToken cancellationToken)
    {
        var owner = await OwnerAsync(input, cancellationToken);
        if (owner is null || owner == input.Move.From)
            return null;
        if (owner != input.Move.To)
        {
            var detail = string.Create(CultureInfo.InvariantCulture, $"Danube gave it to broker {owner} after {elapsedMs:0} ms; it is planned again from there.");
            await recorder.EndAsync(input.PlanId,
                recorder.At(input.PlanId, input.Move, MoveState.LandedElsewhere, ReasonCode.LandedElsewhere, detail, elapsedMs), owner);
            return new MoveResult(MoveProgress.Ended, null, elapsedMs);
        }

        try
        {
            if ((await danube.LookupTopicAsync(input.Move.To, input.Move.Topic, cancellationToken)).Outcome != LookupOutcome.Connect)
                return null;
        }
        catch (Exception error) when (error is DanubeUnreachableException or DanubeUnknownBrokerException)
        {
            return null;
        }

        await recorder.RecordAsync(input.PlanId, [recorder.At(input.PlanId, input.Move, MoveState.Verifying, durationMs: elapsedMs)]);
        return await doubleLoads.CheckAsync(input, elapsedMs, cancellationToken) ?? new MoveResult(MoveProgress.Landed, null, elapsedMs);
    }

    /// <summary>The broker of this move that died; null when both live.</summary>
    private async Task<string?> DeadAsync(MoveInput input, CancellationToken cancellationToken)
    {
        foreach (var broker in (string[])[input.Move.From, input.Move.To])
        {
            if (!await Liveness.IsAliveAsync(danube, broker, cancellationToken))
                return broker;
        }

        return null;
    }

    /// <summary>
    /// A broker died in the middle of the move. That is Danube's failover to put right, or a repair's, and no reason to stop all other moves. Unless nobody owns the topic and its source lives: then it was
    /// Danube's leader that died with the move in its hands, and the source may hold a dead copy.
    /// </summary>
    private async Task<MoveResult> LoseAsync(MoveInput input, string? owner, string dead, TimeSpan elapsed)
    {
        var detail = string.Create(CultureInfo.InvariantCulture,
            $"Broker {dead} died {elapsed.TotalSeconds:0} s after the unload; {(owner is null ? "nobody owns the topic until it is repaired" : $"broker {owner} is assigned to it")}.");
        if (owner is null && dead != input.Move.From && !input.Move.Recreate)
            return await StuckAsync(input, detail, null, elapsed, ReasonCode.BrokerUnreachable);
        await recorder.EndAsync(input.PlanId, recorder.At(input.PlanId, input.Move, MoveState.Failed, ReasonCode.BrokerUnreachable, detail, elapsed.TotalMilliseconds), owner);
        return new MoveResult(MoveProgress.Ended, new BatchResult(ContinuationKind.Wait, ReasonCode.BrokerUnreachable, detail));
    }

    private async Task<MoveResult> GiveUpAsync(MoveInput input, string? owner, TimeSpan elapsed)
    {
        var detail = string.Create(CultureInfo.InvariantCulture,
            $"{(owner is null ? "nobody owns it" : owner == input.Move.From ? "it never left its broker" : $"broker {owner} owns but does not serve it")} {elapsed.TotalSeconds:0} s after its unload.");
        return await StuckAsync(input, detail, owner, elapsed);
    }

    private async Task<MoveResult> StuckAsync(MoveInput input, string detail, string? owner, TimeSpan elapsed, ReasonCode reason = ReasonCode.Timeout)
    {
        // A target that owns the topic and does not serve it has not loaded it: nothing of it was left on its source. Nor of one that was deleted.
        await recorder.EndAsync(input.PlanId,
            recorder.At(input.PlanId, input.Move, MoveState.Stuck, reason, detail, elapsed.TotalMilliseconds), owner,
            failedOn: owner == input.Move.To || input.Move.Recreate ? null : input.Move.From);
        return new MoveResult(MoveProgress.Ended, InterruptionOf(MoveState.Stuck, reason, detail));
    }

    /// <summary>Danube's own lookup: exact here, because the preflight refuses names that it would confuse.</summary>
    private async Task<string?> OwnerAsync(MoveInput input, CancellationToken cancellationToken) =>
        (await danube.DescribeTopicAsync(input.Move.Topic, cancellationToken)).ResolvedOwner;

    private static BatchResult? InterruptionOf(MoveState state, ReasonCode? reason, string detail) =>
        state == MoveState.Stuck ? new BatchResult(ContinuationKind.Stop, reason, detail) : null;
}
