using System.Collections.Concurrent;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Danube.Dapr.BrokerClient.Protocol.Admin;
using Danube.Dapr.BrokerClient.Protocol.Client;
using Grpc.Core;
using Grpc.Net.Client;
using Grpc.Net.Client.Configuration;
using Microsoft.Extensions.Logging;

namespace Danube.Dapr.BrokerClient;

/// <summary>One channel per address, and the way every call is made on it: deadline, token, error translation.</summary>
internal sealed class RpcChannels(DanubeClientOptions options, ILoggerFactory? loggers) : IDisposable
{
    private const string AdminPackage = "danube_admin";

    private readonly ConcurrentDictionary<Uri, Lazy<GrpcChannel>> _channels = new();
    private readonly Metadata? _headers = options.Token is null ? null : new Metadata { { "authorization", $"Bearer {options.Token}" } };
    private readonly X509Certificate2Collection? _trusted = LoadTrusted(options.TrustedCaFile);

    public BrokerAdmin.BrokerAdminClient Brokers(Uri address) => new(Channel(address));

    public ClusterAdmin.ClusterAdminClient Cluster(Uri address) => new(Channel(address));

    public TopicAdmin.TopicAdminClient Topics(Uri address) => new(Channel(address));

    public Discovery.DiscoveryClient Discovery(Uri address) => new(Channel(address));

    public ProducerService.ProducerServiceClient Producers(Uri address) => new(Channel(address));

    public async Task<T> InvokeAsync<T>(Uri address, string operation, Func<CallOptions, AsyncUnaryCall<T>> start, CancellationToken cancellationToken)
    {
        var deadline = TimeProvider.System.GetUtcNow().UtcDateTime + options.CallTimeout;
        try
        {
            using var call = start(new CallOptions(_headers, deadline, cancellationToken));
            return await call.ResponseAsync.ConfigureAwait(false);
        }
        catch (RpcException error) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException($"{operation} was cancelled.", error, cancellationToken);
        }
        catch (RpcException error)
        {
            throw Translate(address, operation, error);
        }
    }

    /// <summary>An error that carries a local cause never came from the broker: the connection failed or broke.</summary>
    private static DanubeException Translate(Uri address, string operation, RpcException error)
    {
        var answered = error.Status.DebugException is null && error.StatusCode is not StatusCode.Cancelled;
        return !answered || error.StatusCode is StatusCode.Unavailable or StatusCode.DeadlineExceeded
            ? new DanubeUnreachableException(address, operation, error.StatusCode, error.Status.Detail, error)
            {
                BrokerAnswered = answered && error.StatusCode == StatusCode.Unavailable,
                Detail = error.Status.Detail,
            }
            : new DanubeRefusedException(address, operation, error.StatusCode, error.Status.Detail, error);
    }

    private GrpcChannel Channel(Uri address) =>
        _channels.GetOrAdd(address, static (key, self) => new Lazy<GrpcChannel>(() => self.Open(key)), this).Value;

    private GrpcChannel Open(Uri address)
    {
        var handler = new SocketsHttpHandler
        {
            ConnectTimeout = options.CallTimeout,
            EnableMultipleHttp2Connections = true,
            PooledConnectionIdleTimeout = TimeSpan.FromMinutes(2),
            // A machine without power closes nothing: without pings its connections are kept, and used again when it is back, until TCP gives up after minutes.
            KeepAlivePingDelay = TimeSpan.FromSeconds(10),
            KeepAlivePingTimeout = TimeSpan.FromSeconds(5),
        };
        if (_trusted is not null)
            handler.SslOptions = TrustOnly(_trusted);
        return GrpcChannel.ForAddress(address, new GrpcChannelOptions
        {
            HttpHandler = handler,
            DisposeHttpClient = true,
            LoggerFactory = loggers,
            MaxReceiveMessageSize = 64 * 1024 * 1024,
            // A broker that comes back is used again within a second, not after the two minutes that the back-off grows to by default.
            InitialReconnectBackoff = TimeSpan.FromMilliseconds(200),
            MaxReconnectBackoff = TimeSpan.FromSeconds(1),
            ServiceConfig = options.MaxAttempts > 1 ? Retries(options.MaxAttempts) : null,
        });
    }

    /// <summary>
    /// Only calls that may happen twice are repeated. Unload is not among them: a second one could take the topic from the broker it has just
    /// reached. Nor are create, delete and CreateProducer, where UNAVAILABLE is an answer.
    /// </summary>
    private static ServiceConfig Retries(int attempts)
    {
        var config = new MethodConfig
        {
            RetryPolicy = new RetryPolicy
            {
                MaxAttempts = attempts,
                InitialBackoff = TimeSpan.FromMilliseconds(100),
                MaxBackoff = TimeSpan.FromSeconds(1),
                BackoffMultiplier = 2,
                RetryableStatusCodes = { StatusCode.Unavailable },
            },
        };
        foreach (var method in new[] { "ListBrokers", "GetLeaderBroker", "ListNamespaces", "UnloadBroker", "ActivateBroker", "GetClusterBalance" })
            config.Names.Add(new MethodName { Service = $"{AdminPackage}.BrokerAdmin", Method = method });
        foreach (var method in new[] { "ListNamespaceTopics", "ListBrokerTopics", "ListSubscriptions", "DescribeTopic" })
            config.Names.Add(new MethodName { Service = $"{AdminPackage}.TopicAdmin", Method = method });
        config.Names.Add(new MethodName { Service = $"{AdminPackage}.ClusterAdmin" });
        config.Names.Add(new MethodName { Service = "danube.Discovery" });
        return new ServiceConfig { MethodConfigs = { config } };
    }

    private static SslClientAuthenticationOptions TrustOnly(X509Certificate2Collection authorities)
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.AddRange(authorities);
        return new SslClientAuthenticationOptions { CertificateChainPolicy = policy };
    }

    private static X509Certificate2Collection? LoadTrusted(string? path)
    {
        if (path is null)
            return null;
        var authorities = new X509Certificate2Collection();
        authorities.ImportFromPemFile(path);
        return authorities.Count > 0
            ? authorities
            : throw new ArgumentException($"TrustedCaFile '{path}' holds no certificate in PEM form.", nameof(path));
    }

    public void Dispose()
    {
        foreach (var channel in _channels.Values)
        {
            if (channel.IsValueCreated)
                channel.Value.Dispose();
        }

        foreach (var authority in _trusted ?? [])
            authority.Dispose();
    }
}
