using System.Diagnostics;

namespace Danube.Dapr.Cli.Up;

/// <summary>Finds the programs of the suite: in the build output beside this one, or under <c>apps/</c> of a published one.</summary>
internal static class Programs
{
    public const string Simulator = "broker-simulator";
    public const string LocalSidecar = "local-sidecar";

    /// <summary>Project names in the build output, by program name.</summary>
    private static readonly Dictionary<string, string> Projects = new()
    {
        ["metrics-collector"] = "Danube.Dapr.MetricsCollector",
        ["ranking"] = "Danube.Dapr.Ranking",
        ["rebalancer"] = "Danube.Dapr.Rebalancer",
        ["history"] = "Danube.Dapr.History",
        ["console"] = "Danube.Dapr.WebConsole",
        [Simulator] = "Danube.Dapr.BrokerSimulator",
        [LocalSidecar] = "Danube.Dapr.LocalSidecar",
    };

    /// <summary>Path of the program's assembly.</summary>
    /// <exception cref="CliException">It was not built or published.</exception>
    public static string Find(string program)
    {
        var here = Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory);
        string[] candidates =
        [
            Path.Combine(here, "apps", program, program + ".dll"),
            Path.Combine(here, "..", "..", Projects[program], Path.GetFileName(here), program + ".dll"),
        ];
        return candidates.Select(Path.GetFullPath).FirstOrDefault(File.Exists)
            ?? throw new CliException($"The program '{program}' was not found beside danube-lb; build the solution first (dotnet build).");
    }

    /// <summary>The repository or installation folder: the nearest one above this program that has <paramref name="entry"/> in it.</summary>
    public static string? FolderWith(string entry)
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (Path.Exists(Path.Combine(folder.FullName, entry)))
                return folder.FullName;
        }
        return null;
    }

    /// <summary>How to start a program of the suite with the dotnet host that runs this one.</summary>
    public static ProcessStartInfo StartInfo(string program, IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath is { } path && Path.GetFileNameWithoutExtension(path) == "dotnet" ? path : "dotnet");
        start.ArgumentList.Add(Find(program));
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        // Seven programs start at once here: code that counts its own calls while it warms up costs a quarter of their processor time.
        start.Environment.TryAdd("DOTNET_TieredPGO", "0");
        return start;
    }

    /// <summary>A file that can be run, found on PATH or in <paramref name="extraFolders"/>; null when there is none.</summary>
    public static string? OnPath(string name, params string[] extraFolders)
    {
        if (OperatingSystem.IsWindows())
            name += ".exe";
        return extraFolders
            .Concat((Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries))
            .Select(folder => Path.Combine(folder, name))
            .FirstOrDefault(File.Exists);
    }
}
