using System.Net.Sockets;
using Danube.Dapr.BrokerClient;

namespace Danube.Dapr.MetricsCollector.Cluster;

/// <summary>What the collector asks a Danube cluster.</summary>
internal interface IDanubeSource
{
    Task<ClusterTopology> DiscoverAsync(CancellationToken cancellationToken);

    Task<RaftStatus> GetRaftStatusAsync(CancellationToken cancellationToken);

    Task<IReadOnlyList<string>> ListNamespacesAsync(CancellationToken cancellationToken);

    Task<IReadOnlyList<ListedTopic>> ListNamespaceTopicsAsync(string namespaceName, CancellationToken cancellationToken);

    Task<IReadOnlyList<OwnedTopic>> ListBrokerTopicsAsync(string brokerId, CancellationToken cancellationToken);

    Task<MetricsText?> GetMetricsTextAsync(string brokerId, CancellationToken cancellationToken);

    /// <summary>Whether somebody accepts a connection there, now.</summary>
    Task<bool> AcceptsAsync(Uri address, CancellationToken cancellationToken);
}

/// <summary>The real cluster.</summary>
internal sealed class DanubeSource(DanubeCluster cluster) : IDanubeSource
{
    public Task<ClusterTopology> DiscoverAsync(CancellationToken cancellationToken) => cluster.DiscoverAsync(cancellationToken);

    public Task<RaftStatus> GetRaftStatusAsync(CancellationToken cancellationToken) => cluster.GetRaftStatusAsync(cancellationToken);

    public Task<IReadOnlyList<string>> ListNamespacesAsync(CancellationToken cancellationToken) => cluster.ListNamespacesAsync(cancellationToken);

    public Task<IReadOnlyList<ListedTopic>> ListNamespaceTopicsAsync(string namespaceName, CancellationToken cancellationToken) =>
        cluster.ListNamespaceTopicsAsync(namespaceName, cancellationToken);

    public Task<IReadOnlyList<OwnedTopic>> ListBrokerTopicsAsync(string brokerId, CancellationToken cancellationToken) =>
        cluster.ListBrokerTopicsAsync(brokerId, cancellationToken);

    public Task<MetricsText?> GetMetricsTextAsync(string brokerId, CancellationToken cancellationToken) =>
        cluster.GetMetricsTextAsync(brokerId, cancellationToken);

    public async Task<bool> AcceptsAsync(Uri address, CancellationToken cancellationToken)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(address.DnsSafeHost, address.Port, cancellationToken);
            return true;
        }
        catch (Exception error) when (error is SocketException or OperationCanceledException)
        {
            return false;
        }
    }
}
