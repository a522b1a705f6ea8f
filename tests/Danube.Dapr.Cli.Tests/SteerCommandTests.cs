using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Danube.Dapr.Cli.Commands;
using Danube.Dapr.Contracts;
using Spectre.Console;

namespace Danube.Dapr.Cli.Tests;

/// <summary>Commands that steer: which call each makes, what it prints, and how it ends.</summary>
public sealed class SteerCommandTests : IDisposable
{
    private readonly HttpListener _listener = new();
    private readonly string _address;

    public SteerCommandTests()
    {
        _address = $"http://127.0.0.1:{FreePort()}";
        _listener.Prefixes.Add(_address + "/");
        _listener.Start();
    }

    public void Dispose() => _listener.Close();

    [Theory]
    [InlineData("POST /moves", """{"topic":"/default/a","to":"7","dryRun":true,"force":false}""", "moves", "start", "/default/a", "--to", "7", "--dry-run")]
    [InlineData("POST /moves", """{"topic":"/default/a","to":"7","dryRun":false,"force":true,"reason":"why"}""", "moves", "start", "/default/a", "--to", "7", "--force", "--reason", "why")]
    [InlineData("DELETE /moves/p-1%3A/default/a", "", "moves", "cancel", "p-1:/default/a")]
    [InlineData("POST /brokers/7/drain", """{"dryRun":false,"reason":"why"}""", "brokers", "drain", "7", "--reason", "why")]
    [InlineData("POST /brokers/7/activate", "", "brokers", "activate", "7")]
    [InlineData("POST /topics/default/a/repair", """{"dryRun":false,"force":false}""", "topics", "repair", "/default/a")]
    [InlineData("POST /topics/repair", """{"dryRun":true,"force":false}""", "topics", "repair", "--all", "--dry-run")]
    [InlineData("POST /topics/repair", """{"dryRun":false,"reason":"r","force":true}""", "topics", "repair", "--all", "--force", "--reason", "r")]
    [InlineData("POST /topics/default/a/pin", """{"brokerId":"7"}""", "topics", "pin", "/default/a", "--to", "7")]
    [InlineData("POST /topics/default/a/pin", "{}", "topics", "unpin", "/default/a")]
    [InlineData("POST /plans/p-1/approve", """{"approver":"ada","hash":"abc"}""", "plans", "approve", "p-1", "--by", "ada", "--hash", "abc")]
    [InlineData("POST /plans/p-1/cancel", "", "plans", "cancel", "p-1")]
    public async Task Command_Given_MakesItsCall(string call, string body, params string[] arguments)
    {
        var (exit, request, sent, _) = await RunAsync(200, new CommandResponse(true, "Done.", "p-1"), arguments);

        Assert.Equal(ExitCodes.Ok, exit);
        Assert.Equal("/v1.0/invoke/rebalancer/method", request[(request.IndexOf(' ', StringComparison.Ordinal) + 1)..][..30]);
        Assert.Equal(call, request.Replace("/v1.0/invoke/rebalancer/method", "", StringComparison.Ordinal));
        Assert.Equal(body, sent);
    }

    [Theory]
    [InlineData("POST /kill-switch", """{"on":true,"reason":"why"}""", "kill-switch", "on", "--reason", "why")]
    [InlineData("POST /kill-switch", """{"on":false}""", "kill-switch", "off")]
    [InlineData("POST /circuit/close", """{"on":true,"reason":"mended"}""", "circuit", "close", "--reason", "mended")]
    public async Task Switch_Given_MakesItsCall(string call, string body, params string[] arguments)
    {
        var (exit, request, sent, _) = await RunAsync(200, new RebalancerStatus { Mode = "auto", Policy = "balanced" }, arguments);

        Assert.Equal((ExitCodes.Ok, call, body), (exit, request.Replace("/v1.0/invoke/rebalancer/method", "", StringComparison.Ordinal), sent));
    }

    [Fact]
    public async Task Command_WithAKey_SendsIt()
    {
        var (_, _, _, key) = await RunAsync(202, new CommandResponse(true, "Taken.", "p-1"), "brokers", "drain", "7", "--key", "k-1", "--json");

        Assert.Equal("k-1", key);
    }

