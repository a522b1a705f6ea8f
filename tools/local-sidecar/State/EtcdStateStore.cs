using System.Globalization;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using dotnet_etcd;
using Etcdserverpb;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;

namespace Danube.Dapr.LocalSidecar.State;

/// <summary>
/// A store in etcd (<c>state.etcd</c>, schema v1: the bytes as they are). The etag is the key's modification revision. Each batch is in one
/// etcd transaction, maybe with others, whose guards are its etags: a lost race is always reported.
/// </summary>
public sealed class EtcdStateStore : IStateStore
{
    private const int TriesToConnect = 20;
    private static readonly TimeSpan BetweenTriesToConnect = TimeSpan.FromMilliseconds(250);

    private readonly EtcdOptions _options;
    private readonly EtcdClient _client;
    private readonly EtcdClient _writes;
    private readonly EtcdReader _reader;
    private readonly EtcdWriter _writer;

    /// <param name="options">The component's metadata.</param>
    public EtcdStateStore(EtcdOptions options)
    {
        _options = options;
        _client = Connect(options, Configure);
        _writes = Connect(options, static o =>
        {
            Configure(o);
            // The client sends again what was Unavailable. A write that was applied before its answer was lost would then meet itself and look like a lost race.
            o.ServiceConfig!.MethodConfigs.Clear();
        });
        _reader = new EtcdReader(request => _client.TransactionAsync(request), options.MaxTransactionOperations);
        _writer = new EtcdWriter(SendAsync, options.MaxTransactionOperations);
    }

    // What was not even sent is tried again: etcd restarts within seconds.
    private async Task<TxnResponse> SendAsync(TxnRequest request)
    {
        for (var tries = 1; ; tries++)
        {
            try
            {
                return await _writes.TransactionAsync(request);
            }
            catch (RpcException e) when (tries < TriesToConnect && e is { StatusCode: StatusCode.Unavailable, Status.DebugException: SocketException { SocketErrorCode: SocketError.ConnectionRefused } })
            {
                await Task.Delay(BetweenTriesToConnect);
            }
        }
    }

    private static EtcdClient Connect(EtcdOptions options, Action<GrpcChannelOptions> configure)
    {
        var scheme = options.Tls is null ? "http://" : "https://";
        var endpoints = string.Join(',', options.Endpoints.Select(e => scheme + (e.IndexOf("://", StringComparison.Ordinal) is >= 0 and var at ? e[(at + 3)..] : e)));
        return options.Tls is { } tls
            ? new EtcdClient(endpoints, configureChannelOptions: configure, configureSslOptions: ssl =>
            {
                ssl.ClientCertificates = [tls.Client];
                ssl.CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
                ssl.CertificateChainPolicy.CustomTrustStore.AddRange(tls.Authorities);
            })
            : new EtcdClient(endpoints, configureChannelOptions: o =>
            {
                configure(o);
                o.Credentials = Grpc.Core.ChannelCredentials.Insecure;
            });
    }

    // By default the pauses between two tries to connect grow to minutes: after an outage of half a minute etcd would be back for a quarter of one before anybody noticed.
    private static void Configure(GrpcChannelOptions options)
    {
        options.MaxReceiveMessageSize = null;
        options.InitialReconnectBackoff = TimeSpan.FromMilliseconds(200);
        options.MaxReconnectBackoff = TimeSpan.FromSeconds(1);
    }

