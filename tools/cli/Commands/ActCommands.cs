using System.CommandLine;
using Danube.Dapr.Cli.Services;
using Danube.Dapr.Contracts;

namespace Danube.Dapr.Cli.Commands;

/// <summary>Commands about one topic or broker: move, repair, pin, drain, activate; and what is found to be wrong.</summary>
internal static class ActCommands
{
    /// <summary><c>findings</c>.</summary>
    public static Command Findings() => ServiceCommand.Calling<IReadOnlyList<Finding>>("findings", "What is wrong with the cluster, the worst first, with advice.",
        (c, _, ct) => c.GetAsync<IReadOnlyList<Finding>>(DaprNames.Apps.Rebalancer, "/findings", ct), Tables.Findings);

    /// <summary><c>moves start</c>.</summary>
    public static Command MoveStart()
    {
        var topic = TopicArgument();
        var to = new Option<string>("--to") { Description = "Id of the broker that shall own it.", Required = true };
        var force = new Option<bool>("--force") { Description = "Pin, deny list, cool-down, minimum age, an earlier double load and Danube's own rebalancer do not hold it back. Needs --reason." };
        var (dryRun, reason, key) = (SteerCommands.DryRunOption(), SteerCommands.ReasonOption(), SteerCommands.KeyOption());
        var command = SteerCommands.Command("start", "Move one topic to a broker.",
            (c, p, ct) => c.SendAsync<CommandResponse>(HttpMethod.Post, DaprNames.Apps.Rebalancer, "/moves",
                new MoveRequest { Topic = p.GetValue(topic)!, To = p.GetValue(to)!, DryRun = p.GetValue(dryRun), Force = p.GetValue(force), Reason = p.GetValue(reason) },
                p.GetValue(key), ct),
            topic, to, dryRun, force, reason, key);
        command.Validators.Add(result =>
        {
            if (result.GetValue(force) && string.IsNullOrWhiteSpace(result.GetValue(reason)))
                result.AddError("--force needs --reason, for the record.");
        });
        return command;
    }

    /// <summary><c>moves show</c>.</summary>
    public static Command MoveShow()
    {
        var id = MoveArgument();
        return ServiceCommand.Calling<MoveRecord>("show", "One move with the step that it reached.",
            (c, p, ct) => c.GetAsync<MoveRecord>(DaprNames.Apps.Rebalancer, MovePath(p.GetValue(id)!), ct), Tables.Move, id);
    }

    /// <summary><c>moves cancel</c>.</summary>
    public static Command MoveCancel()
    {
        var id = MoveArgument();
        return SteerCommands.Command("cancel", "Cancel the plan of a move: what has not begun is not begun, a move in flight ends well.",
            (c, p, ct) => c.SendAsync<CommandResponse>(HttpMethod.Delete, DaprNames.Apps.Rebalancer, MovePath(p.GetValue(id)!), null, ct), id);
    }

    /// <summary><c>topics repair</c>.</summary>
    public static Command TopicRepair()
    {
        var topic = new Argument<string?>("topic") { Description = "Full name, /namespace/topic; or --all.", Arity = ArgumentArity.ZeroOrOne };
        var all = new Option<bool>("--all") { Description = "Every topic that nobody owns, one after the other; stops at the first surprise. What cannot be repaired, or failed before, is left out and named." };
        var force = new Option<bool>("--force") { Description = "Also topics that are without owner for so short that Danube may be giving them one. Needs --reason." };
        var (dryRun, reason, key) = (SteerCommands.DryRunOption(), SteerCommands.ReasonOption(), SteerCommands.KeyOption());
        var command = SteerCommands.Command("repair", "Give topics that nobody owns an owner again.",
            (c, p, ct) => c.SendAsync<CommandResponse>(HttpMethod.Post, DaprNames.Apps.Rebalancer,
                p.GetValue(topic) is { } name ? ReadCommands.TopicPath(name) + "/repair" : "/topics/repair",
                new RepairRequest(p.GetValue(dryRun), p.GetValue(reason), p.GetValue(force)), p.GetValue(key), ct),
            topic, all, force, dryRun, reason, key);
        command.Validators.Add(result =>
        {
            if (result.GetValue(force) && string.IsNullOrWhiteSpace(result.GetValue(reason)))
                result.AddError("--force needs --reason, for the record.");
            if (result.GetValue(all) == (result.GetValue(topic) is not null))
                result.AddError("Name one topic, or give --all.");
        });
        return command;
    }

