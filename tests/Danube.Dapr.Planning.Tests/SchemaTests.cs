using System.Text.Json.Nodes;
using Danube.Dapr.Contracts;
using Danube.Dapr.Planning.Mapping;

namespace Danube.Dapr.Planning.Tests;

/// <summary>The schemas of <c>docs/schemas</c> are those of the code's types, and files that the tools read and write obey them. <c>UPDATE_GOLDEN=1</c> writes them anew.</summary>
public sealed class SchemaTests
{
    private static readonly (string File, Type Type, string Title)[] Schemas =
    [
        ("snapshot.schema.json", typeof(ClusterSnapshot), "Cluster snapshot: GET /snapshot of ranking, danube-lb plan --snapshot"),
        ("plan.schema.json", typeof(RebalancePlan), "Plan: danube-lb plan --json, the member plan of GET /plans/{id} and POST /rebalance, danube-lb verify --plan"),
        ("plan-run.schema.json", typeof(PlanRun), "A plan and what became of it: GET /plans/{id} of the rebalancer"),
        ("options.schema.json", typeof(PlanningOptionsFile), "Planner options: danube-lb plan --options"),
    ];

    public static TheoryData<string> Files() => [.. Schemas.Select(s => s.File)];

    [Theory]
    [MemberData(nameof(Files))]
    public void Schema_OfTheType_IsTheOneInTheDocuments(string file)
    {
        var (_, type, title) = Schemas.Single(s => s.File == file);
        var text = JsonSchemaOf.Type(type, title);
        if (Environment.GetEnvironmentVariable("UPDATE_GOLDEN") == "1") File.WriteAllText(PathOf(file), text);
        Assert.Equal(File.ReadAllText(PathOf(file)), text);
    }

    public static TheoryData<string, string> Documents()
    {
        var data = new TheoryData<string, string>();
        foreach (var folder in Directory.GetDirectories(Path.Combine(TestFiles.Project, "Golden")).Order(StringComparer.Ordinal))
        {
            var name = Path.GetFileName(folder);
            data.Add("snapshot.schema.json", Path.Combine("Golden", name, "snapshot.json"));
            data.Add("plan.schema.json", Path.Combine("Golden", name, "plan.json"));
            data.Add("options.schema.json", Path.Combine("Golden", name, "options.json"));
        }

        data.Add("snapshot.schema.json", Path.Combine("Samples", "snapshot.json"));
        data.Add("plan-run.schema.json", Path.Combine("Samples", "plan-run.json"));
        return data;
    }

    [Theory]
    [MemberData(nameof(Documents))]
    public void Document_ByItsSchema_IsValid(string schema, string document) =>
        Assert.Empty(JsonSchemaCheck.Faults(Json(PathOf(schema)), Json(Path.Combine(TestFiles.Project, document))));

    [Theory]
    [InlineData("snapshot.schema.json", """{"brokers":[],"topics":[]}""", "$: time is missing")]
    [InlineData("snapshot.schema.json", """{"time":"2026-01-01T00:00:00Z","brokers":[{"id":1}],"topics":[]}""", "$.brokers[0].id: is not string")]
    [InlineData("snapshot.schema.json", """{"time":"2026-01-01T00:00:00Z","brokers":[{"id":"1","state":"Busy"}],"topics":[]}""", "$.brokers[0].state: is not one of")]
    [InlineData("options.schema.json", """{"maxMoves":3}""", "$: maxMoves is not known")]
    public void Document_Wrong_IsFoundByTheSchema(string schema, string document, string fault) =>
        Assert.Contains(JsonSchemaCheck.Faults(Json(PathOf(schema)), JsonNode.Parse(document)), f => f.StartsWith(fault, StringComparison.Ordinal));

    private static string PathOf(string schema) => Path.Combine(TestFiles.Root, "docs", "schemas", schema);

    private static JsonNode Json(string path) => JsonNode.Parse(File.ReadAllText(path))!;
}
