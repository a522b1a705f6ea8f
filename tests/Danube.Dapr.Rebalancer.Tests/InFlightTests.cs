using Danube.Dapr.BrokerSimulator;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Actors;
using Danube.Dapr.Rebalancer.Findings;
using Danube.Dapr.Rebalancer.Options;
using Danube.Dapr.Rebalancer.Tests.Bench;
using Danube.Dapr.Rebalancer.Workflows;
using Danube.Dapr.Workflow.Testing;

namespace Danube.Dapr.Rebalancer.Tests;

/// <summary>How many unloads are in flight: one, unless an operator accepted more.</summary>
public sealed class InFlightTests
{
    private const int Four = 4;

    public static TheoryData<string> Histories() =>
        [.. Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "Histories"), "*.json").Select(file => Path.GetFileNameWithoutExtension(file)!).Order(StringComparer.Ordinal)];

    /// <summary>Recorded before there was a setting: a batch that landed, one whose topics were late, one that the kill switch stopped, and a plan.</summary>
    [Theory]
    [MemberData(nameof(Histories))]
    public async Task History_RecordedWithOneInFlight_FitsTheCode(string name) => await WorkflowReplayer.ReplayAsync(
        await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "Histories", name + ".json")),
        workflows =>
        {
            workflows.UseJsonSerializerOptions(ContractsJson.Wire);
            RebalancerServices.RegisterWorkflows(workflows);
        });

    [Theory]
    [InlineData("abcde", 1, "a b c d e")]
    [InlineData("abcde", 2, "ab cd e")]
    [InlineData("abcde", 8, "abcde")]
    [InlineData("abRcdRRe", 4, "ab R cd R R e")]
    [InlineData("", 4, "")]
    public void Waves_OfABatch_AreFull_AndReCreationsAreAlone(string moves, int inFlight, string waves) =>
        Assert.Equal(waves, string.Join(' ', Waves.Of([.. moves.Select(m => new MoveTask($"{m}", "1", "2", MoveCause.Manual, Recreate: m == 'R'))], inFlight).Select(w => string.Concat(w.Select(m => m.Topic)))));

    [Theory]
    [InlineData(0)]
    [InlineData(9)]
    public void Options_OutOfRange_NameTheRisk(int inFlight)
    {
        var fault = Assert.Single(new RebalancerOptionsValidator().Validate(null, new RebalancerOptions { UnloadsInFlight = inFlight }).Failures!);
        Assert.Contains($"Rebalancer:UnloadsInFlight is '{inFlight}', allowed: 1 to 8 (1 is safe", fault, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(Four)]
    public async Task Plan_NeverHasMoreInFlightThanAllowed_AndMovesAll(int inFlight)
    {
        await using var bench = await StartAsync(inFlight);
        var (plan, running) = await HangAsync(bench, inFlight);

        bench.Cluster.SetFault(Fault.HangingWatcher, on: false, target: bench.Brokers[0]);
        await running;

        var run = (await bench.Directory.Plan(plan.Id).GetAsync())!;
        Assert.Equal((PlanRunState.Finished, null, plan.Moves.Count), (run.State, run.Reason, run.Done));
        Assert.Equal(inFlight, MostInFlight(bench));
        Assert.All(bench.Unloads(), u => Assert.Equal(1, u.Value));
        Assert.All(bench.States().Values, state => Assert.Equal("active", state));
        Assert.Equal(plan.Moves.Count, (await bench.Directory.Control.GetStateAsync()).Ledger.OfBroker(bench.Time.GetUtcNow(), bench.Brokers[1]));
        Assert.Equal(inFlight > 1, bench.Events.Moves.Any(m => m.Detail.Contains($"One of {Four} in flight", StringComparison.Ordinal)));
        Assert.Equal(inFlight > 1, bench.Host.ActivityCalls.Any(c => c.Name == nameof(CheckWaveActivity)));
    }

    [Theory]
    [InlineData(ControlSwitch.Kill)]
    [InlineData(null)]
    public async Task Plan_StoppedWithFourInFlight_FollowsThoseAndBeginsNoOther(ControlSwitch? kill)
    {
        await using var bench = await StartAsync(Four);
        var (plan, running) = await HangAsync(bench, Four);

        if (kill is { } turn)
            await bench.Directory.Control.SwitchAsync(new SwitchCommand(turn, Reason: "test"));
        else
            Assert.Null((await bench.Directory.Control.CancelAsync(plan.Id)).Reason);
        bench.Cluster.SetFault(Fault.HangingWatcher, on: false, target: bench.Brokers[0]);
        await running;

        Assert.Equal(Four, bench.Unloads().Count);
        var states = (await bench.Directory.Plan(plan.Id).GetMovesAsync()).CountBy(m => m.State).ToDictionary(c => c.Key, c => c.Value);
        Assert.Equal((Four, plan.Moves.Count - Four), (states[MoveState.Done], states[MoveState.Cancelled]));
        Assert.All(bench.States().Values, state => Assert.Equal("active", state));
        Assert.Equal(Four, (await bench.Directory.Control.GetStateAsync()).Ledger.Total(bench.Time.GetUtcNow()));
    }

    [Fact]
    public async Task Leader_LostWithFourInFlight_StrandsThoseAndNoOther_AndAllAreNamed()
    {
        // Long enough for all four to be sealed while there is no leader.
        await using var bench = await StartAsync(Four, o => o.MoveTimeoutSeconds = 5, electionSeconds: 10);
        bench.Cluster.SetFault(Fault.LeaderLossStrands, on: true);
        var (plan, running) = await HangAsync(bench, Four);

        bench.Cluster.StepDown();
        bench.Cluster.SetFault(Fault.HangingWatcher, on: false, target: bench.Brokers[0]);
        await running;

        var stranded = bench.Cluster.Truth().Stranded.Order(StringComparer.Ordinal).ToList();
        Assert.Equal(Four, stranded.Count);
        var moves = await bench.Directory.Plan(plan.Id).GetMovesAsync();
        Assert.Equal(stranded, moves.Where(m => m.State == MoveState.Stuck).Select(m => m.Topic).Order(StringComparer.Ordinal));
        Assert.All(moves.Where(m => m.State != MoveState.Stuck), m => Assert.Equal(MoveState.Skipped, m.State));
        var state = await bench.Directory.Control.GetStateAsync();
        Assert.All(stranded, topic => Assert.Contains(topic, state.Circuit!.Detail, StringComparison.Ordinal));
        var findings = FindingRules.Of(bench.Snapshot(), bench.Unowned(), state, bench.Options, bench.Time.GetUtcNow());
        Assert.Equal(stranded, findings.Where(f => f.Kind == FindingKind.StrandedTopic).Select(f => f.Subject).Order(StringComparer.Ordinal));
        Assert.All(bench.States().Values, s => Assert.Equal("active", s));
    }

    [Fact]
    public async Task Target_ThatLoadsTopicsTwice_EndsTheWave_AndNoneOfItIsMovedAgain()
    {
        await using var bench = await StartAsync(Four);
        bench.Cluster.SetFault(Fault.RacingLoads, on: true);
        var (a, b) = (bench.Brokers[0], bench.Brokers[1]);
        var topics = bench.TopicsOf(a).ToArray();

        var run = await bench.RunPlanAsync([.. topics.Select(t => (t, b))]);

        Assert.Equal((PlanRunState.Stopped, ReasonCode.LoadedTwice), (run.State, run.Reason));
        Assert.Equal(Four, bench.Unloads().Count);
        var moves = await bench.Directory.Plan(run.Plan.Id).GetMovesAsync();
        Assert.All(moves.Take(Four), m => Assert.Equal((MoveState.Failed, ReasonCode.LoadedTwice, b), (m.State, m.Reason!.Value, m.Owner)));
        Assert.All(moves.Skip(Four), m => Assert.Equal(MoveState.Skipped, m.State));
        Assert.Equal(topics.Take(Four).Order(StringComparer.Ordinal), (await bench.Directory.Control.GetStateAsync()).LoadedTwice.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task MaskWindow_TakenAgainInTheMiddle_LeavesNoEmptiedBrokerDrained()
    {
        await using var bench = await StartAsync(1);
        var (a, b) = (bench.Brokers[0], bench.Brokers[1]);
        var topics = bench.TopicsOf(a).ToArray();
        var (plan, running) = await bench.HangAsync(1, [.. topics.Select(t => (t, b))]);

        await bench.Danube.ActivateBrokerAsync(a, "another hand");
        bench.Cluster.SetFault(Fault.HangingWatcher, on: false, target: a);
        await running;

        Assert.Empty(bench.TopicsOf(a));
        Assert.Equal(topics.Length, (await bench.Directory.Plan(plan.Id).GetAsync())!.Done);
        Assert.Equal("active", bench.States()[a]);
    }

    private static Task<MoveBench> StartAsync(int inFlight, Action<RebalancerOptions>? configure = null, double electionSeconds = 1) => MoveBench.StartAsync(
        brokers: 3, topics: 24, electionSeconds: electionSeconds, configure: o =>
        {
            o.UnloadsInFlight = inFlight;
            o.StartMovesPerMask = 25;
            // A source that hangs is felt by clients, and that is not what is looked at here.
            o.MaxLatencyRatio = 1000;
            o.MaxRedirectsPerClient = 10_000;
            configure?.Invoke(o);
        });

    /// <summary>Begins to move all topics of the first broker to the second one, while the first lets none go, and waits until as many as may are in flight.</summary>
    private static async Task<(RebalancePlan Plan, Task Running)> HangAsync(MoveBench bench, int inFlight)
    {
        var (a, b) = (bench.Brokers[0], bench.Brokers[1]);
        var topics = bench.TopicsOf(a);
        Assert.True(topics.Count > Four, $"{topics.Count} moves are no more than may be in flight.");
        return await bench.HangAsync(inFlight, [.. topics.Select(t => (t, b))]);
    }

    private static int MostInFlight(MoveBench bench)
    {
        var (now, most) = (0, 0);
        foreach (var happened in bench.Cluster.Events())
        {
            now += happened.Event switch { "unload-posted" => 1, "load" when happened.Detail == "assigned" => -1, _ => 0 };
            most = Math.Max(most, now);
        }

        return most;
    }
}
