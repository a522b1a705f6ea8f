using System.Net;
using System.Text.RegularExpressions;
using Danube.Dapr.Testing;
using Danube.Dapr.WebConsole.Feed;
using Microsoft.Extensions.DependencyInjection;

namespace Danube.Dapr.WebConsole.Tests;

public sealed partial class ConsolePageTests : IAsyncLifetime
{
    private ServiceUnderTest<Program> _console = null!;

    public async Task InitializeAsync()
    {
        _console = await ServiceUnderTest.StartAsync<Program>();
        Pictures.Show(_console.Sidecar);
    }

    public async Task DisposeAsync() => await _console.DisposeAsync();

    [Theory]
    [InlineData("10.0.0.1:6650")]
    [InlineData("unreachable")]
    [InlineData("1.62 MB/s")]
    [InlineData("max/mean")]
    [InlineData("One topic has no owner: /default/lost")]
    [InlineData("CoolDown")]
    [InlineData("All candidates &lt;moved&gt; too recently.")]
    [InlineData("Unloading")]
    [InlineData("42 ms")]
    [InlineData("The ports of broker 2 refuse.")]
    [InlineData("3 of 10")]
    [InlineData(">2026-01-02 03:04:05Z<")]
    public async Task Home_FirstDrawing_ShowsIt(string text) =>
        Assert.Contains(text, await GetAsync("/"), StringComparison.Ordinal);

    [Fact]
    public async Task Home_ServiceRefuses_SaysWhichAndWhyAndShowsTheRest()
    {
        _console.Sidecar.Answers["GET rebalancer/status"] = (503, """{"detail":"The store does not answer.","code":"fault"}""");

        var page = await GetAsync("/");

        Assert.Contains("rebalancer: The store does not answer.", page, StringComparison.Ordinal);
        Assert.Contains("10.0.0.1:6650", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Plan_Page_ExplainsMovesAndWhatWasLeftAlone()
    {
        var page = await GetAsync("/plans/plan-7");

        Assert.Contains("Broker 1 carries 1.62 times the mean.", page, StringComparison.Ordinal);
        Assert.Contains("BrokerNotActive", page, StringComparison.Ordinal);
        Assert.Contains("Unsplittable", page, StringComparison.Ordinal);
        Assert.Contains("Stop this plan", page, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("StrandedTopic")]
    [InlineData("No broker lists it.")]
    [InlineData("Repair all 2 topics…")]
    [InlineData("Repair…")]
    [InlineData("Move to 10.0.0.2:6650…")]
    [InlineData("Watch for stranded topics.")]
    public async Task Findings_Page_ShowsEachWithWhatCanBeDone(string text) => Assert.Contains(text, await GetAsync("/findings"), StringComparison.Ordinal);

    [Fact]
    public async Task Findings_None_SaysSo()
    {
        _console.Sidecar.Answers["GET rebalancer/findings"] = (200, "[]");

        var page = await GetAsync("/findings");

        Assert.Contains("Nothing is wrong that could be seen.", page, StringComparison.Ordinal);
        Assert.DoesNotContain("Repair", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Findings_RebalancerRefuses_SaysWhy()
    {
        _console.Sidecar.Answers["GET rebalancer/findings"] = (503, """{"detail":"Ranking does not answer.","code":"StaleReports"}""");

        Assert.Contains("rebalancer: Ranking does not answer.", await GetAsync("/findings"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Plan_WhoseEffectWasMeasured_ShowsItBesideThePrediction()
    {
        var page = await GetAsync("/plans/plan-7");

        Assert.Contains("1.13</b> (predicted 1.08)", page, StringComparison.Ordinal);
        Assert.Contains("3 came back, 2 did not", page, StringComparison.Ordinal);
        Assert.Contains("Without traffic since: /default/silent.", page, StringComparison.Ordinal);
        Assert.Contains("With a growing backlog since: /default/behind.", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Plan_RebalancerForgotIt_ComesFromHistory()
    {
        _console.Sidecar.Answers["GET rebalancer/plans/plan-7"] = (404, """{"detail":"There is no plan 'plan-7'."}""");
        _console.Sidecar.Answers["GET history/history/plans/plan-7"] = (200, System.Text.Json.JsonSerializer.Serialize(
            new Contracts.PlanRun(Pictures.Plan, Contracts.PlanRunState.Finished, null, 1, 0, 0, Pictures.Start), Contracts.ContractsJson.Wire));

        Assert.Contains("Finished", await GetAsync("/plans/plan-7"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Topics_Page_AsksForTheChosenOrderAndOwner()
    {
        var page = await GetAsync("/topics?sort=backlog&broker=1&offset=50");

        Assert.Contains("/default/orders", page, StringComparison.Ordinal);
        Assert.Contains(_console.Sidecar.Invocations, i => i.Call == "GET ranking/topics?sort=backlog&offset=50&limit=50&broker=1");
    }

    [Fact]
    public async Task Assets_EveryOneNamed_IsServedFromHere()
    {
        var page = await GetAsync("/");

        var assets = Asset().Matches(page).Select(m => m.Groups[1].Value).Where(a => a != "data:,").ToArray();
        Assert.True(assets.Length >= 4, "The page is meant to name its styles and scripts.");
        foreach (var asset in assets)
        {
            Assert.DoesNotContain("//", asset, StringComparison.Ordinal);
            using var answer = await _console.Http.GetAsync(asset);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }
    }

    [Fact]
    public async Task Feed_NobodyWatches_LooksAtNothing()
    {
        using var healthy = await _console.Http.GetAsync("healthz");

        Assert.Equal(HttpStatusCode.OK, healthy.StatusCode);
        Assert.Empty(_console.Sidecar.Invocations);
    }

    [Fact]
    public async Task Feed_SomebodyWatches_LooksAndKeepsTheLastValueOnFailure()
    {
        var feed = _console.Services.GetRequiredService<DashboardFeed>();
        var looked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using (feed.Watch(() => looked.TrySetResult()))
            await looked.Task.WaitAsync(TimeSpan.FromSeconds(30));
        _console.Sidecar.Answers.TryRemove("GET ranking/brokers", out _);

        var board = await feed.LookAsync(default);

        Assert.Equal(2, board.Brokers.Value!.Count);
        Assert.Equal("ranking: failed to invoke", board.Brokers.Error);
        Assert.Equal(["ranking: failed to invoke"], board.Errors);
    }

    private async Task<string> GetAsync(string path) => WebUtility.HtmlDecode(await _console.Http.GetStringAsync(path)).Replace("<moved>", "&lt;moved&gt;", StringComparison.Ordinal);

    [GeneratedRegex("""<(?:script|link)[^>]+(?:src|href)="([^"]+)""")]
    private static partial Regex Asset();
}
