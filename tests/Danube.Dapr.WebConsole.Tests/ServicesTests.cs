using System.Globalization;
using System.Text.Json;
using Danube.Dapr.Contracts;
using Danube.Dapr.Testing;
using Danube.Dapr.WebConsole.Components;
using Danube.Dapr.WebConsole.Feed;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Time.Testing;

namespace Danube.Dapr.WebConsole.Tests;

public sealed class ServicesTests : IAsyncLifetime, IDisposable
{
    private TestSidecar _sidecar = null!;
    private Services _services = null!;

    public async Task InitializeAsync()
    {
        _sidecar = await TestSidecar.StartAsync();
        _services = new Services(new ConfigurationBuilder().AddInMemoryCollection([new("DAPR_HTTP_PORT", $"{_sidecar.HttpPort}")]).Build(), TimeProvider.System);
    }

    public async Task DisposeAsync() => await _sidecar.DisposeAsync();

    public void Dispose() => _services.Dispose();

    [Fact]
    public async Task Rebalance_DryRun_AsksForOneAndReadsThePlan()
    {
        Pictures.Answer(_sidecar, "POST rebalancer/rebalance", new RebalanceResponse(false, null, "1 move.", Pictures.Plan));

        var answer = await _services.RebalanceAsync(new RebalanceRequest { DryRun = true, Reason = "test" }, null, default);

        Assert.Equal("/default/orders", answer.Plan!.Moves.Single().Topic);
        var body = JsonSerializer.Deserialize(_sidecar.Invocations.Single().Body, ContractsJson.Default.RebalanceRequest);
        Assert.Equal(new RebalanceRequest { DryRun = true, Reason = "test" }, body);
    }

    [Fact]
    public async Task Approve_Plan_SendsItsHash()
    {
        Pictures.Answer(_sidecar, "POST rebalancer/plans/plan-7/approve", new CommandResponse(true, "Plan plan-7 runs.", "plan-7"), 202);

        await _services.ApproveAsync(Pictures.Plan, "ada", default);

        Assert.Equal(new ApproveRequest("ada", "abc"), JsonSerializer.Deserialize(_sidecar.Invocations.Single().Body, ContractsJson.Default.ApproveRequest));
    }

    [Theory]
    [InlineData(null, "POST rebalancer/topics/repair")]
    [InlineData("/default/lost", "POST rebalancer/topics/default/lost/repair")]
    public async Task Repair_OneOrAll_AsksForThat(string? topic, string call)
    {
        Pictures.Answer(_sidecar, call, new CommandResponse(true, "Repair 1 topics.", "r-1"), 202);

        var answer = await _services.RepairAsync(topic, "test", "k", default);

        Assert.Equal("r-1", answer.PlanId);
        Assert.Equal(new RepairRequest(Reason: "test"), JsonSerializer.Deserialize(_sidecar.Invocations.Single().Body, ContractsJson.Default.RepairRequest));
    }

    [Fact]
    public async Task Move_OfOneTopic_SendsItsTarget()
    {
        Pictures.Answer(_sidecar, "POST rebalancer/moves", new CommandResponse(true, "Move.", "m-1"), 202);

        await _services.MoveAsync(new MoveRequest { Topic = "/default/orders", To = "2" }, "k", default);

        Assert.Equal("2", JsonSerializer.Deserialize(_sidecar.Invocations.Single().Body, ContractsJson.Default.MoveRequest)!.To);
    }

    [Theory]
    [InlineData(409, """{"detail":"Paused by ada.","title":"Conflict"}""", "rebalancer: Paused by ada.")]
    [InlineData(500, """{"errorCode":"ERR_DIRECT_INVOKE","message":"no host"}""", "rebalancer: no host")]
    [InlineData(502, "<html>", "rebalancer: HTTP 502 Bad Gateway.")]
    [InlineData(200, "rubbish", "rebalancer: ")]
    public async Task Resume_Refused_TellsTheServicesOwnWords(int status, string body, string expected)
    {
        _sidecar.Answers["POST rebalancer/resume"] = (status, body);

        var refused = await Assert.ThrowsAsync<ServiceException>(() => _services.ResumeAsync(default));

        Assert.StartsWith(expected, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void MoveSteps_Of_GroupsByMoveNewestFirst()
    {
        var other = Pictures.Step(9, MoveState.Planned, 9);
        var moves = MoveSteps.Of(
            [Pictures.Step(3, MoveState.Done, 3), other with { Move = other.Move! with { MoveId = "plan-7:/default/b" } }, Pictures.Step(1, MoveState.Unloading, 1)], 10);

        Assert.Equal(["plan-7:/default/b", "plan-7:/default/orders"], moves.Select(m => m.Last.MoveId));
        Assert.Equal([MoveState.Unloading, MoveState.Done], moves[1].Steps.Select(s => s.State));
    }

    [Theory]
    [InlineData("2026-01-02T03:04:05Z", "03:04:05Z")]
    [InlineData("2026-01-02T23:59:59Z", "23:59:59Z")]
    [InlineData("2026-01-03T00:00:00Z", "2026-01-03 00:00:00Z")]
    [InlineData("2026-01-02T01:30:00+02:00", "2026-01-01 23:30:00Z")]
    public void Time_NotOfTodayInUtc_HasItsDate(string time, string expected) =>
        Assert.Equal(expected, Look.Time(DateTimeOffset.Parse(time, CultureInfo.InvariantCulture), new FakeTimeProvider(Pictures.Start)));

    [Fact]
    public async Task Question_AskedAgain_TakesTheLaterAnswer()
    {
        var (question, clock) = (new Question<string>(), new FakeTimeProvider(Pictures.Start));
        var (early, late) = (new TaskCompletionSource<string>(), new TaskCompletionSource<string>());
        var first = question.AskAsync(early.Task, clock);
        var second = question.AskAsync(late.Task, clock);

        late.SetResult("late");
        await second;
        early.SetResult("early");
        await first;

        Assert.Equal((new Part<string>("late", null, Pictures.Start), false), (question.Answer, question.Open));
    }

    [Fact]
    public async Task Question_Fails_KeepsTheLastAnswerWithItsTime()
    {
        var (question, clock) = (new Question<string>(), new FakeTimeProvider(Pictures.Start));
        await question.AskAsync(Task.FromResult("seen"), clock);
        clock.Advance(TimeSpan.FromMinutes(1));

        await question.AskAsync(Task.FromException<string>(new ServiceException("history", "gone.")), clock);

        Assert.Equal(new Part<string>("seen", "history: gone.", Pictures.Start), question.Answer);
    }

    [Fact]
    public async Task Question_Forgotten_LeavesOutTheAnswerUnderWay()
    {
        var question = new Question<string>();
        var answer = new TaskCompletionSource<string>();
        var asked = question.AskAsync(answer.Task, TimeProvider.System);

        question.Forget();
        answer.SetResult("other");
        await asked;

        Assert.Equal((new Part<string>(), false), (question.Answer, question.Open));
    }

    [Theory]
    [InlineData(0.4, false)]
    [InlineData(2, true)]
    [InlineData(61, false)]
    public void Options_Refresh_IsChecked(double seconds, bool valid) =>
        Assert.Equal(valid, new ConsoleOptionsValidator().Validate(null, new ConsoleOptions { RefreshSeconds = seconds }).Succeeded);
}
