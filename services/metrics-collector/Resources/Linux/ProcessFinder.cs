using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Danube.Dapr.MetricsCollector.Resources.Linux;

/// <summary>Finds processes by what the machine shows.</summary>
internal sealed class ProcessFinder(SystemFiles files)
{
    private const string Listening = "0A";

    /// <summary>Programs that listen in place of another one: what they use is not what the broker uses.</summary>
    private static readonly string[] Forwarders = ["docker-proxy", "rootlessport", "slirp4netns", "pasta", "kube-proxy", "ssh", "socat"];

    /// <summary>The process that listens on a TCP port in the collector's network namespace, or in the container that Docker forwards the port to.</summary>
    /// <returns>Its id, or why there is none.</returns>
    public (int? Pid, string Reason) ByPort(int port)
    {
        if (ListeningInode("/proc/net", port) is not { } inode)
            return (null, Text($"nobody listens on port {port} in this network namespace"));
        if (Holder(inode, Pids()) is not { } pid)
            return (null, Text($"the process that listens on port {port} is not visible (another process namespace, or no right to look)"));
        var name = Name(pid);
        if (!Forwarders.Contains(name))
            return (pid, Text($"process {pid} ({name}) listens on port {port}"));
        var held = Text($"port {port} is held by {name} (process {pid}), which only forwards");
        if (ForwardedTo(pid) is not var (address, containerPort))
            return (null, held);
        var (behind, reason) = ByAddress([address], containerPort);
        return (behind, Text($"{held} to {address}:{containerPort}; {reason}"));
    }

    /// <summary>The process that listens on a TCP port of a network namespace that has one of the addresses: a container or a pod of this machine.</summary>
    /// <returns>Its id, or why there is none.</returns>
    public (int? Pid, string Reason) ByAddress(IReadOnlyCollection<IPAddress> addresses, int port)
    {
        foreach (var space in Pids().GroupBy(NetworkNamespace, StringComparer.Ordinal).Where(g => g.Key.Length > 0))
        {
            var network = Text($"/proc/{space.First()}/net");
            if (!addresses.Any(a => HasAddress(network, a)) || ListeningInode(network, port) is not { } inode || Holder(inode, space) is not { } pid)
                continue;
            return (pid, Text($"process {pid} ({Name(pid)}) listens on port {port} in the network namespace of {string.Join(", ", addresses)}"));
        }

        return (null, Text($"no process of this machine listens on port {port} in a network namespace of {string.Join(", ", addresses)}"));
    }

    /// <summary>The one process with a name.</summary>
    public (int? Pid, string Reason) ByName(string name)
    {
        var found = Pids().Where(pid => Name(pid) == name || Program(pid) == name).Take(2).ToArray();
        return found.Length switch
        {
            1 => (found[0], Text($"process {found[0]} is the only one named {name}")),
            0 => (null, $"no process is named {name}"),
            _ => (null, $"several processes are named {name}: give a port or a process id"),
        };
    }

    public string Name(int pid) => files.Read(Text($"/proc/{pid}/comm"))?.Trim() ?? "";

    public IEnumerable<int> Pids() =>
        files.Folders("/proc").Select(f => int.TryParse(f, NumberStyles.None, CultureInfo.InvariantCulture, out var pid) ? pid : 0).Where(p => p > 0).Order();

    // comm is cut at 15 letters, so the program's own name counts as well.
    private string Program(int pid)
    {
        var line = files.Read(Text($"/proc/{pid}/cmdline")) ?? "";
        var end = line.IndexOf('\0', StringComparison.Ordinal);
        return Path.GetFileName(end < 0 ? line : line[..end]);
    }

    private string NetworkNamespace(int pid) => files.Link(Text($"/proc/{pid}/ns/net")) ?? "";

    private int? Holder(string inode, IEnumerable<int> pids)
    {
        var socket = $"socket:[{inode}]";
        foreach (var pid in pids)
        {
            if (files.Links(Text($"/proc/{pid}/fd")).Contains(socket))
                return pid;
        }

        return null;
    }

    /// <summary>Where docker-proxy sends what it takes; its arguments say.</summary>
    private (IPAddress Address, int Port)? ForwardedTo(int pid)
    {
        var arguments = (files.Read(Text($"/proc/{pid}/cmdline")) ?? "").TrimEnd('\n').Split('\0');
        string? After(string name) => Array.IndexOf(arguments, name) is >= 0 and var at && at + 1 < arguments.Length ? arguments[at + 1] : null;
        return IPAddress.TryParse(After("-container-ip"), out var address) && int.TryParse(After("-container-port"), NumberStyles.None, CultureInfo.InvariantCulture, out var port)
            ? (address, port)
            : null;
    }

    /// <summary>Whether an address is one of a network namespace's own.</summary>
    private bool HasAddress(string network, IPAddress address)
    {
        if (address.AddressFamily == AddressFamily.InterNetworkV6)
            return (files.Read(network + "/if_inet6") ?? "").Contains(Convert.ToHexStringLower(address.GetAddressBytes()), StringComparison.Ordinal);
        // |-- 10.1.2.3
        //    /32 host LOCAL
        var leaf = $"|-- {address}";
        var isAddress = false;
        foreach (var line in (files.Read(network + "/fib_trie") ?? "").AsSpan().EnumerateLines())
        {
            var text = line.Trim();
            if (isAddress && text.SequenceEqual("/32 host LOCAL"))
                return true;
            if (text.StartsWith("|--", StringComparison.Ordinal))
                isAddress = text.SequenceEqual(leaf);
        }

        return false;
    }

    private string? ListeningInode(string network, int port)
    {
        var suffix = Text($":{port:X4}");
        foreach (var line in string.Concat(files.Read(network + "/tcp"), "\n", files.Read(network + "/tcp6")).Split('\n'))
        {
            var fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (fields.Length > 9 && fields[3] == Listening && fields[1].EndsWith(suffix, StringComparison.Ordinal))
                return fields[9];
        }

        return null;
    }

    private static string Text(FormattableString text) => FormattableString.Invariant(text);
}
