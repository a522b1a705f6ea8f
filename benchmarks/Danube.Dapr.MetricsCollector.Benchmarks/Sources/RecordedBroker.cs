using Danube.Dapr.BrokerClient;
using Danube.Dapr.MetricsCollector.Cluster;

namespace Danube.Dapr.MetricsCollector.Benchmarks.Sources;

/// <summary>One broker's answers, kept in memory: texts of the same topics, taken one after the other, again and again.</summary>
internal sealed class RecordedBroker : IDanubeSource
{
    private readonly BrokerNode _broker;
    private readonly IReadOnlyList<OwnedTopic> _owned;
    private readonly MetricsText[] _texts;
    private readonly TimeProvider _time;
    private int _next;

    private RecordedBroker(BrokerNode broker, IReadOnlyList<OwnedTopic> owned, MetricsText[] texts, TimeProvider time) =>
        (_broker, _owned, _texts, _time) = (broker, owned, texts, time);

    public string BrokerId => _broker.Id;

    public ReadOnlyMemory<byte> Text => _texts[0].Utf8;

    /// <summary>Takes some texts of a simulated broker with that many topics.</summary>
    public static async Task<RecordedBroker> TakeAsync(int topics, int texts, TimeProvider time)
    {
        await using var simulator = await SimulatorProcess.StartAsync(1, topics);
        using var cluster = simulator.Connect();
        var broker = (await cluster.DiscoverAsync()).Brokers[0];
        var owned = await cluster.ListBrokerTopicsAsync(broker.Id);
        var taken = new MetricsText[texts];
        for (var i = 0; i < texts; i++)
        {
            taken[i] = (await cluster.GetMetricsTextAsync(broker.Id))!;
            await Task.Delay(500);
        }

        return new RecordedBroker(broker, owned, taken, time);
    }

    public Task<ClusterTopology> DiscoverAsync(CancellationToken cancellationToken) => Task.FromResult(new ClusterTopology([_broker], _broker.AdminAddress, _time.GetUtcNow()));

    public Task<RaftStatus> GetRaftStatusAsync(CancellationToken cancellationToken) => throw new NotSupportedException("Only load reports are measured here.");

    public Task<IReadOnlyList<string>> ListNamespacesAsync(CancellationToken cancellationToken) => throw new NotSupportedException("Only load reports are measured here.");

    public Task<IReadOnlyList<ListedTopic>> ListNamespaceTopicsAsync(string namespaceName, CancellationToken cancellationToken) =>
        throw new NotSupportedException("Only load reports are measured here.");

    public Task<IReadOnlyList<OwnedTopic>> ListBrokerTopicsAsync(string brokerId, CancellationToken cancellationToken) => Task.FromResult(_owned);

    public Task<MetricsText?> GetMetricsTextAsync(string brokerId, CancellationToken cancellationToken) =>
        Task.FromResult<MetricsText?>(_texts[_next++ % _texts.Length] with { ReadAt = _time.GetUtcNow(), Elapsed = TimeSpan.Zero });

    public Task<bool> AcceptsAsync(Uri address, CancellationToken cancellationToken) => Task.FromResult(true);
}

/// <summary>A clock that only the benchmark moves.</summary>
internal sealed class BenchmarkTime : TimeProvider
{
    private TimeSpan _elapsed;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public void Advance(TimeSpan by) => _elapsed += by;

    public override long GetTimestamp() => _elapsed.Ticks;

    public override DateTimeOffset GetUtcNow() => new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero) + _elapsed;
}
