using System.Net;
using System.Text.Json;
using Danube.Dapr.Cli.Commands;
using Danube.Dapr.Cli.Services;
using Danube.Dapr.Contracts;

namespace Danube.Dapr.Cli.Tests;

public sealed class ServiceClientTests
{
    [Theory]
    [InlineData("""{"title":"x","detail":"MaxMoves is 0.","code":"invalid"}""", "invalid", "MaxMoves is 0.")]
    [InlineData("""{"errors":{"maxMoves":["0 is not 1 to 10,000."],"policy":["'x' is not known."]},"code":"invalid"}""", "invalid", "maxMoves: 0 is not 1 to 10,000. policy: 'x' is not known.")]
    [InlineData("""{"detail":"limit is 'abc', allowed: 1 to 1,000.","errors":{"limit":["limit is 'abc', allowed: 1 to 1,000."]},"code":"invalid"}""", "invalid", "limit is 'abc', allowed: 1 to 1,000.")]
    [InlineData("""{"errorCode":"ERR_DIRECT_INVOKE","message":"no host"}""", "ERR_DIRECT_INVOKE", "no host")]
    [InlineData("plain", null, "plain")]
    [InlineData("", null, "no detail")]
    public void ReadProblem_AnyBody_GivesCodeAndDetail(string body, string? code, string detail) =>
        Assert.Equal((code, detail), ServiceClient.ReadProblem(body));

    [Fact]
    public void Address_ThroughSidecar_IsAnInvocation() =>
        Assert.Equal("http://127.0.0.1:3500/v1.0/invoke/ranking/method/topics?limit=1", new ServiceAddresses("", 0, new Uri("http://127.0.0.1:3500")).Of("ranking", "/topics?limit=1").ToString());

    [Fact]
    public void Address_Direct_IsTheServicesPort() =>
        Assert.Equal("http://host:5103/status", new ServiceAddresses("host", 5100, null).Of("rebalancer", "/status").ToString());

    [Fact]
    public void Query_EmptyValues_AreLeftOut() => Assert.Equal("?b=x%20y&c=3", ReadCommands.Query(("a", null), ("b", "x y"), ("c", "3"), ("d", "")));

    [Fact]
    public void TopicPath_Name_KeepsItsSlashes() => Assert.Equal("/topics/default/a%20b", ReadCommands.TopicPath("/default/a b"));

    [Fact]
    public async Task Store_Down_IsOneLineThatSaysWhatAndWhatToDo()
    {
        using var http = new HttpClient(new Answering((path, _) => Task.FromResult(Problem(503, "StoreUnavailable", "The state store does not answer: refused."))));

        var refusal = await Assert.ThrowsAsync<CliException>(() => new ServiceClient(http, Addresses).GetAsync<RebalancerStatus>("rebalancer", "/status", default));

        Assert.Equal(ExitCodes.Failed, refusal.ExitCode);
        Assert.StartsWith("rebalancer is there, but its state store is not (StoreUnavailable). The state store does not answer: refused. Look at the store", refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refusal.Message);
    }