    [Fact]
    public async Task Command_Refused_EndsWithNo()
    {
        var (exit, _, _, _) = await RunAsync(409, new { detail = "Pinned to broker 3.", code = "Pinned" }, "moves", "start", "/default/a", "--to", "7");

        Assert.Equal(ExitCodes.No, exit);
    }

    [Theory]
    [InlineData("moves", "start", "/default/a")]
    [InlineData("moves", "start", "/default/a", "--to", "7", "--force")]
    [InlineData("topics", "repair")]
    [InlineData("topics", "repair", "/default/a", "--all")]
    [InlineData("topics", "repair", "--all", "--force")]
    [InlineData("topics", "pin", "/default/a")]
    [InlineData("kill-switch", "maybe")]
    public async Task Command_WrongArguments_CallsNobodyAndFails(params string[] arguments) =>
        Assert.Equal(ExitCodes.Failed, await CommandLine.RunAsync([.. arguments, "--via", "http://127.0.0.1:1"]));

    [Fact]
    public void Refusal_FromAService_ShowsItsReasonCode()
    {
        var (code, detail) = Services.ServiceClient.ReadProblem("""{"detail":"Pinned to broker 3.","code":"Pinned","status":409}""");

        Assert.Equal(("Pinned", "Pinned to broker 3."), (code, detail));
    }

    [Fact]
    public void Findings_OfEachKind_ShowEvidenceAdviceAndTheCommandThatHelps()
    {
        var text = Render(console => Tables.Findings(
        [
            new Finding { Kind = FindingKind.StrandedTopic, Severity = FindingSeverity.Critical, About = SubjectKind.Topic, Subject = "/default/a", Evidence = "No broker [lists] it.", Advice = "Repair it.", CanRepair = true },
            new Finding { Kind = FindingKind.ConsumerStalled, Severity = FindingSeverity.Warning, About = SubjectKind.Topic, Subject = "/default/b", Evidence = "Nothing comes out.", Advice = "Move it.", MoveTo = "7" },
        ], console));

        foreach (var expected in new[] { "CRITICAL StrandedTopic Topic /default/a", "No broker [lists] it.", "danube-lb topics repair /default/a", "danube-lb moves start /default/b --to 7" })
            Assert.Contains(expected, text, StringComparison.Ordinal);
    }

