using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;
using Danube.Dapr.BrokerClient;

namespace Danube.Dapr.MetricsCollector.Resources.Linux;

/// <summary>
/// Finds how a broker is measured on Linux. <c>auto</c> goes: is the broker on this machine, or in a container or pod of it? which process listens on its port? is that
/// process in a container or under a limit (then its cgroup is measured) or not (then the process)? Where a step fails, the host is measured and marked as a fallback.
/// </summary>
/// <param name="files">The kernel's files.</param>
/// <param name="isThisMachine">Whether a host name or address is one of the collector's own network namespace.</param>
/// <param name="addressesOf">The addresses of a host name.</param>
internal sealed partial class LinuxTargetResolver(SystemFiles files, Func<string, bool> isThisMachine, Func<string, IReadOnlyList<IPAddress>> addressesOf) : ITargetResolver
{
    private readonly ProcessFinder _processes = new(files);

    public bool IsHere(BrokerNode broker) => isThisMachine(broker.ClientAddress.Host) || InContainer(broker, broker.ClientAddress.Port).Pid is not null;

    public ResolvedTarget Resolve(BrokerNode broker, TargetOptions target)
    {
        try
        {
            var found = target.Kind switch
            {
                "none" => new Found(null, "measuring is turned off for this broker"),
                "host" => new Found(new HostReader(files), "the configuration says host"),
                "process" => Process(broker, target),
                "cgroup" => Cgroup(CgroupLocation.OfPath(files, target.CgroupPath), "the configuration names the cgroup"),
                "container" => Container(target),
                _ => Auto(broker, target),
            };
            return new ResolvedTarget(target.Kind, found.Reader, found.Evidence, false, StoragePath(target, found));
        }
        catch (ResourceUnreadableException error)
        {
            return new ResolvedTarget(target.Kind, new HostReader(files), $"{error.Message}; the host is measured instead", true, target.StoragePath);
        }
    }

    private Found Auto(BrokerNode broker, TargetOptions target)
    {
        if (target.Pid == 0 && target.ProcessName.Length == 0 && !isThisMachine(broker.ClientAddress.Host) && InContainer(broker, PortOf(broker, target)).Pid is null)
            return new Found(null, $"{broker.ClientAddress.Host} is another machine: run a collector there, or name a target");
        var process = Process(broker, target);
        CgroupLocation location;
        try
        {
            location = CgroupLocation.OfProcess(files, process.Pid!.Value);
        }
        catch (ResourceUnreadableException error)
        {
            return process with { Evidence = $"{process.Evidence}; {error.Message}" };
        }

        var environment = Environment(location.Path);
        if (environment is null && (location.Path == "/" || !new CgroupReader(files, location).IsLimited()))
            return process with { Evidence = $"{process.Evidence}; no container, no limits" };
        return Cgroup(location, $"{process.Evidence}; {environment ?? "no container, but limits"}") with { Pid = process.Pid };
    }

    private Found Process(BrokerNode broker, TargetOptions target)
    {
        var (pid, evidence) = target.Pid > 0 ? (target.Pid, string.Create(CultureInfo.InvariantCulture, $"the configuration names process {target.Pid}"))
            : target.ProcessName.Length > 0 ? _processes.ByName(target.ProcessName)
            : isThisMachine(broker.ClientAddress.Host) ? _processes.ByPort(PortOf(broker, target))
            : InContainer(broker, PortOf(broker, target));
        return pid is { } found
            ? new Found(new ProcessReader(files, found, LimitsOf(found)), evidence, found)
            : throw new ResourceUnreadableException(evidence);
    }

    private (int? Pid, string Reason) InContainer(BrokerNode broker, int port) => _processes.ByAddress(addressesOf(broker.ClientAddress.Host), port);

    private static int PortOf(BrokerNode broker, TargetOptions target) => target.Port > 0 ? target.Port : broker.ClientAddress.Port;

    private CgroupReader? LimitsOf(int pid)
    {
        try
        {
            return new CgroupReader(files, CgroupLocation.OfProcess(files, pid));
        }
        catch (ResourceUnreadableException)
        {
            // Without a group that can be read no limit is known: the process is measured against the machine.
            return null;
        }
    }

    private Found Container(TargetOptions target)
    {
        if (target.ContainerId.Length == 0)
            return Cgroup(CgroupLocation.OfProcess(files, files.OwnPid()), "the collector's own container");
        // Pod uids are written with underscores where systemd manages the groups.
        var other = target.ContainerId.Replace('-', '_');
        foreach (var pid in _processes.Pids())
        {
            var path = files.Read(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/cgroup"));
            if (path is null || !(path.Contains(target.ContainerId, StringComparison.Ordinal) || path.Contains(other, StringComparison.Ordinal)))
                continue;
            var location = CgroupLocation.OfProcess(files, pid);
            return Cgroup(location, string.Create(CultureInfo.InvariantCulture, $"process {pid} ({_processes.Name(pid)}) is in container {target.ContainerId}: {Environment(location.Path)}")) with { Pid = pid };
        }

        throw new ResourceUnreadableException($"no process is in a container '{target.ContainerId}' (containers are seen from the host, or from a collector with the host's process namespace)");
    }

    private Found Cgroup(CgroupLocation location, string evidence)
    {
        var reader = new CgroupReader(files, location);
        var reading = reader.Read();
        return new Found(reader, string.Create(CultureInfo.InvariantCulture,
            $"{evidence}; cgroup v{location.Version} {location.Path}{(location.Version == 1 && location.Folder("unified") is not null ? " (hybrid)" : "")}, {reading.CpuCores:0.##} cores, {reading.MemoryLimitBytes / 1048576:0} MiB"));
    }

    /// <summary>Which kind of container a group's path tells of; null when of none.</summary>
    internal static string? Environment(string path)
    {
        var id = ContainerId().Match(path) is { Success: true } match ? match.Value[..12] : null;
        if (path.Contains("kubepods", StringComparison.Ordinal))
            return $"Kubernetes{(id is null ? " pod" : $", container {id}")}";
        if (path.Contains("docker", StringComparison.Ordinal))
            return $"Docker{(id is null ? "" : $", container {id}")}";
        if (path.Contains("containerd", StringComparison.Ordinal))
            return $"containerd{(id is null ? "" : $", container {id}")}";
        if (path.Contains("libpod", StringComparison.Ordinal))
            return $"Podman{(id is null ? "" : $", container {id}")}";
        return id is null ? null : $"container {id}";
    }

    private string StoragePath(TargetOptions target, Found found) =>
        target.StoragePath.Length > 0 ? files.PathOf(found.Pid, target.StoragePath)
        : found.Reader is HostReader ? files.PathOf(null, "/")
        : "";

    [GeneratedRegex("[0-9a-f]{64}")]
    private static partial Regex ContainerId();

    private sealed record Found(IResourceReader? Reader, string Evidence, int? Pid = null);
}
