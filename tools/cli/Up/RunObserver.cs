using Danube.Dapr.Contracts;

namespace Danube.Dapr.Cli.Up;

/// <summary>Polls the services and keeps <see cref="RunState"/>; tells when the cluster has been balanced for long enough.</summary>
internal sealed class RunObserver(ControlPlaneClient client, Topology topology, TimeProvider time)
{
    private readonly Uri _ranking = topology[DaprNames.Apps.Ranking].Address;
    private readonly Uri _rebalancer = topology[DaprNames.Apps.Rebalancer].Address;
    private DateTimeOffset? _withinSince;

    public RunState State { get; } = new();

    /// <summary>Since when the cluster is balanced without a break; null when it is not.</summary>
    public DateTimeOffset? BalancedSince => _withinSince;

    /// <summary>Asks every service once.</summary>
    public async Task PollAsync(CancellationToken cancellation)
    {
        var brokers = client.TryGetAsync<IReadOnlyList<BrokerView>>(new Uri(_ranking, "/brokers"), cancellation);
        var balance = client.TryGetAsync<BalanceReport>(new Uri(_ranking, "/balance"), cancellation);
        var unowned = client.TryGetAsync<IReadOnlyList<UnownedTopic>>(new Uri(_ranking, "/unowned"), cancellation);
        var status = client.TryGetAsync<RebalancerStatus>(new Uri(_rebalancer, "/status"), cancellation);
        var moves = client.TryGetAsync<Page<MoveRecord>>(new Uri(_rebalancer, "/moves?limit=500"), cancellation);
        var plans = client.TryGetAsync<Page<PlanRun>>(new Uri(_rebalancer, "/plans?limit=50"), cancellation);

        if (await moves is { } movesNow)
            State.TakeMoves(movesNow.Items);
        if (await brokers is { } brokersNow)
            State.TakeBrokers(brokersNow);
        if (await balance is { } balanceNow)
            State.TakeBalance(balanceNow);
        if (await unowned is { } unownedNow)
            State.TakeUnowned(unownedNow.Count, unownedNow.Where(u => time.GetUtcNow() - u.Since > StrandedAfter).Select(u => u.Name));
        if (await status is { } statusNow)
            State.TakeStatus(statusNow);
        if (await plans is { } plansNow)
            State.TakePlans(plansNow.Items);
        _withinSince = State.WithinTargets ? _withinSince ?? time.GetUtcNow() : null;
    }

    /// <summary>A topic without owner for longer than this is called stranded; moves and Danube's own failover take less.</summary>
    private static readonly TimeSpan StrandedAfter = TimeSpan.FromSeconds(10);
}
