using System.CommandLine;
using Danube.Dapr.Cli.Up;

namespace Danube.Dapr.Cli.Services;

/// <summary>Where the services are: each at its own port, or all behind one sidecar.</summary>
internal sealed class ServiceAddresses(string host, int portBase, Uri? sidecar)
{
    /// <summary>Reaches every service through one sidecar: <c>--via http://127.0.0.1:3500</c>, or <c>DANUBE_LB_VIA</c>.</summary>
    public static Option<string?> ViaOption { get; } = new("--via")
    {
        Description = "Address of any Dapr sidecar; all services are called through it. Default: DANUBE_LB_VIA, else each service directly.",
        DefaultValueFactory = _ => Environment.GetEnvironmentVariable("DANUBE_LB_VIA"),
    };

    public static Option<string> HostOption { get; } = new("--host")
    {
        Description = "Host of the services when they are called directly.",
        DefaultValueFactory = _ => "127.0.0.1",
    };

    public static Option<int> PortBaseOption { get; } = new("--services-port-base")
    {
        Description = "Port base of the services when they are called directly, as given to 'up --port-base'.",
        DefaultValueFactory = _ => 5100,
    };

    public static ServiceAddresses From(ParseResult parsed)
    {
        var via = parsed.GetValue(ViaOption);
        if (string.IsNullOrEmpty(via))
            return new ServiceAddresses(parsed.GetValue(HostOption)!, parsed.GetValue(PortBaseOption), null);
        return Uri.TryCreate(via, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https"
            ? new ServiceAddresses("", 0, new Uri(via))
            : throw new CliException($"--via: '{via}' is no address; allowed is http://host:port of a Dapr sidecar.");
    }

    /// <summary>Address of <paramref name="path"/> (with its query) of a service.</summary>
    public Uri Of(string appId, string path) => sidecar is null
        ? new Uri($"http://{host}:{Topology.WithoutCheck(portBase)[appId].AppPort}{path}")
        : new Uri(sidecar, $"/v1.0/invoke/{appId}/method{path}");
}
