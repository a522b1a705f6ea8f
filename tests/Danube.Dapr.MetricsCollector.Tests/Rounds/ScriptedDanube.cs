using System.Collections.Concurrent;
using Danube.Dapr.BrokerClient;
using Danube.Dapr.MetricsCollector.Cluster;
using Danube.Dapr.MetricsCollector.Tests.Topics;

namespace Danube.Dapr.MetricsCollector.Tests.Rounds;

/// <summary>A cluster whose every answer the test writes.</summary>
internal sealed class ScriptedDanube(TimeProvider time) : IDanubeSource
{
    /// <summary>Above 2^63, as half of all Danube ids are.</summary>
    public const string A = "17293822569102704640";
    public const string B = "42";

    public List<string> Listed { get; } = [A];

    public ConcurrentDictionary<string, IReadOnlyList<string>> Owned { get; } = new(StringComparer.Ordinal) { [A] = ["/default/t"] };

    public ConcurrentDictionary<string, Func<CancellationToken, Task<string?>>> Texts { get; } = new(StringComparer.Ordinal);

    public List<string> Namespaces { get; } = ["default"];

    public Func<IReadOnlyList<string>>? Topics { get; set; }

    public HashSet<string> NonReliable { get; } = new(StringComparer.Ordinal);

    public HashSet<string> Unreachable { get; } = new(StringComparer.Ordinal);

    /// <summary>Brokers that are registered at the addresses of <see cref="A"/>.</summary>
    public HashSet<string> AtHostOfA { get; } = new(StringComparer.Ordinal);

    public int Scrapes { get; private set; }

    public int NamespaceQuestions { get; private set; }

    /// <summary>When set, whatever is asked of the admin port about topics fails so.</summary>
    public Exception? OwnershipFault { get; set; }

    public Func<string, int, IReadOnlyList<string>>? OwnedByLook { get; set; }

    private readonly ConcurrentDictionary<string, int> _looks = new();

    public void Text(string broker, MetricsTextBuilder text) => Texts[broker] = _ => Task.FromResult<string?>(text.Text());

    public static MetricsTextBuilder Of(string broker) => new MetricsTextBuilder(broker).Owned(1);

    public Task<ClusterTopology> DiscoverAsync(CancellationToken cancellationToken) => Task.FromResult(new ClusterTopology(
        [.. Listed.Select((id, i) => new BrokerNode(id, i == 0 ? BrokerRole.Leader : BrokerRole.Follower, BrokerStatus.Active, ListedAddress(id, 6650), ListedAddress(id, 50051), ListedAddress(id, 9040)))],
        Address(A, 50051), time.GetUtcNow()));

    public Task<RaftStatus> GetRaftStatusAsync(CancellationToken cancellationToken) => Task.FromResult(new RaftStatus(A, A, 7, 100, [A], []));

    public Task<IReadOnlyList<string>> ListNamespacesAsync(CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<string>>(Namespaces);

    public Task<IReadOnlyList<ListedTopic>> ListNamespaceTopicsAsync(string namespaceName, CancellationToken cancellationToken)
    {
        NamespaceQuestions++;
        var topics = Topics?.Invoke() ?? [.. Owned.Values.SelectMany(o => o).Distinct()];
        return Task.FromResult<IReadOnlyList<ListedTopic>>(
            [.. topics.Where(t => t.StartsWith($"/{namespaceName}/", StringComparison.Ordinal)).Select(t => new ListedTopic(t, Delivery(t), null))]);
    }

    public Task<IReadOnlyList<OwnedTopic>> ListBrokerTopicsAsync(string brokerId, CancellationToken cancellationToken)
    {
        if (OwnershipFault is { } fault)
            throw fault;
        var look = _looks.AddOrUpdate(brokerId, 1, (_, n) => n + 1);
        var names = OwnedByLook?.Invoke(brokerId, look) ?? Owned.GetValueOrDefault(brokerId, []);
        return Task.FromResult<IReadOnlyList<OwnedTopic>>([.. names.Select(t => new OwnedTopic(t, Delivery(t)))]);
    }

    public async Task<MetricsText?> GetMetricsTextAsync(string brokerId, CancellationToken cancellationToken)
    {
        Scrapes++;
        if (!Texts.TryGetValue(brokerId, out var answer))
            throw new DanubeUnreachableException(Address(brokerId, 9040), "metrics", Grpc.Core.StatusCode.Unavailable, "connection refused", null);
        var text = await answer(cancellationToken);
        return text is null ? null : new MetricsText(brokerId, Address(brokerId, 9040), System.Text.Encoding.UTF8.GetBytes(text), time.GetUtcNow(), TimeSpan.Zero);
    }

    public Task<bool> AcceptsAsync(Uri address, CancellationToken cancellationToken) => Task.FromResult(!Unreachable.Contains(address.Host));

    /// <summary>Each broker is a host of its own.</summary>
    public static string Host(string broker) => broker == A ? "broker-a" : "broker-" + broker;

    private Uri ListedAddress(string broker, int port) => Address(AtHostOfA.Contains(broker) ? A : broker, port);

    private static Uri Address(string broker, int port) => new UriBuilder("http", Host(broker), port).Uri;

    private TopicDelivery Delivery(string topic) => NonReliable.Contains(topic) ? TopicDelivery.NonReliable : TopicDelivery.Reliable;
}
