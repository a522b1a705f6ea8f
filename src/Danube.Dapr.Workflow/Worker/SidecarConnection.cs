using System.Globalization;
using Danube.Dapr.TaskHub;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Grpc.Net.Client;
using Microsoft.Extensions.Configuration;

namespace Danube.Dapr.Workflow.Worker;

/// <summary>
/// The channel to the sidecar: <c>DAPR_GRPC_ENDPOINT</c>, else <c>DAPR_GRPC_PORT</c> on this machine (default 50001), with
/// <c>DAPR_API_TOKEN</c>; each from the configuration, else from the environment.
/// </summary>
internal sealed class SidecarConnection : IDisposable
{
    private readonly GrpcChannel _channel;

    public SidecarConnection(IConfiguration? configuration, WorkflowRuntimeOptions options)
    {
        Address = FindAddress(name => Read(configuration, name));
        _channel = GrpcChannel.ForAddress(Address, options.GrpcChannelOptions ?? DefaultOptions(options));
        CallInvoker invoker = _channel.CreateCallInvoker();
        if (Read(configuration, "DAPR_API_TOKEN") is { } token)
        {
            invoker = invoker.Intercept(metadata =>
            {
                metadata.Add("dapr-api-token", token);
                return metadata;
            });
        }
        TaskHub = new TaskHubSidecarService.TaskHubSidecarServiceClient(invoker);
    }

    public Uri Address { get; }

    public TaskHubSidecarService.TaskHubSidecarServiceClient TaskHub { get; }

    public void Dispose() => _channel.Dispose();

    private static string? Read(IConfiguration? configuration, string name)
    {
        string? value = configuration?[name];
        if (string.IsNullOrWhiteSpace(value))
            value = Environment.GetEnvironmentVariable(name);
        return string.IsNullOrWhiteSpace(value) ? null : value.Trim();
    }

    private static Uri FindAddress(Func<string, string?> read)
    {
        if (read("DAPR_GRPC_ENDPOINT") is { } endpoint)
        {
            return Uri.TryCreate(endpoint, UriKind.Absolute, out Uri? address) && address.Scheme is "http" or "https"
                ? address
                : throw new InvalidOperationException($"DAPR_GRPC_ENDPOINT is '{endpoint}'; allowed is an http or https address, for example http://localhost:50001.");
        }
        string port = read("DAPR_GRPC_PORT") ?? "50001";
        return int.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number is > 0 and <= ushort.MaxValue
            ? new Uri($"http://localhost:{number}")
            : throw new InvalidOperationException($"DAPR_GRPC_PORT is '{port}'; allowed is a port from 1 to 65535.");
    }

    private static GrpcChannelOptions DefaultOptions(WorkflowRuntimeOptions options) => new()
    {
        // No bound unless one was set: histories grow, and the sidecar's own limit is the one that counts.
        MaxReceiveMessageSize = options.MaxReceiveMessageSize,
        MaxSendMessageSize = options.MaxSendMessageSize,
        DisposeHttpClient = true,
        InitialReconnectBackoff = TimeSpan.FromMilliseconds(200),
        // The sidecar is on the same machine: to knock often costs little, and work that was begun waits for it.
        MaxReconnectBackoff = TimeSpan.FromSeconds(1),
        HttpHandler = new SocketsHttpHandler
        {
            EnableMultipleHttp2Connections = true,
            KeepAlivePingDelay = TimeSpan.FromSeconds(60),
            KeepAlivePingTimeout = TimeSpan.FromSeconds(30),
            PooledConnectionIdleTimeout = Timeout.InfiniteTimeSpan,
        },
    };
}
