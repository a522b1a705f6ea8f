using Danube.Dapr.BrokerClient;

namespace Danube.Dapr.MetricsCollector.Resources;

/// <summary>What is measured for a broker, and why.</summary>
/// <param name="Kind">The configured kind.</param>
/// <param name="Reader">Reads it; null when nothing of this broker can be measured from here.</param>
/// <param name="Evidence">What the choice was made from, one sentence.</param>
/// <param name="Fallback">True when the configured target could not be read and the host is measured instead.</param>
/// <param name="StoragePath">The broker's storage path, or empty.</param>
internal sealed record ResolvedTarget(string Kind, IResourceReader? Reader, string Evidence, bool Fallback, string StoragePath);

/// <summary>Finds out how a broker's resources can be measured.</summary>
internal interface ITargetResolver
{
    /// <summary>Whether the broker runs on this machine, in a container or not.</summary>
    bool IsHere(BrokerNode broker);

    ResolvedTarget Resolve(BrokerNode broker, TargetOptions target);
}
