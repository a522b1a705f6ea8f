using Danube.Dapr.BrokerClient;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Control;
using Danube.Dapr.Rebalancer.Options;
using Microsoft.Extensions.Options;

namespace Danube.Dapr.Rebalancer.Cycle;

/// <summary>What a drain of a broker would move, and what it must leave.</summary>
/// <param name="Made">The plan.</param>
/// <param name="TopicsLeft">Topics that the broker owns.</param>
/// <param name="Refusals">Those of them that cannot be moved safely.</param>
internal sealed record DrainLook(PlanMade Made, int TopicsLeft, IReadOnlyList<Refusal> Refusals);

/// <summary>Plans drains and closes brokers for new topics.</summary>
internal sealed class Drains(PlanMaker planner, DanubeCluster danube, IOptionsMonitor<RebalancerOptions> monitor)
{
    private const int MaxMoves = 10_000;

    public DrainLook Look(ClusterSnapshot snapshot, ControlState state, string broker, DateTimeOffset now)
    {
        var made = planner.Make(snapshot, new PlanRequest
        {
            Policy = monitor.CurrentValue.Policy,
            MaxMoves = MaxMoves,
            UntilTarget = true,
            Trigger = PlanTrigger.Drain,
            DrainBroker = broker,
            Ledger = state.Ledger,
            WithoutHourlyLimit = true,
            Now = now,
        });
        var owned = snapshot.Topics.Where(t => t.BrokerId == broker).Select(t => t.Name).ToHashSet(StringComparer.Ordinal);
        return new DrainLook(made, owned.Count, [.. made.Refusals.Where(r => r.Kind == SubjectKind.Topic && owned.Contains(r.Subject))]);
    }

    /// <summary>Makes Danube give the broker no more topics. Null when it does so now.</summary>
    public async Task<Denial?> CloseAsync(string broker)
    {
        var masked = await danube.MaskBrokerAsync(broker);
        return masked.Outcome == MaskOutcome.Refused ? new Denial(ReasonCode.Refused, $"Danube refused: {masked.Detail}") : null;
    }

    /// <summary>Lets the broker take topics again.</summary>
    public Task OpenAsync(string broker) => danube.ActivateBrokerAsync(broker, "operator");
}
