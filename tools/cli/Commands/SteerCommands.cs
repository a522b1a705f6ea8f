using System.CommandLine;
using Danube.Dapr.Cli.Services;
using Danube.Dapr.Contracts;

namespace Danube.Dapr.Cli.Commands;

/// <summary>Commands that change what the rebalancer does as a whole: plan now, pause, stop.</summary>
internal static class SteerCommands
{
    public static IEnumerable<Command> Create()
    {
        yield return Rebalance();
        yield return Pause();
        yield return ServiceCommand.Calling<RebalancerStatus>("resume", "Let moves go on after a pause.",
            (c, _, ct) => c.SendAsync<RebalancerStatus>(HttpMethod.Post, DaprNames.Apps.Rebalancer, "/resume", null, ct), Tables.Status);
        yield return new Command("circuit", "The circuit breaker: it opens by itself, an operator closes it.") { CloseCircuit() };
        yield return new Command("kill-switch", "Stop everything that moves, also what was asked by hand.")
        {
            Kill("on", "Stop within one step: a move in flight ends, masks are taken away.", true),
            Kill("off", "Let the rebalancer work again.", false),
        };
    }

    /// <summary><c>plans approve</c>.</summary>
    public static Command PlanApprove()
    {
        var id = new Argument<string>("plan") { Description = "Id of the plan that waits." };
        var approver = new Option<string>("--approver", "--by")
        {
            Description = "Who approves, for the record. Default: the user of this machine.",
            DefaultValueFactory = _ => Environment.UserName,
        };
        var hash = new Option<string?>("--hash") { Description = "Hash of the plan that was looked at ('plans show'): another plan is refused." };
        return Command("approve", "Let a plan that waits for approval run.",
            (c, p, ct) => c.SendAsync<CommandResponse>(HttpMethod.Post, DaprNames.Apps.Rebalancer, $"/plans/{Uri.EscapeDataString(p.GetValue(id)!)}/approve",
                new ApproveRequest(p.GetValue(approver)!, p.GetValue(hash)), ct), id, approver, hash);
    }

    /// <summary><c>plans cancel</c>.</summary>
    public static Command PlanCancel()
    {
        var id = new Argument<string>("plan") { Description = "Id of the plan that runs or waits." };
        return Command("cancel", "Stop a plan before its next step, or refuse one that waits for approval.",
            (c, p, ct) => c.SendAsync<CommandResponse>(HttpMethod.Post, DaprNames.Apps.Rebalancer, $"/plans/{Uri.EscapeDataString(p.GetValue(id)!)}/cancel", null, ct), id);
    }

    /// <summary>A command that the rebalancer answers with <see cref="CommandResponse"/>.</summary>
    internal static Command Command(
        string name, string description, Func<ServiceClient, ParseResult, CancellationToken, Task<ServiceAnswer<CommandResponse>>> call, params Symbol[] symbols) =>
        ServiceCommand.Calling(name, description, call, Tables.Command, symbols);

    /// <summary><c>--reason</c>.</summary>
    internal static Option<string?> ReasonOption() => new("--reason") { Description = "Why, for the record; up to 500 characters." };

    /// <summary><c>--key</c>.</summary>
    internal static Option<string?> KeyOption() => new("--key") { Description = "Idempotency key: the same key again repeats the answer, not the command." };

    /// <summary><c>--dry-run</c>.</summary>
    internal static Option<bool> DryRunOption() => new("--dry-run") { Description = "Show what would be done; do nothing." };

    private static Command Rebalance()
    {
        var dryRun = new Option<bool>("--dry-run") { Description = "Make the plan and show all of it; move nothing." };
        var policy = new Option<string?>("--policy", "--strategy") { Description = "Policy for this plan." };
        policy.AcceptOnlyFromAmong("conservative", "balanced", "aggressive");
        var maxMoves = new Option<int?>("--max-moves") { Description = "At most this many moves. What runs keeps MaxMovesPerCycle (1,000 at most) and the hourly limits all the same; a dry run shows up to 10,000." };
        var reason = ReasonOption();
        var key = KeyOption();
        return ServiceCommand.Calling<RebalanceResponse>("rebalance", "Plan now, and run the plan unless --dry-run.",
            (c, p, ct) => c.SendAsync<RebalanceResponse>(HttpMethod.Post, DaprNames.Apps.Rebalancer, "/rebalance",
                new RebalanceRequest { DryRun = p.GetValue(dryRun), Policy = p.GetValue(policy), MaxMoves = p.GetValue(maxMoves), Reason = p.GetValue(reason) }, p.GetValue(key), ct),
            Tables.Rebalance, dryRun, policy, maxMoves, reason, key);
    }

    private static Command Pause()
    {
        var minutes = new Option<int?>("--minutes") { Description = "For how long, 1 to 10,080; without it until 'danube-lb resume'." };
        var reason = ReasonOption();
        return ServiceCommand.Calling<RebalancerStatus>("pause", "Let nothing move by itself; a move in flight ends well first. What was commanded by hand goes on: 'plans cancel' or 'kill-switch on' stops it.",
            (c, p, ct) => c.SendAsync<RebalancerStatus>(HttpMethod.Post, DaprNames.Apps.Rebalancer, "/pause", new PauseRequest(p.GetValue(minutes), p.GetValue(reason)), ct),
            Tables.Status, minutes, reason);
    }

    private static Command CloseCircuit()
    {
        var reason = ReasonOption();
        return ServiceCommand.Calling<RebalancerStatus>("close", "Let moves start again, also from and to brokers where one stuck.",
            (c, p, ct) => c.SendAsync<RebalancerStatus>(HttpMethod.Post, DaprNames.Apps.Rebalancer, "/circuit/close", new SwitchRequest(Reason: p.GetValue(reason)), ct),
            Tables.Status, reason);
    }

    private static Command Kill(string name, string description, bool on)
    {
        var reason = ReasonOption();
        return ServiceCommand.Calling<RebalancerStatus>(name, description,
            (c, p, ct) => c.SendAsync<RebalancerStatus>(HttpMethod.Post, DaprNames.Apps.Rebalancer, "/kill-switch", new SwitchRequest(on, p.GetValue(reason)), ct),
            Tables.Status, reason);
    }
}
