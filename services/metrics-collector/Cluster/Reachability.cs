using Danube.Dapr.BrokerClient;

namespace Danube.Dapr.MetricsCollector.Cluster;

/// <summary>
/// Which brokers' ports accept connections. A dead broker refuses at once, while Danube lists it for 26 to 32 s more. A broker counts as unreachable after several failed
/// probes in a row, in which neither its client nor its admin port accepted, or when another broker answers at its address.
/// </summary>
internal sealed class Reachability(IDanubeSource source, TimeProvider time, TimeSpan timeout, int failuresNeeded)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, State> _states = new(StringComparer.Ordinal);
    private readonly Dictionary<string, DateTimeOffset> _replacedSince = new(StringComparer.Ordinal);

    /// <summary>Since when the broker is unreachable; null while it is reachable or was never probed.</summary>
    public DateTimeOffset? UnreachableSince(string brokerId)
    {
        lock (_lock)
        {
            return _states.TryGetValue(brokerId, out var state) && state.Failures >= failuresNeeded ? state.FirstFailure
                : _replacedSince.TryGetValue(brokerId, out var since) ? since
                : null;
        }
    }

    /// <summary>Says whether another broker answers at this one's address: the port accepts, and yet this one is dead.</summary>
    public void SetReplaced(string brokerId, bool isReplaced)
    {
        lock (_lock)
        {
            if (isReplaced)
                _replacedSince.TryAdd(brokerId, time.GetUtcNow());
            else
                _replacedSince.Remove(brokerId);
        }
    }

    /// <summary>Probes every broker once, all at the same time.</summary>
    /// <returns>Ids of the brokers that became reachable or unreachable by it.</returns>
    public async Task<IReadOnlyList<string>> ProbeAsync(IReadOnlyList<BrokerNode> brokers, CancellationToken cancellationToken)
    {
        var answers = await Task.WhenAll(brokers.Select(async b => (b.Id, Accepts: await AcceptsAsync(b, cancellationToken))));
        cancellationToken.ThrowIfCancellationRequested();
        var now = time.GetUtcNow();
        var changed = new List<string>();
        lock (_lock)
        {
            foreach (var (id, accepts) in answers)
            {
                var before = _states.GetValueOrDefault(id);
                var after = accepts ? default : new State(before.Failures + 1, before.Failures == 0 ? now : before.FirstFailure);
                _states[id] = after;
                if (before.Failures >= failuresNeeded != after.Failures >= failuresNeeded)
                    changed.Add(id);
            }

            foreach (var gone in _states.Keys.Except(brokers.Select(b => b.Id)).ToArray())
                _states.Remove(gone);
            foreach (var gone in _replacedSince.Keys.Except(brokers.Select(b => b.Id)).ToArray())
                _replacedSince.Remove(gone);
        }

        return changed;
    }

    private async Task<bool> AcceptsAsync(BrokerNode broker, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(timeout);
        var client = source.AcceptsAsync(broker.ClientAddress, limit.Token);
        var admin = source.AcceptsAsync(broker.AdminAddress, limit.Token);
        return await client | await admin;
    }

    private readonly record struct State(int Failures, DateTimeOffset FirstFailure);
}
