using System.Collections.Frozen;

namespace Danube.Dapr.LocalSidecar;

/// <summary>Every app of this process, found by the local port on which a request came in. A singleton of the host's services.</summary>
public sealed class AppRegistry
{
    private readonly FrozenDictionary<int, AppRuntime> _byPort;

    /// <param name="ports">Each Dapr HTTP and gRPC port with the app it serves.</param>
    public AppRegistry(IEnumerable<KeyValuePair<int, AppRuntime>> ports)
    {
        _byPort = ports.ToFrozenDictionary();
        Apps = [.. _byPort.Values.Distinct()];
    }

    /// <summary>Every app, each once, however many instances it has.</summary>
    public IReadOnlyList<AppRuntime> Apps { get; }

    /// <summary>The app served on <paramref name="localPort"/> (of <c>HttpContext.Connection.LocalPort</c>).</summary>
    /// <exception cref="KeyNotFoundException">No app is served there.</exception>
    public AppRuntime FromPort(int localPort) => _byPort[localPort];
}
