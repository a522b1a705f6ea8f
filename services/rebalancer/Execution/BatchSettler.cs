using Danube.Dapr.BrokerClient;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Actors;
using Danube.Dapr.Rebalancer.Control;
using Danube.Dapr.Rebalancer.Telemetry;
using Danube.Dapr.Rebalancer.Workflows;

namespace Danube.Dapr.Rebalancer.Execution;

/// <summary>Verifies what landed in a batch, ends those moves, and frees the topics that the batch did not come to.</summary>
internal sealed class BatchSettler(DanubeCluster danube, ActorDirectory actors, MoveRecorder recorder, TimeProvider time)
{
    private const int AtOnce = 8;

    public async Task<BatchResult> SettleAsync(SettleInput input, CancellationToken cancellationToken = default)
    {
        using var span = RebalancerTracing.Start("settle batch", input.TraceParent);
        foreach (var move in input.Left)
            await actors.Topic(move.Topic).ReleaseAsync(move.MoveId(input.PlanId));
        await recorder.RecordAsync(input.PlanId, [.. input.Left.Select(m => recorder.At(input.PlanId, m, MoveState.Planned))]);
        if (input.Landed.Count == 0)
            return new BatchResult(ContinuationKind.Go);

        var owners = await OwnersAsync(cancellationToken);
        var target = await LookAsync(input, cancellationToken);
        var ends = input.Landed.Select(l => (l.Move, End: Verification.Judge(l, input.Target, owners.GetValueOrDefault(l.Move.Topic) ?? [], input.Baseline, target))).ToList();
        await Parallel.ForEachAsync(
            ends,
            new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancellationToken },
            async (e, _) => await recorder.EndTopicAsync(recorder.At(input.PlanId, e.Move, e.End.State, e.End.Reason, e.End.Detail, e.End.DurationMs), e.End.Owner, e.End.FailedOn));
        await recorder.RecordAsync(input.PlanId,
        [
            .. ends.Select(e => recorder.At(input.PlanId, e.Move, e.End.State, e.End.Reason, e.End.Detail, e.End.DurationMs) with { Owner = e.End.Owner }),
        ]);
        var impact = await ImpactAsync(input, cancellationToken);
        if (ends.Find(e => e.End.State == MoveState.Failed) is { Move: not null } failed)
            return new BatchResult(ContinuationKind.Stop, failed.End.Reason, $"{failed.Move.Topic}: {failed.End.Detail}");
        return await actors.Control.TakeImpactAsync(impact) is { } harm
            ? new BatchResult(ContinuationKind.Stop, harm.Reason, harm.Detail)
            : new BatchResult(ContinuationKind.Go);
    }

    private async Task<BatchImpact> ImpactAsync(SettleInput input, CancellationToken cancellationToken)
    {
        var before = input.Signs ?? ClientSigns.Unknown;
        var after = await ClientSigns.ReadAsync(danube, input.Landed.Select(l => l.Move.From).Prepend(input.Target), cancellationToken);
        // With fewer sources than at the preflight, because some topics were left, the sums do not compare.
        var sameBrokers = input.Left.All(m => input.Landed.Any(l => l.Move.From == m.From));
        return new BatchImpact(
            input.PlanId, input.BatchId, before.LatencyP99Ms, after.LatencyP99Ms, sameBrokers ? after.Redirects - before.Redirects : null,
            input.Landed.Sum(l => l.Move.Clients), input.Landed.Max(l => l.DurationMs));
    }

    private async Task<Dictionary<string, List<string>>> OwnersAsync(CancellationToken cancellationToken)
    {
        var owners = new Dictionary<string, List<string>>(StringComparer.Ordinal);
        foreach (var broker in (await danube.GetTopologyAsync(cancellationToken)).Brokers)
        {
            foreach (var topic in await danube.ListBrokerTopicsAsync(broker.Id, cancellationToken))
            {
                if (!owners.TryGetValue(topic.Name, out var list))
                    owners[topic.Name] = list = [];
                list.Add(broker.Id);
            }
        }

        return owners;
    }

    /// <summary>The target's figures; looked at again while they look wrong.</summary>
    private async Task<TargetBaseline> LookAsync(SettleInput input, CancellationToken cancellationToken)
    {
        for (var look = 1; ; look++)
        {
            var listed = (await danube.ListBrokerTopicsAsync(input.Target, cancellationToken)).Count;
            if (await TargetScan.ReadAsync(danube, input.Target, cancellationToken) is not { } scan)
                return TargetBaseline.Unknown;
            var now = new TargetBaseline(scan.Owned - listed, scan.Refused);
            if (look == Verification.Looks || !Verification.LooksWrong(input.Baseline, now, input.Landed))
                return now;
            await Task.Delay(Verification.BetweenLooks, time, cancellationToken);
        }
    }
}
