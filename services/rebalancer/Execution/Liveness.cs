using Danube.Dapr.BrokerClient;

namespace Danube.Dapr.Rebalancer.Execution;

/// <summary>Whether a broker answers. Danube lists a dead one for 26 to 32 s; its ports refuse at once.</summary>
internal static class Liveness
{
    public static async Task<bool> IsAliveAsync(DanubeCluster danube, string broker, CancellationToken cancellationToken)
    {
        try
        {
            await danube.GetRaftStatusAsync(broker, cancellationToken);
            return true;
        }
        catch (Exception error) when (error is DanubeUnreachableException or DanubeUnknownBrokerException)
        {
            return false;
        }
        catch (DanubeException)
        {
            // It refused or answered something odd: it lives.
            return true;
        }
    }
}