    /// <summary><c>topics pin</c>.</summary>
    public static Command TopicPin()
    {
        var topic = TopicArgument();
        var broker = new Option<string>("--to", "--broker") { Description = "Id of the broker that it belongs on.", Required = true };
        return SteerCommands.Command("pin", "Bind a topic to a broker; the next plan takes it there.",
            (c, p, ct) => PinAsync(c, p.GetValue(topic)!, p.GetValue(broker), ct), topic, broker);
    }

    /// <summary><c>topics unpin</c>.</summary>
    public static Command TopicUnpin()
    {
        var topic = TopicArgument();
        return SteerCommands.Command("unpin", "Free a topic that was bound to a broker.", (c, p, ct) => PinAsync(c, p.GetValue(topic)!, null, ct), topic);
    }

    /// <summary><c>brokers drain</c>.</summary>
    public static Command BrokerDrain()
    {
        var broker = BrokerArgument();
        var (dryRun, reason, key) = (SteerCommands.DryRunOption(), SteerCommands.ReasonOption(), SteerCommands.KeyOption());
        return SteerCommands.Command("drain", "Take a broker out: no more topics for it, and those that can be moved safely are; the rest is listed.",
            (c, p, ct) => c.SendAsync<CommandResponse>(HttpMethod.Post, DaprNames.Apps.Rebalancer, BrokerPath(p.GetValue(broker)!, "drain"),
                new DrainRequest(p.GetValue(dryRun), p.GetValue(reason)), p.GetValue(key), ct),
            broker, dryRun, reason, key);
    }

    /// <summary><c>brokers drain-status</c>.</summary>
    public static Command BrokerDrainStatus()
    {
        var broker = BrokerArgument();
        return ServiceCommand.Calling<DrainStatus>("drain-status", "How far the drain of a broker is.",
            (c, p, ct) => c.GetAsync<DrainStatus>(DaprNames.Apps.Rebalancer, BrokerPath(p.GetValue(broker)!, "drain"), ct), Tables.Drain, broker);
    }

    /// <summary><c>brokers activate</c>.</summary>
    public static Command BrokerActivate()
    {
        var broker = BrokerArgument();
        return SteerCommands.Command("activate", "Let a broker take topics (again); a drain of it stops.",
            (c, p, ct) => c.SendAsync<CommandResponse>(HttpMethod.Post, DaprNames.Apps.Rebalancer, BrokerPath(p.GetValue(broker)!, "activate"), null, ct), broker);
    }

    /// <summary>Path of a move: the topic's slashes are kept.</summary>
    internal static string MovePath(string id) => "/moves/" + string.Join('/', id.Split('/').Select(Uri.EscapeDataString));

    private static Task<ServiceAnswer<CommandResponse>> PinAsync(ServiceClient client, string topic, string? broker, CancellationToken cancellation) =>
        client.SendAsync<CommandResponse>(HttpMethod.Post, DaprNames.Apps.Rebalancer, ReadCommands.TopicPath(topic) + "/pin", new PinRequest(broker), cancellation);

    private static string BrokerPath(string broker, string command) => $"/brokers/{Uri.EscapeDataString(broker)}/{command}";

    private static Argument<string> TopicArgument() => new("topic") { Description = "Full name, /namespace/topic." };

    private static Argument<string> MoveArgument() => new("move") { Description = "Id of the move: plan, ':' and topic, as 'moves start' and 'moves list --json' show it." };

    private static Argument<string> BrokerArgument() => new("broker") { Description = "Id of the broker, as 'brokers list' shows it." };
}
