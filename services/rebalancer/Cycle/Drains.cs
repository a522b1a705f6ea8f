using Danube.Dapr.BrokerClient;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Control;
using Danube.Dapr.Rebalancer.Options;
using Microsoft.Extensions.Options;
using BrokerStatus = Danube.Dapr.BrokerClient.BrokerStatus;

namespace Danube.Dapr.Rebalancer.Cycle;

/// <summary>What a drain of a broker would move, and what it must leave.</summary>
/// <param name="Made">The plan.</param>
/// <param name="TopicsLeft">Topics that the broker owns.</param>
/// <param name="Refusals">Those of them that cannot be moved safely.</param>
internal sealed record DrainLook(PlanMade Made, int TopicsLeft, IReadOnlyList<Refusal> Refusals);

/// <summary>Plans drains and closes brokers for new topics.</summary>
internal sealed class Drains(PlanMaker planner, DanubeCluster danube, IOptionsMonitor<RebalancerOptions> monitor)
{
    public DrainLook Look(ClusterSnapshot snapshot, ControlState state, string broker, DateTimeOffset now)
    {
        var made = planner.Make(snapshot, new PlanRequest
        {
            Policy = monitor.CurrentValue.Policy,
            MaxMoves = PlanMaker.MostMoves,
            UntilTarget = true,
            Trigger = PlanTrigger.Drain,
            DrainBroker = broker,
            Ledger = state.Ledger,
            WithoutHourlyLimit = true,
            Now = now,
        });
        var owned = snapshot.Topics.Where(t => t.BrokerId == broker).Select(t => t.Name).ToHashSet(StringComparer.Ordinal);
        return new DrainLook(made, owned.Count, [.. made.Refusals.Where(r => r.Kind == SubjectKind.Topic && r.Reason != ReasonCode.CycleLimit && owned.Contains(r.Subject))]);
    }

    /// <summary>Makes Danube give the broker no more topics. Null when it does so now.</summary>
    public async Task<Denial?> CloseAsync(string broker, CancellationToken cancellationToken = default)
    {
        var masked = await danube.MaskBrokerAsync(broker, cancellationToken);
        return masked.Outcome == MaskOutcome.Refused ? new Denial(ReasonCode.Refused, $"Danube refused: {masked.Detail}") : null;
    }

    /// <summary>Brokers that take topics, as Danube itself says now: ranking's view is some seconds old. None when it does not answer.</summary>
    public async Task<IReadOnlySet<string>> ActiveAsync(CancellationToken cancellationToken)
    {
        try
        {
            return (await danube.DiscoverAsync(cancellationToken)).Brokers.Where(b => b.Status == BrokerStatus.Active).Select(b => b.Id).ToHashSet(StringComparer.Ordinal);
        }
        catch (DanubeException)
        {
            return new HashSet<string>();
        }
    }

    /// <summary>Lets the broker take topics again.</summary>
    public Task OpenAsync(string broker) => danube.ActivateBrokerAsync(broker, "operator");
}
