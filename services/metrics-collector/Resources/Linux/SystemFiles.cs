using System.Globalization;

namespace Danube.Dapr.MetricsCollector.Resources.Linux;

/// <summary>The kernel's files, below a root: <c>/</c>, the mount point of a host's file system in a node agent, or a recorded tree.</summary>
/// <param name="root">Empty for the real root, else a folder without a slash at its end.</param>
internal sealed class SystemFiles(string root)
{
    /// <summary>The mounts as those see them whose file system this is: the collector's own below the real root, else those of the first process.</summary>
    public string MountTable() => (root.Length == 0 ? null : Read("/proc/1/mountinfo")) ?? Read("/proc/self/mountinfo") ?? "";

    /// <summary>The collector's own process id, as the process namespace of these files numbers it.</summary>
    public int OwnPid() => Link("/proc/self") is { } link && int.TryParse(link, NumberStyles.None, CultureInfo.InvariantCulture, out var pid) ? pid : Environment.ProcessId;

    /// <summary>Where a path lies that a process sees as <paramref name="path"/>: containers have file systems of their own.</summary>
    /// <param name="pid">The process; null for the machine's own view.</param>
    /// <param name="path">An absolute path.</param>
    public string PathOf(int? pid, string path)
    {
        var through = string.Create(CultureInfo.InvariantCulture, $"{root}/proc/{pid ?? 1}/root{path}");
        return (pid is not null || root.Length > 0) && Directory.Exists(through) ? through : Directory.Exists(root + path) ? root + path : path;
    }

    /// <summary>The whole text, or null when there is no such file or it may not be read.</summary>
    public string? Read(string path)
    {
        try
        {
            return File.ReadAllText(root + path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // A cgroup or process can end between two readings; a controller can be off; a kernel can be older.
            return null;
        }
    }

    /// <summary>The single number in a file; null when it is missing or no number (such as <c>max</c>).</summary>
    public double? Number(string path) => Read(path) is { } text && TryNumber(text.AsSpan().Trim(), out var value) ? value : null;

    /// <summary>The number after <paramref name="key"/> in a file of lines <c>key value</c> or <c>key: value kB</c>, in the file's unit.</summary>
    public static double? Field(string? text, string key)
    {
        foreach (var line in text.AsSpan().EnumerateLines())
        {
            if (!line.StartsWith(key, StringComparison.Ordinal) || line.Length == key.Length || line[key.Length] is not (' ' or ':' or '\t'))
                continue;
            var rest = line[(key.Length + 1)..].Trim();
            var end = rest.IndexOf(' ');
            return TryNumber(end < 0 ? rest : rest[..end], out var value) ? value : null;
        }

        return null;
    }

    public bool Exists(string path) => File.Exists(root + path) || Directory.Exists(root + path);

    public IEnumerable<string> Folders(string path)
    {
        try
        {
            return Directory.EnumerateDirectories(root + path).Select(d => Path.GetFileName(d)).ToArray();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    public IEnumerable<string> Links(string path)
    {
        string[] links;
        try
        {
            links = Directory.GetFiles(root + path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            yield break;
        }

        foreach (var link in links)
        {
            if (Target(link) is { } target)
                yield return target;
        }
    }

    /// <summary>Where a symbolic link points, as written; null when there is none.</summary>
    public string? Link(string path) => Target(root + path);

    public static bool TryNumber(ReadOnlySpan<char> text, out double value) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out value);

    private static string? Target(string full)
    {
        try
        {
            return new FileInfo(full).LinkTarget;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
