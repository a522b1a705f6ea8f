using System.Xml.Linq;

namespace Danube.Dapr.Architecture.Tests;

/// <summary>The arrows between projects, as docs/architecture.md draws them.</summary>
public sealed class ReferenceTests
{
    private static readonly Dictionary<string, string[]> Allowed = new()
    {
        ["Contracts"] = [],
        ["Planning"] = [],
        ["Planning.Mapping"] = ["Contracts", "Planning"],
        ["BrokerClient"] = [],
        ["Workflow"] = [],
        ["Workflow.Testing"] = ["Workflow"],
        ["ServiceDefaults"] = [],
        ["MetricsCollector"] = ["BrokerClient", "Contracts", "ServiceDefaults"],
        ["Ranking"] = ["Contracts", "Planning", "Planning.Mapping", "ServiceDefaults"],
        ["Rebalancer"] = ["BrokerClient", "Contracts", "Planning", "Planning.Mapping", "ServiceDefaults", "Workflow"],
        ["History"] = ["Contracts", "ServiceDefaults"],
        ["WebConsole"] = ["Contracts", "ServiceDefaults"],
        ["Cli"] = ["Contracts", "Planning", "Planning.Mapping"],
        ["LocalSidecar"] = [],
        ["BrokerSimulator"] = [],
    };

    public static TheoryData<string> Projects()
    {
        var data = new TheoryData<string>();
        foreach (var folder in new[] { "src", "services", "tools" })
        {
            foreach (var file in Repository.Files(folder, "*.csproj"))
                data.Add(Repository.Relative(file));
        }
        return data;
    }

    [Theory]
    [MemberData(nameof(Projects))]
    public void Project_References_AreThoseOfTheDocument(string project)
    {
        var name = Short(project);
        Assert.True(Allowed.TryGetValue(name, out var allowed), $"{project} is not in the table of docs/architecture.md.");
        var references = XDocument.Load(Path.Combine(Repository.Root, project)).Descendants("ProjectReference")
            .Where(r => r.Attribute("ReferenceOutputAssembly")?.Value != "false")
            .Select(r => Short(r.Attribute("Include")!.Value.Replace('\\', '/')));
        Assert.Empty(references.Except(allowed));
    }

    [Fact]
    public void Solution_Projects_AreAllInIt()
    {
        var solution = Repository.Read("Danube.Dapr.sln").Replace('\\', '/');
        foreach (var folder in new[] { "src", "services", "tools", "tests", "benchmarks" }.Where(f => Directory.Exists(Path.Combine(Repository.Root, f))))
        {
            foreach (var file in Repository.Files(folder, "*.csproj"))
                Assert.Contains(Repository.Relative(file), solution, StringComparison.Ordinal);
        }
    }

    private static string Short(string project) => Path.GetFileNameWithoutExtension(project).Replace("Danube.Dapr.", "", StringComparison.Ordinal);
}
