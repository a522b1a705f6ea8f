using Danube.Dapr.Cli.Up;
using Danube.Dapr.Contracts;
using Spectre.Console;

namespace Danube.Dapr.Cli.Tests;

public sealed class ViewTests
{
    [Fact]
    public void LiveView_FullState_ShowsBrokersBalanceDecisionsAndMoves()
    {
        var state = new RunState();
        state.TakeBrokers(
        [
            new BrokerView { Id = "1", Address = "http://127.0.0.1:6650", State = BrokerState.Active, IsLeader = true, Topics = 12, MessagesPerSecond = 1234, BytesPerSecond = 5.5e6, Score = 0.75 },
            new BrokerView { Id = "2", Address = "http://127.0.0.1:6651", State = BrokerState.Drained, Reachable = false },
        ]);
        state.TakeBalance(RunStateTests.Balance(0, 0.41, 1.5));
        state.TakeStatus(new RebalancerStatus
        {
            Mode = "auto",
            Policy = "aggressive",
            CircuitOpen = true,
            LastCycle = new CycleRecord { Id = "c", Time = DateTimeOffset.UnixEpoch, Outcome = CycleOutcome.Skipped, Reason = ReasonCode.CircuitOpen, Detail = "a [stuck] topic" },
        });
        state.TakeMoves([RunStateTests.Move("/default/a", MoveState.Stuck, 1)]);

        var text = Render(new LiveView(new Started(Topology.WithoutCheck(5100), null), "logs"), state);

        foreach (var expected in new[] { "127.0.0.1:6650", "leader", "1,234", "5.50", "unreachable", "0.410", "1.50", "circuit breaker open", "CircuitOpen", "a [stuck] topic", "/default/a", "Stuck", "rebalancer 127.0.0.1:5103", "http://127.0.0.1:5105" })
            Assert.Contains(expected, text, StringComparison.Ordinal);
    }

    [Fact]
    public void LiveView_SmallTerminal_StillShowsTheAddresses()
    {
        var state = new RunState();
        state.TakeBrokers([.. Enumerable.Range(1, 5).Select(i => new BrokerView { Id = $"{i}", State = BrokerState.Active })]);
        state.TakeBalance(RunStateTests.Balance(0, 0.41, 1.5));
        state.TakeMoves(Enumerable.Range(0, 40).Select(i => RunStateTests.Move($"/default/t{i}", MoveState.Done, i)));

        var lines = Render(new LiveView(new Started(Topology.WithoutCheck(5100), null), "logs", 30), state).TrimEnd().Split('\n');

        Assert.InRange(lines.Length, 10, 30);
        Assert.Contains("http://127.0.0.1:5105", lines[^3], StringComparison.Ordinal);
    }

    [Fact]
    public void LiveView_NothingYet_SaysThatItWaits() =>
        Assert.Contains("waiting for the first load reports", Render(new LiveView(new Started(Topology.WithoutCheck(5100), null), "logs"), new RunState()), StringComparison.Ordinal);

    [Fact]
    public void Spark_Values_AreScaledToTheHighest() => Assert.Equal("▁█▅", LiveView.Spark([0, 1, 0.5]));

    [Fact]
    public void ProgressLines_SameStateTwice_TellsEachThingOnce()
    {
        var state = new RunState();
        state.TakeBalance(RunStateTests.Balance(10, 0.41));
        state.TakeMoves([RunStateTests.Move("/default/a", MoveState.Done, 1)]);
        using var output = new StringWriter();
        var lines = new ProgressLines(output);
        lines.Write(state);
        lines.Write(state);
        Assert.Equal(2, output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
    }

    private static string Render(LiveView view, RunState state)
    {
        using var output = new StringWriter();
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.No, ColorSystem = ColorSystemSupport.NoColors, Out = new AnsiConsoleOutput(output) });
        console.Profile.Width = 200;
        console.Write(view.Render(state));
        return output.ToString();
    }
}