    [Theory]
    [InlineData("GET", false)]
    [InlineData("POST", true)]
    public async Task Store_ThatHangs_IsFoundOutBeforeTheTimeLimit(string method, bool mayBeDone)
    {
        using var http = new HttpClient(new Answering(async (path, cancel) =>
        {
            if (path == "/healthz/store")
                return Problem(503, "StoreUnavailable", "A read got nothing within 2 s.");
            await Task.Delay(Timeout.Infinite, cancel);
            throw new OperationCanceledException(cancel);
        }));

        var refusal = await Assert.ThrowsAsync<CliException>(() =>
            new ServiceClient(http, Addresses, TimeSpan.FromMilliseconds(50)).SendAsync<RebalancerStatus>(new HttpMethod(method), "rebalancer", "/pause", null, default));

        Assert.Contains("A read got nothing within 2 s.", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(mayBeDone, refusal.Message.Contains("may be done all the same", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(200)]
    [InlineData(404)]
    public async Task Answer_ThatIsSlowThoughItsStoreIsThere_IsWaitedFor(int health)
    {
        var asked = new TaskCompletionSource();
        using var http = new HttpClient(new Answering(async (path, cancel) =>
        {
            if (path == "/healthz/store")
            {
                asked.TrySetResult();
                return new HttpResponseMessage((HttpStatusCode)health);
            }

            await asked.Task.WaitAsync(cancel);
            return new HttpResponseMessage(HttpStatusCode.OK) { Content = new StringContent("""{"mode":"auto","policy":"balanced"}""") };
        }));

        var answer = await new ServiceClient(http, Addresses, TimeSpan.FromMilliseconds(50)).GetAsync<RebalancerStatus>("rebalancer", "/status", default);

        Assert.Equal("auto", answer.Value!.Mode);
    }

    [Theory]
    [InlineData(409, "Pinned", ExitCodes.No)]
    [InlineData(503, "StaleReports", ExitCodes.No)]
    [InlineData(503, "InvalidSnapshot", ExitCodes.No)]
    [InlineData(503, "LeaderChanged", ExitCodes.No)]
    [InlineData(503, "StoreUnavailable", ExitCodes.Failed)]
    [InlineData(404, "not-found", ExitCodes.Failed)]
    [InlineData(400, "invalid", ExitCodes.Failed)]
    [InlineData(500, "fault", ExitCodes.Failed)]
    [InlineData(500, "ERR_DIRECT_INVOKE", ExitCodes.Failed)]
    public async Task Refusal_OfAnyStatus_EndsWithNoForAReasonAlone(int status, string code, int exitCode)
    {
        using var http = new HttpClient(new Answering((_, _) => Task.FromResult(Problem(status, code, "Why."))));

        var refusal = await Assert.ThrowsAsync<CliException>(() => new ServiceClient(http, Addresses).GetAsync<RebalancerStatus>("rebalancer", "/status", default));

        Assert.Equal(exitCode, refusal.ExitCode);
    }

    [Fact]
    public async Task Plan_ThatTheRebalancerKeepsNoLonger_IsShownFromTheHistory()
    {
        var balance = new BalanceReport { Time = DateTimeOffset.UnixEpoch, Brokers = 2, CoefficientOfVariation = 0.5, MaxOverMean = 1.5, MinOverMean = 0.5 };
        var run = new PlanRun(
            new RebalancePlan { Id = "p-1", Hash = "abc", CreatedAt = DateTimeOffset.UnixEpoch, Before = balance, PredictedAfter = balance }, PlanRunState.Finished, null, 1, 1, 0, DateTimeOffset.UnixEpoch);
        HistoryEntry[] entries = [Entry(4, "/default/b", MoveState.Failed), Entry(3, "/default/a", MoveState.Done), Entry(2, "/default/b", MoveState.Unloading), Entry(1, "/default/a", MoveState.Unloading)];
        using var http = new HttpClient(new Answering((path, _) => Task.FromResult(path switch
        {
            "/history/plans/p-1" => Json(run),
            "/history" => Json(new Page<HistoryEntry>(entries.Length, 0, entries)),
            _ => Problem(404, "not-found", "There is no plan 'p-1'."),
        })));

        var story = await ReadCommands.PlanStoryAsync(new ServiceClient(http, Addresses), "p-1", default);

        Assert.True(story.Value!.FromHistory);
        Assert.Equal("p-1", story.Value.Run.Plan.Id);
        Assert.Equal(["/default/b"], story.Value.NotDone.Select(m => m.Topic));
    }

    [Fact]
    public async Task Plan_ThatNobodyKnows_IsNotFound()
    {
        using var http = new HttpClient(new Answering((_, _) => Task.FromResult(Problem(404, "not-found", "There is no plan 'p-1'."))));

        var refusal = await Assert.ThrowsAsync<CliException>(() => ReadCommands.PlanStoryAsync(new ServiceClient(http, Addresses), "p-1", default));

        Assert.Equal((ExitCodes.Failed, "not-found"), (refusal.ExitCode, refusal.Code));
    }

    [Fact]
    public async Task Plan_WhileTheRebalancerIsDown_IsNotTakenFromTheHistory()
    {
        using var http = new HttpClient(new Answering((path, _) => path.StartsWith("/history", StringComparison.Ordinal)
            ? throw new InvalidOperationException("The history was asked.")
            : throw new HttpRequestException("refused.")));

        var failure = await Assert.ThrowsAsync<CliException>(() => ReadCommands.PlanStoryAsync(new ServiceClient(http, Addresses), "p-1", default));

        Assert.StartsWith("rebalancer does not answer", failure.Message, StringComparison.Ordinal);
    }

    private static HistoryEntry Entry(long position, string topic, MoveState state) => new()
    {
        Position = position, Time = DateTimeOffset.UnixEpoch, Kind = "move",
        Move = new MoveRecord { MoveId = $"p-1:{topic}", PlanId = "p-1", Topic = topic, From = "1", To = "2", State = state, Time = DateTimeOffset.UnixEpoch },
    };

    private static HttpResponseMessage Json<T>(T answer) => new(HttpStatusCode.OK) { Content = new StringContent(JsonSerializer.Serialize(answer, ContractsJson.Wire)) };

    private static ServiceAddresses Addresses => new("127.0.0.1", 5100, null);

    private static HttpResponseMessage Problem(int status, string code, string detail) =>
        new((HttpStatusCode)status) { Content = new StringContent($$"""{"title":"x","detail":"{{detail}}","code":"{{code}}"}""") };

    private sealed class Answering(Func<string, CancellationToken, Task<HttpResponseMessage>> answer) : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) => answer(request.RequestUri!.AbsolutePath, cancellationToken);
    }
}
