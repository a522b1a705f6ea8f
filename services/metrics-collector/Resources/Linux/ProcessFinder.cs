using System.Globalization;

namespace Danube.Dapr.MetricsCollector.Resources.Linux;

/// <summary>Finds processes by what the machine shows.</summary>
internal sealed class ProcessFinder(SystemFiles files)
{
    private const string Listening = "0A";

    /// <summary>Programs that listen in place of another one: what they use is not what the broker uses.</summary>
    private static readonly string[] Forwarders = ["docker-proxy", "rootlessport", "slirp4netns", "pasta", "kube-proxy", "ssh", "socat"];

    /// <summary>The process that listens on a TCP port in the collector's network namespace.</summary>
    /// <returns>Its id, or why there is none.</returns>
    public (int? Pid, string Reason) ByPort(int port)
    {
        var inode = ListeningInode("/proc/net/tcp", port) ?? ListeningInode("/proc/net/tcp6", port);
        if (inode is null)
            return (null, string.Create(CultureInfo.InvariantCulture, $"nobody listens on port {port} in this network namespace"));
        var socket = $"socket:[{inode}]";
        foreach (var pid in Pids())
        {
            if (!files.Links(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/fd")).Contains(socket))
                continue;
            var name = Name(pid);
            return Forwarders.Contains(name)
                ? (null, string.Create(CultureInfo.InvariantCulture, $"port {port} is held by {name} (process {pid}), which only forwards"))
                : (pid, string.Create(CultureInfo.InvariantCulture, $"process {pid} ({name}) listens on port {port}"));
        }

        return (null, string.Create(CultureInfo.InvariantCulture, $"the process that listens on port {port} is not visible (another process namespace, or no right to look)"));
    }

    /// <summary>The one process with a name.</summary>
    public (int? Pid, string Reason) ByName(string name)
    {
        var found = Pids().Where(pid => Name(pid) == name || Program(pid) == name).Take(2).ToArray();
        return found.Length switch
        {
            1 => (found[0], string.Create(CultureInfo.InvariantCulture, $"process {found[0]} is the only one named {name}")),
            0 => (null, $"no process is named {name}"),
            _ => (null, $"several processes are named {name}: give a port or a process id"),
        };
    }

    public string Name(int pid) => files.Read(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/comm"))?.Trim() ?? "";

    public IEnumerable<int> Pids() =>
        files.Folders("/proc").Select(f => int.TryParse(f, NumberStyles.None, CultureInfo.InvariantCulture, out var pid) ? pid : 0).Where(p => p > 0).Order();

    // comm is cut at 15 letters, so the program's own name counts as well.
    private string Program(int pid)
    {
        var line = files.Read(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/cmdline")) ?? "";
        var end = line.IndexOf('\0', StringComparison.Ordinal);
        return Path.GetFileName(end < 0 ? line : line[..end]);
    }

    private string? ListeningInode(string path, int port)
    {
        var suffix = string.Create(CultureInfo.InvariantCulture, $":{port:X4}");
        foreach (var line in (files.Read(path) ?? "").Split('\n').Skip(1))
        {
            var fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (fields.Length > 9 && fields[3] == Listening && fields[1].EndsWith(suffix, StringComparison.Ordinal))
                return fields[9];
        }

        return null;
    }
}
