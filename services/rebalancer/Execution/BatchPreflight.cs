using Danube.Dapr.BrokerClient;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Actors;
using Danube.Dapr.Rebalancer.Control;
using Danube.Dapr.Rebalancer.Cycle;
using Danube.Dapr.Rebalancer.Options;
using Danube.Dapr.Rebalancer.Topics;
using Danube.Dapr.Rebalancer.Workflows;
using Microsoft.Extensions.Options;

namespace Danube.Dapr.Rebalancer.Execution;

/// <summary>Looks at the cluster before a batch, refuses what must not move and reserves the rest.</summary>
internal sealed class BatchPreflight(
    DanubeCluster danube, ActorDirectory actors, MoveRecorder recorder, IOptionsMonitor<RebalancerOptions> monitor, TimeProvider time)
{
    private const int AtOnce = 4;

    public async Task<PreflightResult> RunAsync(BatchInput batch, CancellationToken cancellationToken = default)
    {
        var options = monitor.CurrentValue;
        var facts = await ReadAsync(batch, cancellationToken);
        var leader = facts.Topology.Leader?.Id ?? "";
        if (PreflightRules.WhyNotBatch(facts, batch.Target, options, batch.Moves.All(m => m.Force), time.GetUtcNow()) is { } denial)
            return await RefuseBatchAsync(batch, denial, leader, facts.Raft.Term);

        var found = new (MoveTask Move, Denial? Denial)[batch.Moves.Count];
        await Parallel.ForEachAsync(
            Enumerable.Range(0, found.Length),
            new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancellationToken },
            async (i, stop) => found[i] = await CheckAsync(batch, batch.Moves[i], facts, options, stop));

        await recorder.RecordAsync(batch.PlanId,
        [
            .. found.Select(f => f.Denial is { } why
                ? recorder.At(batch.PlanId, f.Move, MoveState.Skipped, why.Reason, why.Detail)
                : recorder.At(batch.PlanId, f.Move, MoveState.Reserved)),
        ]);
        var reserved = found.Where(f => f.Denial is null).Select(f => f.Move).ToList();
        var mask = reserved.Count > 1 || reserved.Any(m => m.Recreate) || (reserved.Count == 1 && !Landing.IsCertain(facts.Topology, facts.Balance, reserved[0].From, batch.Target));
        if (reserved.Count == 0)
            return new PreflightResult([], false, leader, facts.Raft.Term, TargetBaseline.Unknown, null);
        return new PreflightResult(
            reserved, mask, leader, facts.Raft.Term, await BaselineAsync(batch.Target, reserved, facts, cancellationToken), null,
            await ClientSigns.ReadAsync(danube, reserved.Select(m => m.From).Prepend(batch.Target), cancellationToken), options.UnloadsInFlight);
    }

    private async Task<ClusterFacts> ReadAsync(BatchInput batch, CancellationToken cancellationToken)
    {
        var topology = await danube.DiscoverAsync(cancellationToken);
        var raft = await danube.GetRaftStatusAsync(cancellationToken);
        var balance = await danube.GetClusterBalanceAsync(cancellationToken);
        var owners = new Dictionary<string, IReadOnlyList<string>>(StringComparer.Ordinal);
        var delivery = new Dictionary<string, TopicDelivery>(StringComparer.Ordinal);
        foreach (var broker in topology.Brokers)
        {
            foreach (var topic in await danube.ListBrokerTopicsAsync(broker.Id, cancellationToken))
            {
                owners[topic.Name] = owners.TryGetValue(topic.Name, out var others) ? [.. others, broker.Id] : [broker.Id];
                delivery[topic.Name] = topic.Delivery;
            }
        }

        var unreachable = new HashSet<string>(StringComparer.Ordinal);
        foreach (var broker in batch.Moves.Select(m => m.From).Append(batch.Target).Distinct(StringComparer.Ordinal).Where(b => topology.Find(b) is not null))
        {
            if (!await Liveness.IsAliveAsync(danube, broker, cancellationToken))
                unreachable.Add(broker);
        }

        var builtIn = topology.Leader is { } leader ? (await TargetScan.ReadAsync(danube, leader.Id, cancellationToken))?.BuiltInMoves : null;
        return new ClusterFacts(topology, raft, balance, owners, delivery, await actors.Control.GetStateAsync(), builtIn, unreachable);
    }

    private async Task<PreflightResult> RefuseBatchAsync(BatchInput batch, Denial denial, string leader, ulong term)
    {
        // A missing leader comes back; a target that takes no topics does not, as far as this plan is concerned.
        if (denial.Reason == ReasonCode.LeaderChanged)
            return new PreflightResult([], false, leader, term, TargetBaseline.Unknown, new BatchResult(ContinuationKind.Wait, denial.Reason, denial.Detail));
        await recorder.RecordAsync(batch.PlanId, [.. batch.Moves.Select(m => recorder.At(batch.PlanId, m, MoveState.Skipped, denial.Reason, denial.Detail))]);
        return new PreflightResult([], false, leader, term, TargetBaseline.Unknown, null);
    }

    private async Task<(MoveTask Move, Denial? Denial)> CheckAsync(BatchInput batch, MoveTask move, ClusterFacts facts, RebalancerOptions options, CancellationToken cancellationToken)
    {
        var described = await danube.DescribeTopicAsync(move.Topic, cancellationToken);
        var topic = actors.Topic(move.Topic);
        var recreate = !PreflightRules.IsReliable(facts, move.Topic, described);
        var denial = PreflightRules.WhyNotTopic(facts, move.Topic, move.From, move.To, described, options)
            ?? PreflightRules.WhyForbidden(move.Topic, move.From, move.To, move.Force, options)
            ?? (PreflightRules.Rests(move.Topic, move.Cause, move.Force, MoveWatch.Resting(facts.Control)) ? new Denial(ReasonCode.RatesUnknown, "It has not come back since its last move.") : null);
        if (denial is null && recreate && await HasLogAsync(move, cancellationToken))
            denial = new Denial(ReasonCode.DeliveryUnknown, "Danube says NonReliable, but its broker keeps a log of it: it is not deleted.");
        if (denial is not null)
        {
            // A topic whose unload this very move has sent before a crash is not where it was: that is no reason to let it down.
            var held = await topic.GetAsync();
            return held?.Lease is { Step: LeaseStep.Unloading } lease && lease.MoveId == move.MoveId(batch.PlanId)
                ? (move with { Recreate = RecreateRules.WhyNot(move.Topic, options) is null && described.Delivery != TopicDelivery.Reliable }, null)
                : (move, denial);
        }

        var answer = await topic.ReserveAsync(new Reservation
        {
            MoveId = move.MoveId(batch.PlanId),
            Topic = move.Topic,
            From = move.From,
            To = move.To,
            LeaseSeconds = LeaseSeconds(batch, options),
            CoolDownSeconds = options.CoolDownSeconds,
            MinTopicAgeSeconds = options.MinTopicAgeSeconds,
            FirstSeen = move.FirstSeen,
            Force = move.Force,
        });
        return (move with { Recreate = recreate }, answer.Denial);
    }

    /// <summary>Danube also says NonReliable when it does not know. A topic that is deleted by mistake is gone, so its broker's own figures are asked too.</summary>
    private async Task<bool> HasLogAsync(MoveTask move, CancellationToken cancellationToken) =>
        await TargetScan.ReadAsync(danube, move.From, cancellationToken) is not { } scan || scan.Logged.Contains(move.Topic);

    /// <summary>Long enough for the whole batch with one slow move in it.</summary>
    private static double LeaseSeconds(BatchInput batch, RebalancerOptions options) => (options.MoveTimeoutSeconds * 2) + (batch.Moves.Count * 5);

    private async Task<TargetBaseline> BaselineAsync(string target, List<MoveTask> reserved, ClusterFacts facts, CancellationToken cancellationToken)
    {
        var listed = facts.Owners.Values.Count(o => o.Contains(target));
        var scan = await TargetScan.ReadAsync(danube, target, cancellationToken);
        if (scan is null)
            return TargetBaseline.Unknown;
        return new TargetBaseline(
            scan.Owned - listed,
            reserved.Where(m => scan.Refused.ContainsKey(m.Topic)).ToDictionary(m => m.Topic, m => scan.Refused[m.Topic], StringComparer.Ordinal));
    }
}
