using System.Text.Json;
using Danube.Dapr.Contracts;
using Danube.Dapr.WebConsole.Components.Pages;
using Danube.Dapr.WebConsole.Components.Parts;
using Danube.Dapr.WebConsole.Feed;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace Danube.Dapr.WebConsole.Tests;

public sealed class CommandTests : IAsyncLifetime, IDisposable
{
    private readonly FakeTimeProvider _clock = new(Pictures.Start);
    private HeldSidecar _sidecar = null!;
    private Services _services = null!;

    public async Task InitializeAsync()
    {
        _sidecar = await HeldSidecar.StartAsync();
        _services = _sidecar.Services(_clock);
    }

    public async Task DisposeAsync() => await _sidecar.DisposeAsync();

    public void Dispose() => _services.Dispose();

    [Fact]
    public async Task Command_AnsweredAfter29Seconds_IsTaken()
    {
        var move = _services.MoveAsync(new MoveRequest { Topic = "/default/orders", To = "2" }, "k", default);
        var call = await _sidecar.NextAsync();
        _clock.Advance(TimeSpan.FromSeconds(29));
        call.Answer.SetResult(JsonSerializer.Serialize(new CommandResponse(true, "Move.", "m-1"), ContractsJson.Wire));

        Assert.Equal("m-1", (await move).PlanId);
    }

    [Fact]
    public async Task Command_NotAnsweredInTime_MayStillBeCarriedOut()
    {
        var pause = _services.PauseAsync(new PauseRequest(), default);
        await _sidecar.NextAsync();
        _clock.Advance(TimeSpan.FromSeconds(30));

        var late = await Assert.ThrowsAsync<ServiceException>(() => pause);

        Assert.Equal("rebalancer: no answer within 30 s. It may still be carried out: look before you send it again.", late.Message);
    }

    [Fact]
    public async Task DryRun_NotAnsweredInTime_CarriesNothingOut()
    {
        var rebalance = _services.RebalanceAsync(new RebalanceRequest { DryRun = true }, null, default);
        Assert.Null((await _sidecar.NextAsync()).Key);
        _clock.Advance(TimeSpan.FromSeconds(30));

        Assert.Equal("rebalancer: no answer within 30 s.", (await Assert.ThrowsAsync<ServiceException>(() => rebalance)).Message);
    }

    [Fact]
    public async Task Look_NotAnsweredWithin10Seconds_IsGivenUp()
    {
        var status = _services.StatusAsync(default);
        await _sidecar.NextAsync();
        _clock.Advance(TimeSpan.FromSeconds(10));

        Assert.Equal("rebalancer: no answer within 10 s.", (await Assert.ThrowsAsync<ServiceException>(() => status)).Message);
    }

    [Fact]
    public async Task Command_WithAKey_SendsIt()
    {
        _ = _services.RebalanceAsync(new RebalanceRequest(), "r", default);
        Assert.Equal(("POST rebalancer/rebalance", "r"), await SentAsync());
        _ = _services.MoveAsync(new MoveRequest { Topic = "/default/orders", To = "2" }, "m", default);
        Assert.Equal(("POST rebalancer/moves", "m"), await SentAsync());
        _ = _services.RepairAsync(null, "test", "all", default);
        Assert.Equal(("POST rebalancer/topics/repair", "all"), await SentAsync());
        _ = _services.RepairAsync("/default/lost", "test", "one", default);
        Assert.Equal(("POST rebalancer/topics/default/lost/repair", "one"), await SentAsync());
    }

    [Fact]
    public async Task Findings_MoveConfirmedTwice_IsTwoCommandsWithAKeyEach()
    {
        var finding = new Finding
        {
            Kind = FindingKind.ConsumerStalled, Severity = FindingSeverity.Warning, About = SubjectKind.Topic, Subject = "/default/orders", Evidence = "", Advice = "", MoveTo = "2",
        };
        _sidecar.Answers["GET rebalancer/findings"] = JsonSerializer.Serialize<Finding[]>([finding], ContractsJson.Wire);
        using var feed = new DashboardFeed(_services, Options.Create(new ConsoleOptions()), _clock);
        var look = feed.LookAsync(default);
        for (var calls = 0; calls < 8; calls++)
            (await _sidecar.NextAsync()).Answer.SetResult("null");
        await look;
        await using var screen = await Screen.ShowAsync<Findings>(_services, feed, _clock);

        var keys = new List<string?>();
        foreach (var answer in (string[])["First.", "Second."])
        {
            await screen.ClickAsync("Move to 2…");
            await screen.ClickAsync("Do it");
            var call = await _sidecar.NextAsync();
            Assert.Equal("POST rebalancer/moves", call.Call);
            keys.Add(call.Key);
            call.Answer.SetResult(JsonSerializer.Serialize(new CommandResponse(true, answer, "m"), ContractsJson.Wire));
            await screen.UntilAsync(page => page.Contains(answer, StringComparison.Ordinal));
        }

        Assert.All(keys, key => Assert.NotNull(key));
        Assert.Equal(2, keys.Distinct().Count());
    }

    [Fact]
    public async Task Rebalance_Confirmed_SendsAKeyThatItsDryRunHasNot()
    {
        using var feed = new DashboardFeed(_services, Options.Create(new ConsoleOptions()), _clock);
        await using var screen = await Screen.ShowAsync<ControlBar>(_services, feed, _clock, (nameof(ControlBar.Status), new RebalancerStatus { Mode = "auto", Policy = "balanced" }));

        await screen.ClickAsync("Rebalance…");
        var shown = await _sidecar.NextAsync();
        shown.Answer.SetResult(JsonSerializer.Serialize(new RebalanceResponse(false, null, "1 move.", Pictures.Plan), ContractsJson.Wire));
        await screen.ClickAsync("Plan anew and move");
        var started = await _sidecar.NextAsync();
        started.Answer.SetResult(JsonSerializer.Serialize(new RebalanceResponse(true, null, "It runs.", Pictures.Plan), ContractsJson.Wire));

        await screen.UntilAsync(page => page.Contains("It runs.", StringComparison.Ordinal));
        Assert.Null(shown.Key);
        Assert.NotNull(started.Key);
    }

    private async Task<(string Call, string? Key)> SentAsync()
    {
        var call = await _sidecar.NextAsync();
        call.Answer.SetResult("null");
        return (call.Call, call.Key);
    }
}
