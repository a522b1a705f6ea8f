using System.Text;
using System.Text.Json.Nodes;
using Danube.Dapr.Planning.Mapping;

namespace Danube.Dapr.Planning.Tests;

/// <summary>Files as services answer them, and malformed ones. The samples are answers of a running control plane: GET /snapshot, GET /plans/{id}, POST /rebalance.</summary>
public sealed class FilesTests
{
    [Fact]
    public void Verify_AnswersOfRunningServices_TheirPlanHolds()
    {
        var (snapshot, _) = PlanningFiles.ReadSnapshot(Sample("snapshot.json"));
        var plan = PlanningFiles.ReadPlan(Sample("plan-run.json"));
        Assert.Empty(PlanVerifier.Verify(snapshot, plan, PlanVerifier.OptionsOf(snapshot, plan)));
        Assert.Equal(30, plan.Moves.Count);
    }

    [Fact]
    public void Plan_AnswerOfRanking_NeedsNoMoreMovesThanTheService()
    {
        var (wire, snapshot) = PlanningFiles.ReadSnapshot(Sample("snapshot.json"));
        var options = PlanningFiles.ReadOptions("""{"policy":"aggressive","onlyWhenTriggered":false,"maxMovesPerCycle":200,"maxMovesPerHour":5000,"minTopicAgeSeconds":0}"""u8.ToArray()).ToOptions(wire.Rules);
        var plan = PlanMapping.ToContract(Planner.Plan(snapshot, options), generation: wire.Generation);
        Assert.Empty(PlanVerifier.Verify(wire, plan, options));
        Assert.True(plan.ReachesTarget);
        Assert.True(plan.Moves.Count <= PlanningFiles.ReadPlan(Sample("plan-run.json")).Moves.Count);
    }

    [Fact]
    public void ReadPlan_AnswerToRebalance_IsThePlanInIt() => Assert.Equal(29, PlanningFiles.ReadPlan(Sample("rebalance.json")).Moves.Count);

    [Fact]
    public void ReadPlan_AnswerWithoutPlan_SaysSo() =>
        Assert.Equal("$.plan", Faults(() => PlanningFiles.ReadPlan("""{"started":false,"reason":"Balanced","detail":"x"}"""u8.ToArray())).Single().Path);

    [Theory]
    [InlineData("", "$")]
    [InlineData("{", "$")]
    [InlineData("[]", "$")]
    [InlineData("null", "$")]
    [InlineData("""{"time":"2026-01-01T00:00:00Z","brokers":[],"topics":[]}{}""", "$")]
    [InlineData("""{"time":1,"brokers":[],"topics":[]}""", "$.time")]
    [InlineData("""{"time":"2026-01-01T00:00:00Z","topics":[]}""", "$.brokers")]
    [InlineData("""{"time":"2026-01-01T00:00:00Z","brokers":{},"topics":[]}""", "$.brokers")]
    [InlineData("""{"time":"2026-01-01T00:00:00Z","brokers":[null],"topics":[]}""", "$.brokers[0]")]
    [InlineData("""{"time":"2026-01-01T00:00:00Z","brokers":[{"id":"1","id":"2"}],"topics":[]}""", "$.brokers[0].id")]
    [InlineData("""{"time":"2026-01-01T00:00:00Z","brokers":[],"topics":[{"name":"/a/b","producers":1.5}]}""", "$.topics[0].producers")]
    [InlineData("""{"time":"2026-01-01T00:00:00Z","brokers":[],"topics":[{"name":"/a/b","bytesInPerSecond":1e999}]}""", "$.topics[0].bytesInPerSecond")]
    [InlineData("""{"time":"2026-01-01T00:00:00Z","version":2,"brokers":[],"topics":[]}""", "$.version")]
    [InlineData("""{"time":"2026-01-01T00:00:00Z","brokers":[],"topics":[{"name":"/a/b","brokerId":"9"}]}""", "$.topics[0].brokerId")]
    [InlineData("""{"time":"2026-01-01T00:00:00Z","brokers":[],"topics":[{"name":"/a/b","bytesInPerSecond":-1}]}""", "$.topics[0].bytesInPerSecond")]
    [InlineData("""{"time":"2026-01-01T00:00:00Z","brokers":[{"id":"1","capacity":{"weight":0}}],"topics":[]}""", "$.brokers[0].capacity.weight")]
    [InlineData("""{"time":"2026-01-01T00:00:00Z","brokers":[{"id":"1"},{"id":"1"}],"topics":[]}""", "$.brokers[1].id")]
    [InlineData("""{"time":"2026-01-01T00:00:00Z","brokers":[],"topics":[{"name":"/a/b"},{"name":"/a/b"}]}""", "$.topics[1].name")]
    [InlineData("""{"time":"2026-01-01T00:00:00Z","brokers":[],"topics":[],"rules":{"pins":[{"topic":"/a/b"}]}}""", "$.rules.pins[0].brokerId")]
    public void ReadSnapshot_Malformed_NamesThePath(string json, string path) =>
        Assert.Contains(Faults(() => PlanningFiles.ReadSnapshot(Encoding.UTF8.GetBytes(json))), f => f.Path == path);