    /// <inheritdoc/>
    public async Task<StateEntry?> GetAsync(string key, CancellationToken cancellationToken)
    {
        var found = await _reader.GetAsync(Key(key)).WaitAsync(cancellationToken);
        return found is null ? null : new StateEntry(key, found.Value.ToByteArray(), Text(found.ModRevision));
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<StateEntry>> ListAsync(string prefix, CancellationToken cancellationToken)
    {
        var from = Key(prefix);
        var request = new RangeRequest { Key = from, RangeEnd = After(from), SortOrder = RangeRequest.Types.SortOrder.Ascend, SortTarget = RangeRequest.Types.SortTarget.Key };
        var response = await _client.GetAsync(request, cancellationToken: cancellationToken);
        var skip = _options.KeyPrefixPath.Length + 1;
        var found = response.Kvs.Select(kv => new StateEntry(kv.Key.ToStringUtf8()[skip..], kv.Value.ToByteArray(), Text(kv.ModRevision))).ToList();
        found.Sort(static (a, b) => string.CompareOrdinal(a.Key, b.Key));
        return found;
    }

    /// <inheritdoc/>
    public async Task ApplyAsync(IReadOnlyList<StateOperation> operations, CancellationToken cancellationToken)
    {
        if (operations.Count == 0) return;
        if (operations.Count > _options.MaxTransactionOperations && operations.Count(static o => !o.CheckOnly) is var count && count > _options.MaxTransactionOperations)
            throw new TooManyOperationsException(count, _options.MaxTransactionOperations);
        var folded = Fold(operations);
        var writes = new EtcdWriter.Write[folded.Count];
        for (var i = 0; i < writes.Length; i++)
        {
            var (key, operation, guard) = folded[i];
            long? revision = guard is null ? null : guard.ETag is null ? 0 : Revision(guard.ETag, key);
            writes[i] = new(key, Key(key), operation.Value is null ? null : UnsafeByteOperations.UnsafeWrap(operation.Value), await LeaseAsync(operation.TimeToLive, cancellationToken), revision, operation.CheckOnly);
        }
        await _writer.WriteAsync(writes).WaitAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _client.Dispose();
        _writes.Dispose();
        return ValueTask.CompletedTask;
    }

    // etcd refuses a transaction that writes a key twice: the last write of a key stays, with the guard of the first.
    private static List<(string Key, StateOperation Operation, StateOperation? Guard)> Fold(IReadOnlyList<StateOperation> operations)
    {
        var folded = new List<(string Key, StateOperation Operation, StateOperation? Guard)>(operations.Count);
        var index = operations.Count > 1 ? new Dictionary<string, int>(StringComparer.Ordinal) : null;
        foreach (var operation in operations)
        {
            var guards = operation.ETag is not null || operation.FirstWrite;
            if (index is not null && index.TryGetValue(operation.Key, out var at))
            {
                // What the batch wrote itself has no etag that the caller could know.
                if (operation.ETag is not null || (operation.FirstWrite && folded[at].Operation.Value is not null)) throw new ETagMismatchException(operation.Key);
                folded[at] = (operation.Key, operation, folded[at].Guard);
                continue;
            }
            index?.Add(operation.Key, folded.Count);
            folded.Add((operation.Key, operation, guards ? operation : null));
        }
        return folded;
    }

    // Text that is no revision is a mismatch, as an old revision is.
    private static long Revision(string etag, string key) =>
        long.TryParse(etag, NumberStyles.None, CultureInfo.InvariantCulture, out var revision) && revision != 0 ? revision : throw new ETagMismatchException(key);

    private async Task<long> LeaseAsync(TimeSpan? timeToLive, CancellationToken cancellationToken)
    {
        if (timeToLive is not { } ttl) return 0;
        var lease = await _client.LeaseGrantAsync(new LeaseGrantRequest { TTL = (long)Math.Ceiling(ttl.TotalSeconds) }, cancellationToken: cancellationToken);
        return lease.ID;
    }

    private ByteString Key(string key) => ByteString.CopyFromUtf8(_options.KeyPrefixPath + "/" + key);

    private static ByteString After(ByteString prefix)
    {
        var bytes = prefix.ToByteArray();
        for (var i = bytes.Length - 1; i >= 0; i--)
        {
            if (bytes[i] == 0xFF) continue;
            bytes[i]++;
            return ByteString.CopyFrom(bytes, 0, i + 1);
        }
        return ByteString.CopyFrom(0);
    }

    private static string Text(long revision) => revision.ToString(CultureInfo.InvariantCulture);
}

/// <summary>A batch has more operations than the store takes at once.</summary>
public sealed class TooManyOperationsException(int count, int limit)
    : Exception($"the transaction contains {count} operations, more than what the state store supports: {limit}");
