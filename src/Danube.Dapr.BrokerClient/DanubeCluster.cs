using System.Collections.Concurrent;
using Danube.Dapr.BrokerClient.Protocol.Admin;
using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace Danube.Dapr.BrokerClient;

/// <summary>
/// A Danube cluster over its public interfaces: found through seed addresses, asked at its leader, changed one step at a time. Safe for use by several
/// callers at once. Every method can throw <see cref="DanubeUnreachableException"/> and <see cref="DanubeRefusedException"/>; those that need the
/// leader also <see cref="DanubeNoLeaderException"/>, those that take a broker id also <see cref="DanubeUnknownBrokerException"/>.
/// </summary>
public sealed partial class DanubeCluster : IDisposable
{
    private static readonly TimeSpan SilenceRemembered = TimeSpan.FromSeconds(3);

    // A broker that hangs costs each question that begins with it a whole deadline; one that refuses costs nothing.
    private static readonly TimeSpan HangRemembered = TimeSpan.FromMinutes(1);

    private readonly DanubeClientOptions _options;
    private readonly TimeProvider _time;
    private readonly RpcChannels _channels;
    private readonly MetricsFetcher _metrics;
    private readonly AddressRewriter _rewriter;
    private readonly SemaphoreSlim _discovering = new(1, 1);

    // In ticks of the stop-watch: nobody sets it.
    private readonly ConcurrentDictionary<Uri, long> _askedLastUntil = new();
    private volatile Known? _known;

    // The old topology is kept when it has become doubtful: its addresses are the best ones to ask for a new one.
    private volatile bool _stale;

    /// <summary>Opens nothing yet: the first call does.</summary>
    /// <param name="options">Addresses and limits.</param>
    /// <param name="time">Clock for the age of what was read; the machine's when null.</param>
    /// <param name="loggers">Where the gRPC client logs; nowhere when null.</param>
    /// <exception cref="ArgumentException">An option is not valid; the message says which and why.</exception>
    public DanubeCluster(DanubeClientOptions options, TimeProvider? time = null, ILoggerFactory? loggers = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        _options = options;
        _time = time ?? TimeProvider.System;
        _channels = new RpcChannels(options, loggers);
        _metrics = new MetricsFetcher(options, _time);
        _rewriter = new AddressRewriter(options.AddressMap);
    }

