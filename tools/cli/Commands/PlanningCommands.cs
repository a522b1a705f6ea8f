using System.CommandLine;
using System.Text.Json;
using Danube.Dapr.Contracts;
using Danube.Dapr.Planning;
using Danube.Dapr.Planning.Mapping;

namespace Danube.Dapr.Cli.Commands;

/// <summary>Commands that work on files alone, without any service: plan a snapshot, check a plan.</summary>
internal static class PlanningCommands
{
    // As a dry run of the rebalancer: every move that the target needs, however many.
    private static readonly PlanningOptionsFile DryRun = new()
    {
        OnlyWhenTriggered = false, MaxMovesPerCycle = 1_000_000, MaxMovesPerHour = 1_000_000,
    };

    public static IEnumerable<Command> Create()
    {
        yield return Plan();
        yield return Verify();
    }

    private static Command Plan()
    {
        var snapshot = SnapshotOption();
        var options = OptionsOption("Planner options as JSON. Without it: as a dry run, until the target is reached and without limits on the number of moves.");
        var policy = new Option<string?>("--policy") { Description = "conservative, balanced or aggressive; goes before the policy of the options file. Default balanced." };
        policy.AcceptOnlyFromAmong([.. ImbalancePolicy.Names]);
        var why = new Option<string?>("--why") { Description = "A topic or a broker id: print only what the plan says about it." };
        var seed = new Option<int?>("--seed") { Description = "Seed of the search; the same seed gives the same plan, byte for byte. Default 1." };
        var json = new Option<bool>("--json") { Description = "Print the plan as JSON, in the format of GET /plans/{id} and danube-lb verify." };
        var command = new Command("plan", "Plans a snapshot file without any service.") { snapshot, policy, options, why, seed, json };
        command.SetAction(parsed =>
        {
            var path = parsed.GetRequiredValue(snapshot);
            var optionsPath = parsed.GetValue(options);
            var (wire, planning) = Read(path, PlanningFiles.ReadSnapshot);
            var file = optionsPath is null ? DryRun : Read(optionsPath, PlanningFiles.ReadOptions);
            if (parsed.GetValue(seed) is { } given) file = file with { Seed = given };
            var made = Options(optionsPath, () => file.ToOptions(wire.Rules, parsed.GetValue(policy)));
            var plan = PlanMapping.ToContract(
                Planner.Plan(planning, made), trigger: made.Goal == PlanGoal.Drain ? PlanTrigger.Drain : PlanTrigger.Manual, generation: wire.Generation);
            if (parsed.GetValue(why) is { } subject)
            {
                foreach (var line in PlanExplanation.Why(plan, subject)) Console.Out.WriteLine(line);
            }
            else if (parsed.GetValue(json))
            {
                Console.Out.WriteLine(JsonSerializer.Serialize(plan, Indented));
            }
            else
            {
                Tables.Plan(plan, Tables.Console());
            }

            return ExitCodes.Ok;
        });
        return command;
    }

    private static Command Verify()
    {
        var snapshot = SnapshotOption();
        var plan = new Option<string>("--plan") { Description = "The plan, as danube-lb plan --json prints it or as GET /plans/{id} answers.", Required = true };
        var options = OptionsOption("The options that the plan was made with. Without it, limits (moves per cycle, cool-down, ...) are not checked, for a plan does not name them.");
        var json = new Option<bool>("--json") { Description = "Print the verdict as JSON, with every fault." };
        var command = new Command("verify", "Checks a plan against its snapshot, independently of the planner: owners, rules, counts, predicted loads, cost, bound.") { snapshot, plan, options, json };
        command.SetAction(parsed =>
        {
            var (wire, _) = Read(parsed.GetRequiredValue(snapshot), PlanningFiles.ReadSnapshot);
            var made = Read(parsed.GetRequiredValue(plan), PlanningFiles.ReadPlan);
            var optionsPath = parsed.GetValue(options);
            var with = optionsPath is null
                ? Options(null, () => PlanVerifier.OptionsOf(wire, made))
                : Options(optionsPath, () => Read(optionsPath, PlanningFiles.ReadOptions).ToOptions(wire.Rules));
            var faults = PlanVerifier.Verify(wire, made, with);
            if (parsed.GetValue(json))
            {
                var verdict = new { PlanId = made.Id, Holds = faults.Count == 0, made.ReachesTarget, LimitsChecked = optionsPath is not null, Faults = faults.Select(f => new { f.Path, f.Message }) };
                Console.Out.WriteLine(JsonSerializer.Serialize(verdict, Indented));
                return faults.Count == 0 ? ExitCodes.Ok : ExitCodes.No;
            }

            if (faults.Count > 0)
            {
                Console.Error.WriteLine($"Plan {made.Id} does not hold, {faults.Count} fault(s):");
                foreach (var fault in faults) Console.Error.WriteLine($"{fault.Path}: {fault.Message}");
                return ExitCodes.No;
            }

            Console.Out.WriteLine(FormattableString.Invariant(
                $"Plan {made.Id} holds: {made.Moves.Count} move(s), bound {made.LowerBoundMoves}, cost {made.Cost:0.##}, bound {made.LowerBoundCost:0.##}; {(made.ReachesTarget ? "reaches" : "does not reach")} the target.{(optionsPath is null ? " Limits were not checked (no --options)." : "")}"));
            return ExitCodes.Ok;
        });
        return command;
    }

    private static JsonSerializerOptions Indented => field ??= new(ContractsJson.Wire) { WriteIndented = true };

    private static Option<string> SnapshotOption() =>
        new("--snapshot") { Description = "The snapshot, as GET /snapshot answers; - reads standard input.", Required = true };

    private static Option<string?> OptionsOption(string description) => new("--options") { Description = description };

    /// <summary>Reads a file; every fault becomes a line of its own, with its JSON path.</summary>
    private static T Read<T>(string path, Func<ReadOnlyMemory<byte>, T> reader)
    {
        try
        {
            return reader(Bytes(path));
        }
        catch (SnapshotException e)
        {
            throw Faulty(path, e);
        }
    }

    private static byte[] Bytes(string path)
    {
        try
        {
            if (path != "-") return File.ReadAllBytes(path);
            using var input = Console.OpenStandardInput();
            using var all = new MemoryStream();
            input.CopyTo(all);
            return all.ToArray();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new CliException($"{path} cannot be read: {e.Message}");
        }
    }

    private static PlannerOptions Options(string? path, Func<PlannerOptions> make)
    {
        try
        {
            return make();
        }
        catch (SnapshotException e)
        {
            throw Faulty(path ?? "The options", e);
        }
    }

    private static CliException Faulty(string what, SnapshotException e) =>
        new($"{what} has {e.Faults.Count} fault(s):\n" + string.Join('\n', e.Faults.Select(f => $"{f.Path}: {f.Message}")), ExitCodes.No);
}
