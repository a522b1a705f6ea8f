using System.Security.Cryptography.X509Certificates;

namespace Danube.Dapr.LocalSidecar.State;

/// <summary>The metadata of a <c>state.etcd</c> component, schema v1.</summary>
/// <param name="Endpoints">Addresses, <c>host:port</c>.</param>
/// <param name="KeyPrefixPath">What stands before each key, with a slash between.</param>
/// <param name="MaxTransactionOperations">The most operations of one transaction; not more than the server's <c>--max-txn-ops</c>.</param>
/// <param name="Tls">How to connect with TLS, or null to connect without.</param>
public sealed record EtcdOptions(IReadOnlyList<string> Endpoints, string KeyPrefixPath = "", int MaxTransactionOperations = 128, EtcdTls? Tls = null);

/// <summary>TLS to etcd.</summary>
/// <param name="Authorities">The certificates that the server's must come from.</param>
/// <param name="Client">The certificate of this client, with its private key.</param>
public sealed record EtcdTls(X509Certificate2Collection Authorities, X509Certificate2 Client);
