using System.CommandLine;
using Danube.Dapr.Contracts;

namespace Danube.Dapr.Cli.Commands;

/// <summary>Commands that change what the rebalancer does.</summary>
internal static class SteerCommands
{
    public static IEnumerable<Command> Create()
    {
        yield return Rebalance();
        yield return Pause();
        yield return ServiceCommand.Calling<RebalancerStatus>("resume", "Let moves go on after a pause.",
            (c, _, ct) => c.SendAsync<RebalancerStatus>(HttpMethod.Post, DaprNames.Apps.Rebalancer, "/resume", null, ct), Tables.Status);
    }

    private static Command Rebalance()
    {
        var dryRun = new Option<bool>("--dry-run") { Description = "Make the plan and show all of it; move nothing." };
        var policy = new Option<string?>("--policy", "--strategy") { Description = "Policy for this plan." };
        policy.AcceptOnlyFromAmong("conservative", "balanced", "aggressive");
        var maxMoves = new Option<int?>("--max-moves") { Description = "At most this many moves, 1 to 10,000." };
        var reason = new Option<string?>("--reason") { Description = "Why, for the record." };
        return ServiceCommand.Calling<RebalanceResponse>("rebalance", "Plan now, and run the plan unless --dry-run.",
            (c, p, ct) => c.SendAsync<RebalanceResponse>(HttpMethod.Post, DaprNames.Apps.Rebalancer, "/rebalance",
                new RebalanceRequest { DryRun = p.GetValue(dryRun), Policy = p.GetValue(policy), MaxMoves = p.GetValue(maxMoves), Reason = p.GetValue(reason) }, ct),
            Tables.Rebalance, dryRun, policy, maxMoves, reason);
    }

    private static Command Pause()
    {
        var minutes = new Option<int?>("--minutes") { Description = "For how long, 1 to 10,080; without it until 'danube-lb resume'." };
        var reason = new Option<string?>("--reason") { Description = "Why, for the record." };
        return ServiceCommand.Calling<RebalancerStatus>("pause", "Stop moving; a move in flight ends well first.",
            (c, p, ct) => c.SendAsync<RebalancerStatus>(HttpMethod.Post, DaprNames.Apps.Rebalancer, "/pause", new PauseRequest(p.GetValue(minutes), p.GetValue(reason)), ct),
            Tables.Status, minutes, reason);
    }
}
