using System.CommandLine;
using Danube.Dapr.Cli.Commands;

namespace Danube.Dapr.Cli;

/// <summary>The commands of <c>danube-lb</c> and the one place where failures become a line on standard error and an exit code.</summary>
internal static class CommandLine
{
    public static async Task<int> RunAsync(string[] args)
    {
        var root = new RootCommand("danube-lb: keeps a Danube cluster balanced, and shows and steers how.");
        root.Subcommands.Add(UpCommand.Create());
        foreach (var command in ReadCommands.Create().Concat(SteerCommands.Create()).Append(ActCommands.Findings()).Concat(PlanningCommands.Create()))
            root.Subcommands.Add(command);
        root.Subcommands.Add(new Command("brokers", "Brokers: their load and state, out and in.") { ReadCommands.BrokerList(), ActCommands.BrokerDrain(), ActCommands.BrokerDrainStatus(), ActCommands.BrokerActivate() });
        root.Subcommands.Add(new Command("topics", "Topics: their rates and owners; repair and pin.")
        {
            ReadCommands.TopicList(), ReadCommands.TopicShow(), ActCommands.TopicRepair(), ActCommands.TopicPin(), ActCommands.TopicUnpin(),
        });
        root.Subcommands.Add(new Command("plans", "Plans: what was decided and why.") { ReadCommands.PlanList(), ReadCommands.PlanShow(), SteerCommands.PlanApprove(), SteerCommands.PlanCancel() });
        root.Subcommands.Add(new Command("moves", "Moves: each with its steps.") { ReadCommands.MoveList(), ActCommands.MoveStart(), ActCommands.MoveShow(), ActCommands.MoveCancel() });

        var parsed = root.Parse(args);
        if (parsed.Errors.Count > 0)
        {
            foreach (var error in parsed.Errors)
                await Console.Error.WriteLineAsync($"danube-lb: {error.Message}");
            await Console.Error.WriteLineAsync($"danube-lb: '{CommandPath(parsed)} --help' lists what is allowed.");
            return ExitCodes.Failed;
        }
        try
        {
            return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
        }
        catch (CliException e)
        {
            await Console.Error.WriteLineAsync($"danube-lb: {e.Message}");
            return e.ExitCode;
        }
    }

    private static string CommandPath(ParseResult parsed) =>
        parsed.CommandResult.Command is RootCommand ? "danube-lb" : $"danube-lb {parsed.CommandResult.Command.Name}";
}
