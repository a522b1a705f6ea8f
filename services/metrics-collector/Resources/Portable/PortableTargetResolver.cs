using System.Globalization;
using Danube.Dapr.BrokerClient;

namespace Danube.Dapr.MetricsCollector.Resources.Portable;

/// <summary>
/// Finds how a broker is measured where there is no procfs: Windows and macOS. Brokers are processes there, or the machine is theirs; of containers only the collector's own
/// can be measured, and only where the platform offers it.
/// </summary>
/// <param name="host">Reads the whole machine.</param>
/// <param name="ownContainer">Reads the container that the collector runs in; null where that cannot be.</param>
/// <param name="usageOf">What the platform knows of a process beyond System.Diagnostics.</param>
/// <param name="listenerOn">The process that listens on a TCP port; null where the platform does not tell.</param>
/// <param name="isThisMachine">Whether a host name or address is this machine.</param>
internal sealed class PortableTargetResolver(
    IResourceReader host, IResourceReader? ownContainer, Func<int, ProcessUsage> usageOf, Func<int, int?>? listenerOn, Func<string, bool> isThisMachine) : ITargetResolver
{
    public bool IsHere(BrokerNode broker) => isThisMachine(broker.ClientAddress.Host);

    public ResolvedTarget Resolve(BrokerNode broker, TargetOptions target)
    {
        try
        {
            var (reader, evidence) = target.Kind switch
            {
                "none" => (null, "measuring is turned off for this broker"),
                "host" => (host, "the configuration says host"),
                "process" => Process(broker, target),
                "container" when target.ContainerId.Length == 0 && ownContainer is not null => (ownContainer, "the collector's own container"),
                "container" or "cgroup" => throw new ResourceUnreadableException($"a target of kind {target.Kind} cannot be measured on this operating system"),
                _ => IsHere(broker)
                    ? Process(broker, target)
                    : (null, $"{broker.ClientAddress.Host} is another machine: run a collector there, or name a target"),
            };
            var storage = target.StoragePath.Length == 0 && reader == host ? Path.GetPathRoot(Environment.CurrentDirectory) ?? "" : target.StoragePath;
            return new ResolvedTarget(target.Kind, reader, evidence, false, storage);
        }
        catch (ResourceUnreadableException error)
        {
            return new ResolvedTarget(target.Kind, host, $"{error.Message}; the host is measured instead", true, target.StoragePath);
        }
    }

    private (IResourceReader? Reader, string Evidence) Process(BrokerNode broker, TargetOptions target)
    {
        var port = target.Port > 0 ? target.Port : broker.ClientAddress.Port;
        var (pid, evidence) = target.Pid > 0 ? (target.Pid, Text($"the configuration names process {target.Pid}"))
            : target.ProcessName.Length > 0 ? ByName(target.ProcessName)
            : listenerOn is null ? throw new ResourceUnreadableException("this operating system does not tell who listens on a port: give a process id or name")
            : listenerOn(port) is { } listener ? (listener, Text($"process {listener} listens on port {port}"))
            : throw new ResourceUnreadableException(Text($"nobody listens on port {port}"));
        return (new SystemProcessReader(pid, usageOf), evidence);
    }

    private static (int Pid, string Evidence) ByName(string name)
    {
        var found = System.Diagnostics.Process.GetProcessesByName(name);
        try
        {
            return found.Length switch
            {
                1 => (found[0].Id, Text($"process {found[0].Id} is the only one named {name}")),
                0 => throw new ResourceUnreadableException($"no process is named {name}"),
                _ => throw new ResourceUnreadableException($"several processes are named {name}: give a port or a process id"),
            };
        }
        finally
        {
            foreach (var process in found)
                process.Dispose();
        }
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