    /// <summary>Asks the cluster who is in it, now. The first known address that answers tells; the leader is asked first when one is known.</summary>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <returns>All registered brokers. A dead one stays among them for 26 to 32 s.</returns>
    /// <exception cref="DanubeUnreachableException">No seed and no known broker answers; the inner exception is that of the last one.</exception>
    public async Task<ClusterTopology> DiscoverAsync(CancellationToken cancellationToken = default)
    {
        await _discovering.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            return await ReadTopologyAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _discovering.Release();
        }
    }

    /// <summary>The topology, read anew when it is older than <see cref="DanubeClientOptions.TopologyMaxAge"/>.</summary>
    /// <param name="cancellationToken">Stops the call.</param>
    public async Task<ClusterTopology> GetTopologyAsync(CancellationToken cancellationToken = default)
    {
        if (Fresh() is { } known)
            return known;
        await _discovering.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            return Fresh() ?? await ReadTopologyAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _discovering.Release();
        }
    }

    /// <summary>Closes all connections.</summary>
    public void Dispose()
    {
        _channels.Dispose();
        _metrics.Dispose();
        _discovering.Dispose();
    }

    private ClusterTopology? Fresh() =>
        _known is { } known && !_stale && _time.GetElapsedTime(known.ReadAt) < _options.TopologyMaxAge ? known.Topology : null;

    private async Task<ClusterTopology> ReadTopologyAsync(CancellationToken cancellationToken)
    {
        DanubeUnreachableException? last = null;
        foreach (var address in AdminAddresses())
        {
            try
            {
                var answer = await AskAsync(
                    address, "ListBrokers", call => _channels.Brokers(address).ListBrokersAsync(new Empty(), call), cancellationToken).ConfigureAwait(false);
                var topology = new ClusterTopology(
                    [.. answer.Brokers.Select(broker => ToNode(broker, address.Host))], address, _time.GetUtcNow());
                _known = new Known(topology, _time.GetTimestamp());
                _stale = false;
                return topology;
            }
            catch (DanubeUnreachableException error)
            {
                last = error;
                AskLast(address, SilenceRemembered);
            }
        }

        throw new DanubeUnreachableException(
            null, "ListBrokers", StatusCode.Unavailable, $"none of {string.Join(", ", AdminAddresses())} answers", last);
    }

    /// <summary>
    /// The leader first; last those that were silent a moment ago: a dead leader stays named for seconds, and every question would wait for it. Among the silent ones
    /// they take turns, so that several that hang do not hide one that answers.
    /// </summary>
    private List<Uri> AdminAddresses()
    {
        var now = _time.GetTimestamp();
        var known = _known?.Topology.Brokers ?? [];
        return
        [
            .. known.Where(broker => broker.Role == BrokerRole.Leader)
                .Concat(known.Where(broker => broker.Role != BrokerRole.Leader))
                .Select(broker => broker.AdminAddress)
                .Concat(_options.Seeds)
                .Distinct()
                .OrderBy(address => _askedLastUntil.TryGetValue(address, out var until) && until > now ? until : long.MinValue),
        ];
    }

    /// <summary>One call; remembers whether the broker answers or hangs.</summary>
    private async Task<T> AskAsync<T>(Uri address, string operation, Func<CallOptions, AsyncUnaryCall<T>> call, CancellationToken cancellationToken)
    {
        var began = _time.GetTimestamp();
        try
        {
            var answer = await _channels.InvokeAsync(address, operation, call, cancellationToken).ConfigureAwait(false);
            _askedLastUntil.TryRemove(address, out _);
            return answer;
        }
        catch (DanubeUnreachableException error) when (error.Status == StatusCode.DeadlineExceeded)
        {
            AskLast(address, HangRemembered);
            throw;
        }
        catch (OperationCanceledException) when (_time.GetElapsedTime(began) >= _options.CallTimeout / 2)
        {
            // The caller's own limit came first. One that gave up at once tells nothing about the broker.
            AskLast(address, HangRemembered);
            throw;
        }
    }

    private void AskLast(Uri address, TimeSpan span)
    {
        var until = _time.GetTimestamp() + (long)(span.TotalSeconds * _time.TimestampFrequency);
        _askedLastUntil.AddOrUpdate(address, until, (_, known) => known > until ? known : until);
    }

    private BrokerNode ToNode(BrokerInfo info, string answeringHost)
    {
        var host = AddressRewriter.DialableHost(info.BrokerAddr) ?? answeringHost;
        var client = _rewriter.Rewrite(info.BrokerAddr, _options.ClientTls ? "https" : "http", host);
        var admin = _rewriter.Rewrite(info.AdminAddr, _options.AdminTls ? "https" : "http", host);
        if (client is null || admin is null)
            throw new DanubeUnexpectedAnswerException(
                null, "ListBrokers", $"broker {info.BrokerId} advertises the addresses '{info.BrokerAddr}' and '{info.AdminAddr}'");
        return new BrokerNode(
            info.BrokerId,
            info.BrokerRole switch
            {
                "Cluster_Leader" => BrokerRole.Leader,
                "Cluster_Follower" => BrokerRole.Follower,
                _ => BrokerRole.Unknown,
            },
            info.BrokerStatus switch
            {
                "active" => BrokerStatus.Active,
                "draining" => BrokerStatus.Draining,
                "drained" => BrokerStatus.Drained,
                _ => BrokerStatus.Unknown,
            },
            client,
            admin,
            _rewriter.Rewrite(info.MetricsAddr, "http", host));
    }

    private async Task<BrokerNode> LeaderAsync(string operation, CancellationToken cancellationToken)
    {
        var topology = await GetTopologyAsync(cancellationToken).ConfigureAwait(false);
        if (topology.Leader is null)
            topology = await DiscoverAsync(cancellationToken).ConfigureAwait(false);
        return topology.Leader ?? throw new DanubeNoLeaderException(
            operation, $"of {topology.Brokers.Count} registered brokers none is named leader by {topology.AnsweredBy}");
    }

    private async Task<BrokerNode> BrokerAsync(string brokerId, string operation, CancellationToken cancellationToken)
    {
        ArgumentException.ThrowIfNullOrEmpty(brokerId);
        var topology = await GetTopologyAsync(cancellationToken).ConfigureAwait(false);
        if (topology.Find(brokerId) is null)
            topology = await DiscoverAsync(cancellationToken).ConfigureAwait(false);
        return topology.Find(brokerId) ?? throw new DanubeUnknownBrokerException(
            brokerId, operation, $"it is not among the {topology.Brokers.Count} brokers registered at {topology.AnsweredBy}");
    }

    /// <summary>A change, or a question that only the leader can answer.</summary>
    private async Task<(T Answer, Uri Address)> AskLeaderAsync<T>(
        string operation, Func<Uri, CallOptions, AsyncUnaryCall<T>> call, CancellationToken cancellationToken)
    {
        var address = (await LeaderAsync(operation, cancellationToken).ConfigureAwait(false)).AdminAddress;
        try
        {
            return (await AskAsync(address, operation, options => call(address, options), cancellationToken).ConfigureAwait(false), address);
        }
        catch (DanubeUnreachableException)
        {
            _stale = true;
            throw;
        }
    }

    /// <summary>A question that any broker can answer from its copy of the metadata: the leader's is the newest, another's does while there is none.</summary>
    private async Task<T> AskAnyAsync<T>(
        string operation, Func<Uri, CallOptions, AsyncUnaryCall<T>> call, CancellationToken cancellationToken)
    {
        await GetTopologyAsync(cancellationToken).ConfigureAwait(false);
        DanubeUnreachableException? last = null;
        foreach (var address in AdminAddresses())
        {
            try
            {
                return await AskAsync(address, operation, options => call(address, options), cancellationToken).ConfigureAwait(false);
            }
            catch (DanubeUnreachableException error)
            {
                last = error;
                _stale = true;
                AskLast(address, SilenceRemembered);
            }
        }

        throw new DanubeUnreachableException(null, operation, StatusCode.Unavailable, "no broker answers", last);
    }

    /// <param name="Topology">What was read.</param>
    /// <param name="ReadAt">When, by the stop-watch: a clock that is set makes it no younger.</param>
    private sealed record Known(ClusterTopology Topology, long ReadAt);
}
