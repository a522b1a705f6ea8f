using YamlDotNet.RepresentationModel;

namespace Danube.Dapr.Architecture.Tests;

/// <summary>The checkout that the tests run in.</summary>
internal static class Repository
{
    public static string Root { get; } = FindRoot();

    public static string Read(string relative) => File.ReadAllText(Path.Combine(Root, relative));

    public static IEnumerable<string> Files(string folder, string pattern) =>
        Directory.EnumerateFiles(Path.Combine(Root, folder), pattern, SearchOption.AllDirectories)
            .Where(f => !f.Contains("/artifacts/", StringComparison.Ordinal) && !f.Contains("/obj/", StringComparison.Ordinal) && !f.Contains("/bin/", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal);

    public static string Relative(string path) => Path.GetRelativePath(Root, path).Replace('\\', '/');

    public static IReadOnlyList<YamlMappingNode> Yaml(string path)
    {
        using var reader = File.OpenText(Path.Combine(Root, path));
        var stream = new YamlStream();
        stream.Load(reader);
        return [.. stream.Documents.Select(d => (YamlMappingNode)d.RootNode)];
    }

    /// <summary>The text at a path of keys; null when there is none.</summary>
    public static string? Text(this YamlNode node, params string[] keys) => (node.At(keys) as YamlScalarNode)?.Value;

    public static YamlNode? At(this YamlNode node, params string[] keys)
    {
        var here = node;
        foreach (var key in keys)
        {
            if (here is not YamlMappingNode map || !map.Children.TryGetValue(new YamlScalarNode(key), out here))
                return null;
        }
        return here;
    }

    public static IReadOnlyList<YamlNode> Items(this YamlNode? node) => node is YamlSequenceNode list ? [.. list.Children] : [];

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Danube.Dapr.sln")))
                return folder.FullName;
        }
        throw new InvalidOperationException("Danube.Dapr.sln was not found above the test.");
    }
}
