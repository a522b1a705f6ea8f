using System.Text;
using Danube.Dapr.MetricsCollector.Resources.Linux;

namespace Danube.Dapr.MetricsCollector.Tests;

/// <summary>Files that the tests carry with them.</summary>
internal static class Fixture
{
    public static byte[] Recording(string name) => Read("Recordings/" + name);

    public static byte[] Read(string name)
    {
        using var stream = typeof(Fixture).Assembly.GetManifestResourceStream(name) ?? throw new ArgumentException($"There is no fixture '{name}'.");
        using var copy = new MemoryStream();
        stream.CopyTo(copy);
        return copy.ToArray();
    }
}

/// <summary>
/// A tree of kernel files, written out from one text: a line <c>@ /path</c> begins a file, <c>@ /path -> target</c> is a symbolic link, <c>@ /path/</c> a folder.
/// </summary>
internal sealed class KernelTree : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("kernel-tree-").FullName;

    public KernelTree(string name)
    {
        string? path = null;
        var content = new StringBuilder();
        foreach (var line in Encoding.UTF8.GetString(Fixture.Read("Trees/" + name)).Split('\n'))
        {
            if (!line.StartsWith("@ ", StringComparison.Ordinal))
            {
                content.Append(line).Append('\n');
                continue;
            }

            Flush(path, content);
            path = null;
            var parts = line[2..].Split(" -> ");
            if (parts.Length == 2)
                Link(parts[0], parts[1]);
            else if (parts[0].EndsWith('/'))
                Directory.CreateDirectory(_root + parts[0]);
            else
                path = parts[0];
        }

        Flush(path, content);
    }

    public SystemFiles Files => new(_root);

    public void Write(string path, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(_root + path)!);
        File.WriteAllText(_root + path, text);
    }

    public void Link(string path, string target)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(_root + path)!);
        File.CreateSymbolicLink(_root + path, target);
    }

    public void Delete(string path)
    {
        if (Directory.Exists(_root + path))
            Directory.Delete(_root + path, recursive: true);
        else
            File.Delete(_root + path);
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private void Flush(string? path, StringBuilder content)
    {
        if (path is not null)
            Write(path, content.ToString());
        content.Clear();
    }
}
