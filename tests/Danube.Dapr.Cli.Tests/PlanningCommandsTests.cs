using System.Text.Json.Nodes;

namespace Danube.Dapr.Cli.Tests;

/// <summary>danube-lb plan and danube-lb verify on files, through the whole command line.</summary>
[CollectionDefinition(nameof(PlanningCommandsTests), DisableParallelization = true)]
[Collection(nameof(PlanningCommandsTests))]
public sealed class PlanningCommandsTests : IDisposable
{
    private const string Snapshot = """
        {"time":"2026-01-01T12:00:00Z","brokers":[{"id":"1","reportTime":"2026-01-01T12:00:00Z"},{"id":"2","reportTime":"2026-01-01T12:00:00Z"}],
         "topics":[{"name":"/default/a","brokerId":"1","reliable":true,"bytesInPerSecond":1000},{"name":"/default/b","brokerId":"1","reliable":true,"bytesInPerSecond":900},
                   {"name":"/default/c","brokerId":"1","reliable":true,"bytesInPerSecond":100}]}
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("danube-lb-test").FullName;

    public void Dispose() => Directory.Delete(_folder, true);

    [Fact]
    public async Task Plan_Json_IsAPlanThatVerifies()
    {
        var snapshot = File("snapshot.json", Snapshot);
        var (code, output, _) = await Run("plan", "--snapshot", snapshot, "--json");
        Assert.Equal(0, code);
        var plan = JsonNode.Parse(output)!;
        Assert.Single(plan["moves"]!.AsArray());

        var (verified, said, _) = await Run("verify", "--snapshot", snapshot, "--plan", File("plan.json", output));
        Assert.Equal(0, verified);
        Assert.Contains("holds: 1 move(s), bound 1", said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Plan_SameSeed_PrintsTheSameBytes()
    {
        var snapshot = File("snapshot.json", Snapshot);
        var first = await Run("plan", "--snapshot", snapshot, "--json", "--seed", "5");
        Assert.Equal(first, await Run("plan", "--snapshot", snapshot, "--json", "--seed", "5"));
    }

    [Fact]
    public async Task Plan_Table_NamesTheMoveAndTheBound()
    {
        var (code, output, _) = await Run("plan", "--snapshot", File("snapshot.json", Snapshot), "--policy", "aggressive");
        Assert.Equal(0, code);
        Assert.Contains("1 moves; any plan needs at least 1.", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Plan_OptionsFile_IsObeyed()
    {
        var options = File("options.json", """{"rules":{"deniedTopics":["/default/*"]},"onlyWhenTriggered":false}""");
        var (code, output, _) = await Run("plan", "--snapshot", File("snapshot.json", Snapshot), "--options", options, "--json");
        Assert.Equal(0, code);
        Assert.Empty(JsonNode.Parse(output)!["moves"]!.AsArray());
    }

    [Theory]
    [InlineData("/default/b", "/default/b moves from broker 1 to broker 2")]
    [InlineData("2", "Broker 2: topics 0 to 1.")]
    [InlineData("/nope", "Nothing in this plan names")]
    public async Task Plan_Why_AnswersAboutTheSubjectAlone(string subject, string expected)
    {
        var (code, output, _) = await Run("plan", "--snapshot", File("snapshot.json", Snapshot), "--why", subject);
        Assert.Equal(0, code);
        Assert.Contains(expected, output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Plan_MalformedSnapshot_PrintsEveryFaultWithItsPathAndEndsWithTwo()
    {
        var (code, output, errors) = await Run("plan", "--snapshot", File("bad.json", """{"time":"x","brokers":[{"id":1}],"topics":[{}]}"""));
        Assert.Equal((2, ""), (code, output));
        Assert.Contains("$.time: must be a time", errors, StringComparison.Ordinal);
        Assert.Contains("$.brokers[0].id: must be a string, is 1.", errors, StringComparison.Ordinal);
        Assert.Contains("$.topics[0].name: is missing.", errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"maxMoves":1}""", "$.maxMoves")]
    [InlineData("""{"policy":"wild"}""", "$.policy: must be one of conservative, balanced, aggressive, is \"wild\".")]
    [InlineData("""{"minBrokers":1}""", "$.minBrokers: must be 2 to 1,000, is 1.")]
    public async Task Plan_MalformedOptions_AreNamedAndEndWithTwo(string options, string expected)
    {
        var (code, _, errors) = await Run("plan", "--snapshot", File("snapshot.json", Snapshot), "--options", File("options.json", options));
        Assert.Equal(2, code);
        Assert.Contains(expected, errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Plan_NoSuchFile_EndsWithOne()
    {
        var (code, _, errors) = await Run("plan", "--snapshot", Path.Combine(_folder, "none.json"));
        Assert.Equal(1, code);
        Assert.Contains("cannot be read", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Plan_UnknownPolicy_EndsWithOne() => Assert.Equal(1, (await Run("plan", "--snapshot", "x", "--policy", "wild")).Code);

    [Fact]
    public async Task Verify_TamperedPlan_NamesThePathAndEndsWithTwo()
    {
        var snapshot = File("snapshot.json", Snapshot);
        var plan = JsonNode.Parse((await Run("plan", "--snapshot", snapshot, "--json")).Output)!;
        plan["lowerBoundMoves"] = 9;
        var (code, _, errors) = await Run("verify", "--snapshot", snapshot, "--plan", File("plan.json", plan.ToJsonString()));
        Assert.Equal(2, code);
        Assert.Contains("$.lowerBoundMoves: is 9, but 1 move(s) reach the target.", errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1, 0)]
    [InlineData(9, 2)]
    public async Task Verify_Json_IsTheVerdictWithItsFaults(int bound, int code)
    {
        var snapshot = File("snapshot.json", Snapshot);
        var plan = JsonNode.Parse((await Run("plan", "--snapshot", snapshot, "--json")).Output)!;
        plan["lowerBoundMoves"] = bound;
        var (ended, output, errors) = await Run("verify", "--snapshot", snapshot, "--plan", File("plan.json", plan.ToJsonString()), "--json");

        var verdict = JsonNode.Parse(output)!;
        Assert.Equal((code, "", code == 0), (ended, errors, (bool)verdict["holds"]!));
        Assert.Equal(code == 0 ? [] : ["$.lowerBoundMoves"], verdict["faults"]!.AsArray().Select(f => (string)f!["path"]!));
    }

    [Fact]
    public async Task Verify_WithOptions_ChecksTheLimitsToo()
    {
        var snapshot = File("snapshot.json", Snapshot);
        var plan = File("plan.json", (await Run("plan", "--snapshot", snapshot, "--json")).Output);
        var (code, _, errors) = await Run("verify", "--snapshot", snapshot, "--plan", plan, "--options", File("options.json", """{"rules":{"deniedTopics":["*"]}}"""));
        Assert.Equal(2, code);
        Assert.Contains("is on the deny list", errors, StringComparison.Ordinal);
    }

    private string File(string name, string text)
    {
        var path = Path.Combine(_folder, name);
        System.IO.File.WriteAllText(path, text);
        return path;
    }

    private static async Task<(int Code, string Output, string Errors)> Run(params string[] args)
    {
        var (output, errors) = (Console.Out, Console.Error);
        using var written = new StringWriter();
        using var failed = new StringWriter();
        try
        {
            Console.SetOut(written);
            Console.SetError(failed);
            Spectre.Console.AnsiConsole.Console = Spectre.Console.AnsiConsole.Create(new Spectre.Console.AnsiConsoleSettings { Out = new Spectre.Console.AnsiConsoleOutput(written) });
            return (await CommandLine.RunAsync(args), written.ToString(), failed.ToString());
        }
        finally
        {
            Console.SetOut(output);
            Console.SetError(errors);
        }
    }
}
