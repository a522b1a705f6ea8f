using Danube.Dapr.Contracts;
using Danube.Dapr.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using static Danube.Dapr.Ranking.Tests.Reports;

namespace Danube.Dapr.Ranking.Tests;

[Collection(RankingServiceTests.InTurn)]
public sealed class ReportRefresherTests
{
    private const string Refresh = "POST metrics-collector/load-reports/refresh";
    private readonly FakeTimeProvider _clock = new(At(0));

    [Fact]
    public void Lack_OfAViewThatHasAll_IsNone()
    {
        var (view, _) = NewView();
        Assert.Contains("no cluster report", view.Lack(), StringComparison.Ordinal);

        view.Apply(Cluster(1, 0, Broker("1"), Broker("2", reachable: false)));
        Assert.Contains("broker 1 has no load report", view.Lack(), StringComparison.Ordinal);
        view.Apply(Message(Load("1", 1, 1)), At(1));

        Assert.Null(view.Lack());
    }

    [Fact]
    public void Lack_OfAPartOfAReport_EndsWithItOrWithTheNextReport()
    {
        var (view, _) = NewView();
        view.Apply(Cluster(1, 0, Broker("1")));
        view.Apply(Message(Load("1", 1, 1)), At(1));

        view.Apply(Message(Load("1", 2, 2)) with { Chunks = 2 }, At(2));
        Assert.Contains("broker 1 are missing", view.Lack(), StringComparison.Ordinal);
        view.Apply(Message(Load("1", 3, 3)), At(3));

        Assert.Null(view.Lack());
    }

    [Fact]
    public void TakeDue_WhatComesWithinTheGrace_IsNotAskedFor()
    {
        using var refresher = Refresher();
        refresher.Lacks("a");
        _clock.Advance(ReportRefresher.Grace - TimeSpan.FromSeconds(1));
        Assert.Null(refresher.TakeDue());

        refresher.Lacks("b");
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Null(refresher.TakeDue());
        refresher.Lacks(null);
        _clock.Advance(ReportRefresher.Grace);

        Assert.Null(refresher.TakeDue());
    }

    [Fact]
    public void TakeDue_WhatStaysLacking_IsAskedForMoreAndMoreSeldom()
    {
        using var refresher = Refresher();
        var asked = new List<double>();
        for (var second = 0; second < 3_600; second++)
        {
            refresher.Lacks("a");
            if (refresher.TakeDue() is not null)
                asked.Add(second);
            _clock.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Equal([5, 65, 185, 425, 905, 1_805, 2_705], asked);
    }

    [Fact]
    public void TakeDue_LackingAgain_WaitsForThePauseThatRuns()
    {
        using var refresher = Refresher();
        refresher.Lacks("a");
        _clock.Advance(ReportRefresher.Grace);
        Assert.Equal("a", refresher.TakeDue());
        refresher.Lacks(null);
        Assert.Null(refresher.TakeDue());

        refresher.Lacks("b");
        _clock.Advance(ReportRefresher.FirstPause - TimeSpan.FromSeconds(1));
        Assert.Null(refresher.TakeDue());
        _clock.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal("b", refresher.TakeDue());
    }

    [Fact]
    public async Task Service_BrokerWithoutALoadReport_AsksTheCollectorAndGoesOnWhenItFails()
    {
        await using var service = await ServiceUnderTest.StartAsync<Program>(_clock, ("Ranking:CacheMilliseconds", "0"));
        await DeliverAsync(service, Cluster(1, 0, Broker("1")));

        // The sidecar knows no answer at first, as while the collector is down.
        await EventuallyAsync(() => Asked(service) >= 1);
        await EventuallyAsync(() => CountedAsync(service, "failed"), 0);
        service.Sidecar.Answers[Refresh] = (200, "{}");
        await EventuallyAsync(() => Asked(service) >= 2);
        await EventuallyAsync(() => CountedAsync(service, "ok"), 0);

        Assert.All(service.Sidecar.Invocations, i => Assert.Equal(Refresh, i.Call));
        await DeliverAsync(service, Cluster(2, 1, Broker("1"), Broker("2")));
        Assert.Contains("\"2\"", await service.Http.GetStringAsync("brokers"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Service_AfterAStart_AsksForTheFirstReports()
    {
        await using var service = await ServiceUnderTest.StartAsync<Program>(_clock, ("Ranking:CacheMilliseconds", "0"));
        service.Sidecar.Answers[Refresh] = (200, "{}");

        await service.Http.GetStringAsync("brokers");

        await EventuallyAsync(() => Asked(service) >= 1);
    }

    private ReportRefresher Refresher()
    {
        var meters = new ServiceCollection().AddMetrics().BuildServiceProvider();
        return new(new HttpClient(), new RankingMetrics(meters.GetRequiredService<System.Diagnostics.Metrics.IMeterFactory>()), _clock, NullLogger<ReportRefresher>.Instance);
    }

    private static int Asked(ServiceUnderTest<Program> service) => service.Sidecar.Invocations.Count(i => i.Call == Refresh);

    private static async Task<bool> CountedAsync(ServiceUnderTest<Program> service, string outcome) =>
        (await service.Http.GetStringAsync("metrics")).Split('\n').Any(l =>
            l.StartsWith("danube_ranking_refreshes_total{", StringComparison.Ordinal) && l.Contains($"outcome=\"{outcome}\"", StringComparison.Ordinal));

    private static async Task DeliverAsync(ServiceUnderTest<Program> service, ClusterReport report) =>
        (await service.Sidecar.DeliverAsync(DaprNames.Topics.ClusterReports, report, ContractsJson.Wire)).EnsureSuccessStatusCode();

    private Task EventuallyAsync(Func<bool> condition) => EventuallyAsync(() => Task.FromResult(condition()));

    /// <summary>Lets the service's clock go until something is so.</summary>
    private async Task EventuallyAsync(Func<Task<bool>> condition, double secondsALook = 1)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!await condition())
        {
            _clock.Advance(TimeSpan.FromSeconds(secondsALook));
            await Task.Delay(10, deadline.Token);
        }
    }
}
