using System.Globalization;

namespace Danube.Dapr.MetricsCollector.Resources.Linux;

/// <summary>Where a group's files lie.</summary>
/// <param name="Version">1 or 2: which hierarchy holds the CPU and memory controllers.</param>
/// <param name="Path">The group's path as the kernel names it.</param>
/// <param name="Folders">For each controller (for version 2 the one entry <c>unified</c>) the group's folder and the mount point above which there is nothing to see.</param>
internal sealed record CgroupLocation(int Version, string Path, IReadOnlyDictionary<string, CgroupFolder> Folders)
{
    private static readonly string[] Needed = ["cpuacct", "memory"];
    private static readonly string[] Read1 = ["cpu", "cpuacct", "cpuset", "memory", "blkio"];

    /// <summary>The group's folder of a controller; null when that controller is not mounted.</summary>
    public CgroupFolder? Folder(string controller) => Folders.GetValueOrDefault(controller);

    /// <summary>The group that a process is in.</summary>
    /// <exception cref="ResourceUnreadableException">The process or its groups cannot be read.</exception>
    public static CgroupLocation OfProcess(SystemFiles files, int pid)
    {
        var text = files.Read(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/cgroup"))
            ?? throw new ResourceUnreadableException(string.Create(CultureInfo.InvariantCulture, $"the cgroup of process {pid} cannot be read"));
        var paths = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var fields = line.Split(':', 3);
            if (fields.Length != 3)
                continue;
            foreach (var controller in fields[1].Length == 0 ? ["unified"] : fields[1].Split(','))
                paths[controller] = fields[2];
        }

        return Locate(files, paths.GetValueOrDefault)
            ?? ThroughProcess(files, pid, text)
            ?? throw new ResourceUnreadableException(string.Create(CultureInfo.InvariantCulture,
                $"the cgroup of process {pid} is not below a hierarchy that is mounted here: {text.ReplaceLineEndings(" ").Trim()}"));
    }

    /// <summary>The group with a path below the hierarchies' roots.</summary>
    /// <exception cref="ResourceUnreadableException">There is no such group.</exception>
    public static CgroupLocation OfPath(SystemFiles files, string path) =>
        Locate(files, _ => path) ?? throw new ResourceUnreadableException($"there is no cgroup '{path}' below a mounted hierarchy");

    private static CgroupLocation? Locate(SystemFiles files, Func<string, string?> pathOf)
    {
        var folders = new Dictionary<string, CgroupFolder>(StringComparer.Ordinal);
        foreach (var mount in Mounts(files))
        {
            foreach (var controller in mount.Controllers)
            {
                if (pathOf(controller) is { } path && mount.FolderOf(path) is { } folder && files.Exists(folder))
                    folders.TryAdd(controller, new CgroupFolder(folder, mount.Point));
            }
        }

        // Hybrid machines mount the second version beside the first, without controllers: it then only has the pressure figures.
        if (Array.TrueForAll(Needed, folders.ContainsKey))
            return new CgroupLocation(1, pathOf("memory")!, folders);
        return folders.TryGetValue("unified", out var unified) && files.Exists(unified.Path + "/cpu.stat") && files.Exists(unified.Path + "/memory.current")
            ? new CgroupLocation(2, pathOf("unified")!, folders)
            : null;
    }

    /// <summary>
    /// In another container with a cgroup namespace of its own (two containers of a pod) the process's group lies outside of what is mounted here, but not outside of what
    /// the process itself has mounted, which can be reached through <c>/proc/PID/root</c>.
    /// </summary>
    private static CgroupLocation? ThroughProcess(SystemFiles files, int pid, string cgroups)
    {
        var root = string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/root/sys/fs/cgroup");
        var path = cgroups[(cgroups.LastIndexOf("..", StringComparison.Ordinal) + 1)..].Trim().TrimStart('.');
        if (files.Exists(root + "/memory.current") && files.Exists(root + "/cpu.stat"))
            return new CgroupLocation(2, path, new Dictionary<string, CgroupFolder> { ["unified"] = new(root, root) });
        var folders = Read1.Where(c => files.Exists($"{root}/{c}"))
            .ToDictionary(c => c, c => new CgroupFolder($"{root}/{c}", $"{root}/{c}"));
        return Array.TrueForAll(Needed, folders.ContainsKey) ? new CgroupLocation(1, path, folders) : null;
    }

    private static IEnumerable<Mount> Mounts(SystemFiles files)
    {
        foreach (var line in files.MountTable().Split('\n'))
        {
            // 36 35 98:0 /root /mount/point rw,noatime master:1 - type source super,options
            var fields = line.Split(' ');
            var dash = Array.IndexOf(fields, "-");
            if (dash < 6 || fields.Length < dash + 4)
                continue;
            if (fields[dash + 1] == "cgroup2")
                yield return new Mount(fields[3], fields[4], ["unified"]);
            else if (fields[dash + 1] == "cgroup")
                yield return new Mount(fields[3], fields[4], fields[dash + 3].Split(','));
        }
    }

    private sealed record Mount(string Root, string Point, string[] Controllers)
    {
        /// <summary>Where a group lies below this mount; null when it lies outside of what is mounted.</summary>
        public string? FolderOf(string path)
        {
            if (path.StartsWith("/..", StringComparison.Ordinal))
                return null;
            if (Root == "/")
                return path == "/" ? Point : Point + path;
            // A container without a cgroup namespace sees its full path, but only its own part is mounted.
            if (path == Root)
                return Point;
            return path.StartsWith(Root + "/", StringComparison.Ordinal) ? Point + path[Root.Length..] : path == "/" ? Point : null;
        }
    }
}

/// <summary>A group's folder in one hierarchy.</summary>
/// <param name="Path">The folder.</param>
/// <param name="Top">The mount point: the last folder upwards that can be read.</param>
internal sealed record CgroupFolder(string Path, string Top)
{
    /// <summary>The folder and those above it, from the group itself to the mount point.</summary>
    public IEnumerable<string> Upwards()
    {
        var folder = Path;
        while (true)
        {
            yield return folder;
            if (folder == Top)
                yield break;
            folder = folder[..folder.LastIndexOf('/')];
        }
    }
}
