using Danube.Dapr.BrokerClient;
using Danube.Dapr.Rebalancer.Control;
using Danube.Dapr.Rebalancer.Execution;

namespace Danube.Dapr.Rebalancer.Cycle;

/// <summary>Looks whether Danube's own rebalancer moves topics. No RPC tells; the leader's counter does.</summary>
internal sealed class BuiltInProbe(DanubeCluster danube)
{
    /// <summary>What is known now; what was known before when the leader cannot be asked.</summary>
    public async Task<BuiltInWatch?> LookAsync(BuiltInWatch? before, DateTimeOffset now, CancellationToken cancellationToken)
    {
        try
        {
            return (await danube.GetTopologyAsync(cancellationToken)).Leader is { } leader
                && await TargetScan.ReadAsync(danube, leader.Id, cancellationToken) is { BuiltInMoves: { } moves }
                ? ControlRules.Watch(before, leader.Id, moves, now)
                : before;
        }
        catch (DanubeException)
        {
            return before;
        }
    }
}
