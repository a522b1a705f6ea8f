using System.Globalization;
using System.Text.RegularExpressions;
using Danube.Dapr.BrokerClient;

namespace Danube.Dapr.MetricsCollector.Resources.Linux;

/// <summary>
/// Finds how a broker is measured on Linux. <c>auto</c> goes: is the broker on this machine? which process listens on its port? is that process in a container or under a
/// limit (then its cgroup is measured) or not (then the process)? Where a step fails, the host is measured and marked as a fallback.
/// </summary>
internal sealed partial class LinuxTargetResolver(SystemFiles files, Func<string, bool> isThisMachine) : ITargetResolver
{
    private readonly ProcessFinder _processes = new(files);

    public ResolvedTarget Resolve(BrokerNode broker, TargetOptions target)
    {
        try
        {
            var (reader, evidence) = target.Kind switch
            {
                "none" => (null, "measuring is turned off for this broker"),
                "host" => (new HostReader(files), "the configuration says host"),
                "process" => Process(broker, target),
                "cgroup" => Cgroup(CgroupLocation.OfPath(files, target.CgroupPath), "the configuration names the cgroup"),
                "container" => Container(target),
                _ => Auto(broker, target),
            };
            return new ResolvedTarget(target.Kind, reader, evidence, false, StoragePath(target, reader));
        }
        catch (ResourceUnreadableException error)
        {
            return new ResolvedTarget(target.Kind, new HostReader(files), $"{error.Message}; the host is measured instead", true, target.StoragePath);
        }
    }

    private (IResourceReader? Reader, string Evidence) Auto(BrokerNode broker, TargetOptions target)
    {
        if (!isThisMachine(broker.ClientAddress.Host))
            return (null, $"{broker.ClientAddress.Host} is another machine: run a collector there, or name a target");
        var (reader, evidence) = Process(broker, target);
        var pid = ((ProcessReader)reader).Pid;
        CgroupLocation location;
        try
        {
            location = CgroupLocation.OfProcess(files, pid);
        }
        catch (ResourceUnreadableException error)
        {
            return (reader, $"{evidence}; {error.Message}");
        }

        var environment = Environment(location.Path);
        var cgroup = new CgroupReader(files, location);
        if (environment is null && (location.Path == "/" || !cgroup.IsLimited()))
            return (reader, $"{evidence}; no container, no limits");
        return Cgroup(location, $"{evidence}; {environment ?? "no container, but limits"}");
    }

    private (IResourceReader Reader, string Evidence) Process(BrokerNode broker, TargetOptions target)
    {
        var (pid, evidence) = target.Pid > 0 ? (target.Pid, string.Create(CultureInfo.InvariantCulture, $"the configuration names process {target.Pid}"))
            : target.ProcessName.Length > 0 ? _processes.ByName(target.ProcessName)
            : _processes.ByPort(target.Port > 0 ? target.Port : broker.ClientAddress.Port);
        return pid is { } found ? (new ProcessReader(files, found), evidence) : throw new ResourceUnreadableException(evidence);
    }

    private (IResourceReader Reader, string Evidence) Container(TargetOptions target)
    {
        if (target.ContainerId.Length == 0)
            return Cgroup(CgroupLocation.OfProcess(files, System.Environment.ProcessId), "the collector's own container");
        // Pod uids are written with underscores where systemd manages the groups.
        var other = target.ContainerId.Replace('-', '_');
        foreach (var pid in _processes.Pids())
        {
            var path = files.Read(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/cgroup"));
            if (path is null || !(path.Contains(target.ContainerId, StringComparison.Ordinal) || path.Contains(other, StringComparison.Ordinal)))
                continue;
            var location = CgroupLocation.OfProcess(files, pid);
            return Cgroup(location, string.Create(CultureInfo.InvariantCulture, $"process {pid} ({_processes.Name(pid)}) is in container {target.ContainerId}: {Environment(location.Path)}"));
        }

        throw new ResourceUnreadableException($"no process is in a container '{target.ContainerId}' (containers are seen from the host, or from a collector with the host's process namespace)");
    }

    private (IResourceReader Reader, string Evidence) Cgroup(CgroupLocation location, string evidence)
    {
        var reader = new CgroupReader(files, location);
        var reading = reader.Read();
        return (reader, string.Create(CultureInfo.InvariantCulture,
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

    private static string StoragePath(TargetOptions target, IResourceReader? reader) =>
        target.StoragePath.Length == 0 && reader is HostReader ? "/" : target.StoragePath;

    [GeneratedRegex("[0-9a-f]{64}")]
    private static partial Regex ContainerId();
}
