namespace Danube.Dapr.Cli.Up;

/// <summary>
/// The Dapr component files of a run: copied from <c>components/&lt;set&gt;</c> into the run's folder, so that relative paths in them (the SQLite file) lie there, with the etcd endpoint of the run
/// put in. In-memory pub/sub joins services within one process only: separate sidecars get that of <c>components/dapr</c> with every store.
/// </summary>
internal static class Resources
{
    private const string DefaultEtcdEndpoint = "localhost:2379";
    private const string PubSub = "pubsub.yaml";
    private const string DefaultZipkinEndpoint = "http://localhost:9411/api/v2/spans";

    /// <summary>The files of a store's set.</summary>
    public static IReadOnlyList<string> Files(StateKind state, bool separateSidecars)
    {
        var set = Folder("components", state switch
        {
            StateKind.Memory => "memory",
            StateKind.Etcd => "etcd",
            _ => separateSidecars ? "dapr" : "local",
        });
        return [.. Directory.EnumerateFiles(set, "*.yaml").Select(f => separateSidecars && Path.GetFileName(f) == PubSub ? Path.Combine(Folder("components", "dapr"), PubSub) : f)];
    }

    /// <summary>Copies the files and gives the folder for <c>--resources-path</c>.</summary>
    public static string Prepare(IEnumerable<string> files, string runFolder, string? etcdEndpoint)
    {
        var target = Directory.CreateDirectory(Path.Combine(runFolder, "components")).FullName;
        foreach (var file in files)
        {
            var text = File.ReadAllText(file);
            if (etcdEndpoint is not null)
                text = text.Replace(DefaultEtcdEndpoint, etcdEndpoint, StringComparison.Ordinal);
            File.WriteAllText(Path.Combine(target, Path.GetFileName(file)), text);
        }
        return target;
    }

    /// <summary>The Dapr configuration file, with tracing to the run's Zipkin.</summary>
    public static string PrepareConfiguration(string runFolder, Uri? zipkin)
    {
        var text = File.ReadAllText(Path.Combine(Folder("components"), zipkin is null ? "config.yaml" : "config-zipkin.yaml"));
        if (zipkin is not null)
            text = text.Replace(DefaultZipkinEndpoint, zipkin.ToString(), StringComparison.Ordinal);
        var target = Path.Combine(runFolder, "config.yaml");
        File.WriteAllText(target, text);
        return target;
    }

    private static string Folder(params string[] parts)
    {
        var relative = Path.Combine(parts);
        return Programs.FolderWith(relative) is { } root
            ? Path.Combine(root, relative)
            : throw new CliException($"The folder '{relative}' was not found above {Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory)}.");
    }
}
