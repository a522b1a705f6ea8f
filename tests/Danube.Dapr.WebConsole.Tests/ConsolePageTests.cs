using System.Net;
using System.Text.RegularExpressions;
using Danube.Dapr.Contracts;
using Danube.Dapr.Testing;
using Danube.Dapr.WebConsole.Components.Pages;
using Danube.Dapr.WebConsole.Feed;
using Microsoft.AspNetCore.Components;
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

    [Theory]
    [InlineData(PlanRunState.Finished)]
    [InlineData(PlanRunState.Running)]
    [InlineData(PlanRunState.Proposed)]
    public async Task Plan_RebalancerForgotIt_ComesFromHistory(PlanRunState state)
    {
        _console.Sidecar.Answers["GET rebalancer/plans/plan-7"] = (404, """{"detail":"There is no plan 'plan-7'.","code":"not-found"}""");
        Answer("history/history", new PlanRun(Pictures.Plan, state, null, 1, 0, 0, null) { ApprovalDeadline = Pictures.Start });

        var page = await GetAsync("/plans/plan-7");

        Assert.Contains($"<b>{state}</b>", page, StringComparison.Ordinal);
        Assert.Contains("The rebalancer keeps this plan no longer; this is what the history has of it.", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<button", page, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(503, """{"detail":"The store does not answer.","code":"StoreUnavailable"}""", "rebalancer: The store does not answer.")]
    [InlineData(404, """{"message":"no such method"}""", "rebalancer: no such method")]
    public async Task Plan_RebalancerFails_SaysSoAndAsksNoHistory(int status, string body, string expected)
    {
        _console.Sidecar.Answers["GET rebalancer/plans/plan-7"] = (status, body);
        Answer("history/history", new PlanRun(Pictures.Plan, PlanRunState.Finished, null, 1, 0, 0, Pictures.Start));

        var page = await GetAsync("/plans/plan-7");

        Assert.Contains(expected, page, StringComparison.Ordinal);
        Assert.DoesNotContain("Finished", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Plan_Open_IsFollowedUntilItEnds()
    {
        await using var screen = await ShowAsync<Plan>(("Id", "plan-7"));
        await screen.UntilAsync(page => page.Contains("<b>Running</b>", StringComparison.Ordinal) && page.Contains("Stop this plan", StringComparison.Ordinal));

        Answer("rebalancer", new PlanRun(Pictures.Plan, PlanRunState.Finished, null, 1, 0, 0, Pictures.Start));
        Feed.Refresh();

        var ended = await screen.UntilAsync(page => page.Contains("<b>Finished</b>", StringComparison.Ordinal));
        Assert.DoesNotContain("Stop this plan", ended, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Plan_RebalancerFailsWhileOpen_SaysSoBesideWhatWasSeen()
    {
        await using var screen = await ShowAsync<Plan>(("Id", "plan-7"));
        await screen.UntilAsync(page => page.Contains("<b>Running</b>", StringComparison.Ordinal));

        _console.Sidecar.Answers["GET rebalancer/plans/plan-7"] = (503, """{"detail":"The plans cannot be read."}""");
        Feed.Refresh();

        var page = await screen.UntilAsync(page => page.Contains("rebalancer: The plans cannot be read.", StringComparison.Ordinal));
        Assert.Contains("<b>Running</b>", page, StringComparison.Ordinal);
        Assert.Contains("Seen at ", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Findings_Open_AreFollowed()
    {
        await using var screen = await ShowAsync<Findings>();
        await screen.UntilAsync(page => page.Contains("StrandedTopic", StringComparison.Ordinal));

        _console.Sidecar.Answers["GET rebalancer/findings"] = (200, "[]");
        Feed.Refresh();

        await screen.UntilAsync(page => page.Contains("Nothing is wrong that could be seen.", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/plans/plan-7")]
    [InlineData("/findings")]
    [InlineData("/topics")]
    public async Task Page_Any_SaysWhenItWasSeenAndThatTimesAreUtc(string path)
    {
        var page = await GetAsync(path);

        Assert.Matches(@"Seen at \d\d:\d\d:\d\dZ\.", page);
        Assert.DoesNotMatch(@"\d\d:\d\d:\d\d[^Z]", page);
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
        var looked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using (Feed.Watch(() => looked.TrySetResult()))
            await looked.Task.WaitAsync(TimeSpan.FromSeconds(30));
        _console.Sidecar.Answers.TryRemove("GET ranking/brokers", out _);

        var board = await Feed.LookAsync(default);

        Assert.Equal(2, board.Brokers.Value!.Count);
        Assert.Equal("ranking: failed to invoke", board.Brokers.Error);
        Assert.Equal(["ranking: failed to invoke"], board.Errors);
    }

    private DashboardFeed Feed => _console.Services.GetRequiredService<DashboardFeed>();

    private Task<Screen> ShowAsync<TPage>(params (string Name, object Value)[] parameters) where TPage : IComponent =>
        Screen.ShowAsync<TPage>(_console.Services.GetRequiredService<Services>(), Feed, TimeProvider.System, parameters);

    private void Answer(string from, PlanRun run) => Pictures.Answer(_console.Sidecar, $"GET {from}/plans/plan-7", run);

    private async Task<string> GetAsync(string path) => WebUtility.HtmlDecode(await _console.Http.GetStringAsync(path)).Replace("<moved>", "&lt;moved&gt;", StringComparison.Ordinal);

    [GeneratedRegex("""<(?:script|link)[^>]+(?:src|href)="([^"]+)""")]
    private static partial Regex Asset();
}
