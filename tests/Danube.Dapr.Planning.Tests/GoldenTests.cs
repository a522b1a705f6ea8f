using System.Text.Json;
using Danube.Dapr.Contracts;
using Danube.Dapr.Planning.Mapping;

namespace Danube.Dapr.Planning.Tests;

/// <summary>
/// Whole plans as files: <c>Golden/CASE/snapshot.json</c> and <c>options.json</c> give <c>plan.json</c>, byte for byte. After a wanted change, run once with
/// <c>UPDATE_GOLDEN=1</c> and read the difference.
/// </summary>
public sealed class GoldenTests
{
    private static readonly JsonSerializerOptions Indented = new(ContractsJson.Wire) { WriteIndented = true, NewLine = "\n" };

    public static TheoryData<string> Cases() => [.. Directory.GetDirectories(Folder).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal)];

    private static string Folder { get; } = Path.Combine(TestFiles.Project, "Golden");

    [Theory]
    [MemberData(nameof(Cases))]
    public void Plan_GoldenCase_IsThatPlan(string name)
    {
        var (wire, snapshot) = PlanningFiles.ReadSnapshot(Read("snapshot.json"));
        var options = PlanningFiles.ReadOptions(Read("options.json")).ToOptions(wire.Rules);

        var plan = PlanMapping.ToContract(Planner.Plan(snapshot, options), generation: wire.Generation);

        var faults = PlanVerifier.Verify(wire, plan, options);
        Assert.True(faults.Count == 0, string.Join('\n', faults));
        var json = JsonSerializer.Serialize(plan, Indented) + "\n";
        var file = Path.Combine(Folder, name, "plan.json");
        if (Environment.GetEnvironmentVariable("UPDATE_GOLDEN") == "1") File.WriteAllText(file, json);
        Assert.Equal(File.ReadAllText(file), json);

        byte[] Read(string part) => File.ReadAllBytes(Path.Combine(Folder, name, part));
    }

    [Fact]
    public void ReadPlan_GoldenPlan_IsReadAsItWasWritten()
    {
        foreach (var folder in Directory.GetDirectories(Folder))
        {
            var text = File.ReadAllText(Path.Combine(folder, "plan.json"));
            Assert.Equal(text, JsonSerializer.Serialize(PlanningFiles.ReadPlan(File.ReadAllBytes(Path.Combine(folder, "plan.json"))), Indented) + "\n");
        }
    }
}