    [Fact]
    public void Findings_ManyAlike_AreOneEntryWithOneCommand()
    {
        var text = Render(console => Tables.Findings(
        [
            .. Enumerable.Range(0, 75).Select(i => new Finding
            {
                Kind = FindingKind.StrandedTopic, Severity = FindingSeverity.Critical, About = SubjectKind.Topic, Subject = $"/default/t-{i:00}",
                Evidence = "No broker lists it.", Advice = "Repair it.", CanRepair = true,
            }),
        ], console));

        Assert.Contains("CRITICAL StrandedTopic Topic: 75 of them", text, StringComparison.Ordinal);
        Assert.Contains("and 65 more", text, StringComparison.Ordinal);
        Assert.Single(text.Split('\n'), line => line.Contains("danube-lb topics repair", StringComparison.Ordinal));
        Assert.Contains("danube-lb topics repair --all", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Brokers_LongIds_StayWholeOnOneLine()
    {
        var broker = new BrokerView { Id = "13005746502465173236", State = BrokerState.Active, Address = "http://broker-with-a-long-name.danube.svc.cluster.local:50051" };
        Assert.Contains(Render(console => Tables.Brokers([broker], console)).Split('\n'),
            line => line.Contains(broker.Id, StringComparison.Ordinal) && line.Contains(broker.Address, StringComparison.Ordinal));
    }

    [Fact]
    public void LoadReports_None_SaysWhereTheFiguresOfAgentsAre() =>
        Assert.Contains("danube-lb brokers list", Render(console => Tables.LoadReports([], console)), StringComparison.Ordinal);

    [Fact]
    public void Topics_OldestUnacked_IsShownAsAnAgeOrTheLeastThatItCanBe()
    {
        TopicSnapshot[] topics =
        [
            new() { Name = "/default/a", OldestUnackedSeconds = 12.34 }, new() { Name = "/default/b", OldestUnackedSeconds = 3600, OldestUnackedIsAtLeast = true }, new() { Name = "/default/c" },
        ];

        var lines = Render(console => Tables.Topics(new Page<TopicSnapshot>(3, 0, topics), console)).Split('\n');

        Assert.Matches("/default/a .* 12.3 s", Assert.Single(lines, l => l.Contains("/default/a", StringComparison.Ordinal)));
        Assert.Contains("over 3,600 s", Assert.Single(lines, l => l.Contains("/default/b", StringComparison.Ordinal)), StringComparison.Ordinal);
        Assert.DoesNotContain(" s ", Assert.Single(lines, l => l.Contains("/default/c", StringComparison.Ordinal)), StringComparison.Ordinal);
    }

    [Fact]
    public void Findings_None_SaysSo() => Assert.Contains("Nothing is wrong", Render(console => Tables.Findings([], console)), StringComparison.Ordinal);

    [Fact]
    public void Drain_WithARemainder_ListsWhatIsLeft()
    {
        var text = Render(console => Tables.Drain(new DrainStatus
        {
            BrokerId = "7", State = DrainState.Remainder, Broker = BrokerState.Drained, TopicsLeft = 1, Since = DateTimeOffset.UnixEpoch, Reason = "new disk",
            Refusals = [new Refusal(SubjectKind.Topic, "/default/n", ReasonCode.NonReliable, "It would be orphaned.")],
        }, console));

        foreach (var expected in new[] { "Broker 7 is Drained", "needs a decision", "1 topics", "new disk", "/default/n", "NonReliable" })
            Assert.Contains(expected, text, StringComparison.Ordinal);
    }

    [Fact]
    public void Status_OfATroubledRebalancer_NamesWhatHoldsItBack()
    {
        var text = Render(console => Tables.Status(
            new RebalancerStatus { Mode = "advise", Policy = "balanced", KillSwitch = true, PendingPlanId = "p-9", StuckBrokers = ["3"], DrainedBrokers = ["7"] }, console));

        foreach (var expected in new[] { "kill switch is on", "p-9 waits for approval", "stuck there, until 'danube-lb circuit close': 3", "Drained by an operator: 7" })
            Assert.Contains(expected, text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(4, true)]
    public void Status_WithMoreThanOneInFlight_WarnsAndNamesTheRisk(int inFlight, bool warns)
    {
        var text = Render(console => Tables.Status(new RebalancerStatus { Mode = "auto", Policy = "balanced", UnloadsInFlight = inFlight }, console));

        Assert.Equal(warns, text.Contains($"Warning: up to {inFlight} unloads are in flight", StringComparison.Ordinal));
        Assert.Equal(warns, text.Contains("left without owner", StringComparison.Ordinal));
    }

    [Fact]
    public void Story_OfAPlanThatStopped_NamesWhatIsLeftToDo_AndTheMeasuredEffect()
    {
        var balance = new BalanceReport { Time = DateTimeOffset.UnixEpoch, Brokers = 2, CoefficientOfVariation = 0.5, MaxOverMean = 1.5, MinOverMean = 0.5 };
        var plan = new RebalancePlan { Id = "r-1", Hash = "abc", CreatedAt = DateTimeOffset.UnixEpoch, Before = balance, PredictedAfter = balance };
        var failed = new MoveRecord
        {
            MoveId = "r-1:/default/a", PlanId = "r-1", Topic = "/default/a", From = "", To = "", State = MoveState.Failed, Time = DateTimeOffset.UnixEpoch,
            Reason = ReasonCode.Refused, Detail = "Left to do: delete the helper.",
        };
        var run = new PlanRun(plan, PlanRunState.Stopped, ReasonCode.Refused, 1, 1, 0, DateTimeOffset.UnixEpoch)
        {
            ApprovedBy = "ada",
            Effect = new PlanEffect
            {
                PlanId = "r-1", Time = DateTimeOffset.UnixEpoch, PredictedCoefficientOfVariation = 0.1, MeasuredCoefficientOfVariation = 0.123, PredictedMaxOverMean = 1.1, MeasuredMaxOverMean = 1.2,
                CameBack = 1, NotBack = 2, Unknown = 3, Pending = 4,
                Moves =
                [
                    new MoveEffect("/default/silent", "2", 10, 0, 7, false, 3) { Verdict = MoveVerdict.Silent },
                    new MoveEffect("/default/behind", "2", 10, 8, 7_000, true, 3) { Verdict = MoveVerdict.BacklogGrows },
                    new MoveEffect("/default/fine", "2", 10, 9, 1, true, 3) { Verdict = MoveVerdict.CameBack },
                ],
            },
        };

        var text = Render(console => Tables.Story(new PlanStory(run, [failed]), console));

        foreach (var expected in new[] { "Stopped (Refused)", "Asked for by: ada", "/default/a", "Left to do: delete the helper.", "0.123", "/default/silent", "/default/behind", "1 came back, 2 did not, 3 not known, 4 still looked at" })
            Assert.Contains(expected, text, StringComparison.Ordinal);
        Assert.DoesNotContain("/default/fine", text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Story_OfAPlanFromTheHistory_SaysSoAndExpectsNoEffect(bool fromHistory)
    {
        var balance = new BalanceReport { Time = DateTimeOffset.UnixEpoch, Brokers = 2, CoefficientOfVariation = 0.5, MaxOverMean = 1.5, MinOverMean = 0.5 };
        var plan = new RebalancePlan { Id = "p-1", Hash = "abc", CreatedAt = DateTimeOffset.UnixEpoch, Before = balance, PredictedAfter = balance };
        var run = new PlanRun(plan, PlanRunState.Finished, null, 1, 0, 0, DateTimeOffset.UnixEpoch);

        var text = Render(console => Tables.Story(new PlanStory(run, [], fromHistory), console));

        Assert.Equal(fromHistory, text.Contains("The rebalancer keeps this plan no longer", StringComparison.Ordinal));
        Assert.Equal(!fromHistory, text.Contains("Its effect is not measured yet", StringComparison.Ordinal));
    }

    [Fact]
    public void Move_ThatIsJudged_ShowsWhatWasExpectedAndMeasured_AlsoInTheHistory()
    {
        var move = new MoveRecord
        {
            MoveId = "p:/default/a", PlanId = "p", Topic = "/default/a", From = "1", To = "2", State = MoveState.Done, Time = DateTimeOffset.UnixEpoch,
            Effect = new MoveEffect("/default/a", "2", 10, 9.5, 7, true, 3) { Verdict = MoveVerdict.CameBack },
        };
        var entry = new HistoryEntry { Position = 1, Time = DateTimeOffset.UnixEpoch, Kind = "move", Move = move };

        const string Said = "CameBack: 9.5 msg/s (expected 10), backlog 7 (before 3).";
        Assert.Contains(Said, Render(console => Tables.Move(move, console)), StringComparison.Ordinal);
        Assert.Contains(Said, Render(console => Tables.History(new Page<HistoryEntry>(1, 0, [entry]), console)), StringComparison.Ordinal);
    }

    private async Task<(int Exit, string Request, string Body, string? Key)> RunAsync(int status, object answer, params string[] arguments)
    {
        var serving = ServeAsync(status, answer);
        var exit = await CommandLine.RunAsync([.. arguments, "--via", _address]);
        var (request, body, key) = await serving.WaitAsync(TimeSpan.FromSeconds(30));
        return (exit, request, body, key);
    }

    private async Task<(string Request, string Body, string? Key)> ServeAsync(int status, object answer)
    {
        var context = await _listener.GetContextAsync();
        using var reader = new StreamReader(context.Request.InputStream);
        var body = await reader.ReadToEndAsync();
        context.Response.StatusCode = status;
        await context.Response.OutputStream.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(answer, answer.GetType(), ContractsJson.Wire));
        context.Response.Close();
        return ($"{context.Request.HttpMethod} {context.Request.RawUrl}", body, context.Request.Headers["Idempotency-Key"]);
    }

    private static string Render(Action<IAnsiConsole> print)
    {
        using var output = new StringWriter();
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.No, ColorSystem = ColorSystemSupport.NoColors, Out = new AnsiConsoleOutput(output) });
        console.Profile.Width = 200;
        print(console);
        return output.ToString();
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
