namespace Danube.Dapr.LocalSidecar.State;

/// <summary>The metadata of a <c>state.etcd</c> component, schema v1.</summary>
/// <param name="Endpoints">Addresses, <c>host:port</c>.</param>
/// <param name="KeyPrefixPath">What stands before each key, with a slash between.</param>
/// <param name="MaxTransactionOperations">The most operations of one transaction; not more than the server's <c>--max-txn-ops</c>.</param>
public sealed record EtcdOptions(IReadOnlyList<string> Endpoints, string KeyPrefixPath = "", int MaxTransactionOperations = 128);