    [Fact]
    public void ReadSnapshot_SeveralFaults_NamesThemAll() => Assert.Equal(
        ["$.time", "$.brokers[0].id", "$.topics[1].name", "$.extra"],
        Faults(() => PlanningFiles.ReadSnapshot("""{"time":"x","brokers":[{"id":1}],"topics":[{"name":"/a/b"},{}],"extra":1}"""u8.ToArray())).Select(f => f.Path));

    [Fact]
    public void ReadSnapshot_WrongKindAndContradictions_NamesThemAll() => Assert.Equal(
        ["$.brokers[0].zone", "$.brokers[0].size", "$.rules.deniedTopics[0]", "$.topics[0].brokerId", "$.topics[1].bytesInPerSecond"],
        Faults(() => PlanningFiles.ReadSnapshot(
            """
            {"time":"2026-01-01T00:00:00Z","brokers":[{"id":"1","zone":7,"size":3}],"topics":[{"name":"/a/b","brokerId":"9"},{"name":"/a/c","bytesInPerSecond":-1}],
             "rules":{"deniedTopics":[""]}}
            """u8.ToArray())).Select(f => f.Path));

    [Fact]
    public void ReadSnapshot_AnyMemberOfAnotherKind_IsAFaultAndNeverACrash()
    {
        var text = File.ReadAllText(Path.Combine(TestFiles.Project, "Golden", "zone-spread", "snapshot.json"));
        var paths = new List<string>();
        Collect(JsonNode.Parse(text)!, paths);
        foreach (var path in paths)
        {
            foreach (var wrong in (string[])["[[]]", "{\"x\":1}", "true", "-1e300"])
            {
                var document = JsonNode.Parse(text)!;
                var parts = path.Split('\n');
                JsonNode parent = document;
                foreach (var part in parts[..^1]) parent = parent is JsonArray a ? a[int.Parse(part, System.Globalization.CultureInfo.InvariantCulture)]! : parent[part]!;
                if (parent is JsonArray array) array[int.Parse(parts[^1], System.Globalization.CultureInfo.InvariantCulture)] = JsonNode.Parse(wrong);
                else parent[parts[^1]] = JsonNode.Parse(wrong);
                try
                {
                    PlanningFiles.ReadSnapshot(Encoding.UTF8.GetBytes(document.ToJsonString()));
                }
                catch (SnapshotException e)
                {
                    Assert.NotEmpty(e.Faults);
                }
            }
        }

        static void Collect(JsonNode node, List<string> paths, string prefix = "")
        {
            if (node is JsonObject members) foreach (var (name, value) in members) Add(name, value);
            else if (node is JsonArray items) for (var i = 0; i < Math.Min(2, items.Count); i++) Add($"{i}", items[i]);

            void Add(string name, JsonNode? value)
            {
                var path = prefix.Length == 0 ? name : $"{prefix}\n{name}";
                paths.Add(path);
                if (value is not null) Collect(value, paths, path);
            }
        }
    }

    [Fact]
    public void Why_TopicAndBroker_AreAnsweredFromThePlanAlone()
    {
        var plan = PlanningFiles.ReadPlan(Sample("plan-run.json"));
        var move = plan.Moves.First(m => m.Alternatives.Count > 0);
        Assert.Contains(PlanExplanation.Why(plan, move.Topic), l => l.Contains($"to broker {move.To}", StringComparison.Ordinal));
        Assert.Contains(PlanExplanation.Why(plan, move.Topic), l => l.StartsWith($"Not to broker {move.Alternatives[0].BrokerId}", StringComparison.Ordinal));
        Assert.Contains(PlanExplanation.Why(plan, move.Alternatives[0].BrokerId), l => l.StartsWith("Broker ", StringComparison.Ordinal));
        Assert.Contains("Nothing in this plan names", PlanExplanation.Why(plan, "/no/topic").Single(), StringComparison.Ordinal);
        var left = plan.Refusals.First(r => r.Kind == Contracts.SubjectKind.Topic);
        Assert.Contains(PlanExplanation.Why(plan, left.Subject), l => l.StartsWith($"{left.Reason}: ", StringComparison.Ordinal));
    }

    private static byte[] Sample(string name) => File.ReadAllBytes(Path.Combine(TestFiles.Project, "Samples", name));

    private static IReadOnlyList<SnapshotFault> Faults(Action read) => Assert.Throws<SnapshotException>(read).Faults;
}
