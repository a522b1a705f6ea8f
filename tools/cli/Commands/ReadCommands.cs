using System.CommandLine;
using Danube.Dapr.Cli.Services;
using Danube.Dapr.Contracts;
using Spectre.Console;

namespace Danube.Dapr.Cli.Commands;

/// <summary>Commands that only look.</summary>
internal static class ReadCommands
{
    // Of the services' pages.
    private const int LongestPage = 1000;

    public static IEnumerable<Command> Create()
    {
        yield return ServiceCommand.Calling<RebalancerStatus>("status", "What the rebalancer is doing, and why.",
            (c, _, ct) => c.GetAsync<RebalancerStatus>(DaprNames.Apps.Rebalancer, "/status", ct), Tables.Status);
        yield return ServiceCommand.Calling<BalanceReport>("balance", "How evenly load lies on the brokers, for each resource.",
            (c, _, ct) => c.GetAsync<BalanceReport>(DaprNames.Apps.Ranking, "/balance", ct), Tables.Balance);
        yield return ServiceCommand.Calling<RankingReport>("rankings", "The brokers by score, with what makes it up.",
            (c, _, ct) => c.GetAsync<RankingReport>(DaprNames.Apps.Ranking, "/rankings", ct), Tables.Rankings);
        yield return LoadReports();
        yield return History();
        yield return Statistics();
    }

    /// <summary><c>brokers list</c>.</summary>
    public static Command BrokerList() => ServiceCommand.Calling<IReadOnlyList<BrokerView>>("list", "All brokers with their load.",
        (c, _, ct) => c.GetAsync<IReadOnlyList<BrokerView>>(DaprNames.Apps.Ranking, "/brokers", ct), Tables.Brokers);

    /// <summary><c>topics list</c>.</summary>
    public static Command TopicList()
    {
        var broker = new Option<string?>("--broker") { Description = "Only topics of this broker." };
        var space = new Option<string?>("--namespace") { Description = "Only topics of this namespace." };
        var limit = ServiceCommand.Number("--limit", "How many at most.", 50, 1, 1000);
        var offset = ServiceCommand.Number("--offset", "How many to leave out.", 0, 0, 10_000_000);
        return ServiceCommand.Calling<Page<TopicSnapshot>>("list", "Topics with their rates, heaviest first.",
            (c, p, ct) => c.GetAsync<Page<TopicSnapshot>>(DaprNames.Apps.Ranking,
                "/topics" + Query(("sort", "bytes"), ("broker", p.GetValue(broker)), ("namespace", p.GetValue(space)), ("limit", $"{p.GetValue(limit)}"), ("offset", $"{p.GetValue(offset)}")), ct),
            Tables.Topics, broker, space, limit, offset);
    }

    /// <summary><c>topics show</c>.</summary>
    public static Command TopicShow()
    {
        var topic = new Argument<string>("topic") { Description = "Full name, /namespace/topic." };
        return ServiceCommand.Calling<TopicSnapshot>("show", "One topic.",
            (c, p, ct) => c.GetAsync<TopicSnapshot>(DaprNames.Apps.Ranking, TopicPath(p.GetValue(topic)!), ct), Tables.Topic, topic);
    }

    /// <summary><c>plans list</c>.</summary>
    public static Command PlanList()
    {
        var limit = ServiceCommand.Number("--limit", "How many at most.", 20, 1, 500);
        var offset = ServiceCommand.Number("--offset", "How many to leave out.", 0, 0, 10_000_000);
        return ServiceCommand.Calling<Page<PlanRun>>("list", "Plans and what became of them, newest first.",
            (c, p, ct) => c.GetAsync<Page<PlanRun>>(DaprNames.Apps.Rebalancer, "/plans" + Query(("limit", $"{p.GetValue(limit)}"), ("offset", $"{p.GetValue(offset)}")), ct), Tables.Plans, limit, offset);
    }

    /// <summary><c>plans show</c>.</summary>
    public static Command PlanShow()
    {
        var id = new Argument<string>("plan") { Description = "Id of the plan." };
        return ServiceCommand.Calling<PlanStory>("show", "One plan: its reasons, what became of it and what it did.",
            (c, p, ct) => PlanStoryAsync(c, p.GetValue(id)!, ct), Tables.Story, id);
    }

    /// <summary><c>moves list</c>.</summary>
    public static Command MoveList()
    {
        var plan = new Option<string?>("--plan") { Description = "Only moves of this plan, in its order." };
        var limit = ServiceCommand.Number("--limit", "How many at most.", 50, 1, 500);
        var offset = ServiceCommand.Number("--offset", "How many to leave out.", 0, 0, 10_000_000);
        return ServiceCommand.Calling<Page<MoveRecord>>("list", "Moves with the step they reached, newest first.",
            (c, p, ct) => c.GetAsync<Page<MoveRecord>>(DaprNames.Apps.Rebalancer,
                "/moves" + Query(("plan", p.GetValue(plan)), ("limit", $"{p.GetValue(limit)}"), ("offset", $"{p.GetValue(offset)}")), ct), Tables.Moves, plan, limit, offset);
    }

    /// <summary>A plan, and how those of its moves ended that were not done.</summary>
    internal static async Task<ServiceAnswer<PlanStory>> PlanStoryAsync(ServiceClient client, string id, CancellationToken cancellation)
    {
        ServiceAnswer<PlanRun> run;
        try
        {
            run = await client.GetAsync<PlanRun>(DaprNames.Apps.Rebalancer, $"/plans/{Uri.EscapeDataString(id)}", cancellation);
        }
        catch (CliException unknown) when (unknown.Code == HttpNames.NotFound)
        {
            return await ForgottenAsync(client, id, cancellation);
        }

        if (run.Value is not { } value)
            return new ServiceAnswer<PlanStory>(null, run.Json);
        var moves = value.Failed + value.Skipped == 0
            ? null
            : (await client.GetAsync<Page<MoveRecord>>(DaprNames.Apps.Rebalancer, "/moves" + Query(("plan", id), ("limit", $"{LongestPage}")), cancellation)).Value;
        return new ServiceAnswer<PlanStory>(new PlanStory(value, [.. moves?.Items.Where(m => m.State > MoveState.Done) ?? []]), run.Json);
    }

    /// <summary>A plan that the rebalancer keeps no longer, from the history.</summary>
    private static async Task<ServiceAnswer<PlanStory>> ForgottenAsync(ServiceClient client, string id, CancellationToken cancellation)
    {
        var run = await client.GetAsync<PlanRun>(DaprNames.Apps.History, $"/history/plans/{Uri.EscapeDataString(id)}", cancellation);
        if (run.Value is not { } value)
            return new ServiceAnswer<PlanStory>(null, run.Json);
        var notDone = new Dictionary<string, MoveRecord>(StringComparer.Ordinal);
        string? before = null;
        while (notDone.Count < value.Failed + value.Skipped)
        {
            var query = Query(("kind", "move"), ("plan", id), ("limit", $"{LongestPage}"), ("before", before));
            var entries = (await client.GetAsync<Page<HistoryEntry>>(DaprNames.Apps.History, "/history" + query, cancellation)).Value?.Items ?? [];
            foreach (var move in entries.Select(e => e.Move).OfType<MoveRecord>().Where(m => m.State > MoveState.Done))
                notDone.TryAdd(move.MoveId, move);
            if (entries.Count < LongestPage)
                break;
            before = $"{entries[^1].Position}";
        }

        return new ServiceAnswer<PlanStory>(new PlanStory(value, [.. notDone.Values], FromHistory: true), run.Json);
    }

    /// <summary>Path of a topic: its name with the slashes kept.</summary>
    internal static string TopicPath(string topic) =>
        "/topics/" + string.Join('/', topic.Trim('/').Split('/').Select(Uri.EscapeDataString));

    /// <summary>A query string of the given pairs; those without value are left out.</summary>
    internal static string Query(params (string Key, string? Value)[] pairs)
    {
        var given = pairs.Where(p => !string.IsNullOrEmpty(p.Value)).Select(p => $"{p.Key}={Uri.EscapeDataString(p.Value!)}");
        var query = string.Join('&', given);
        return query.Length == 0 ? "" : "?" + query;
    }

    private static Command LoadReports()
    {
        var broker = new Option<string?>("--broker") { Description = "Only this broker." };
        return ServiceCommand.Calling<IReadOnlyList<LoadReport>>("load-reports", "The newest load report of each broker.",
            (c, p, ct) => c.GetAsync<IReadOnlyList<LoadReport>>(DaprNames.Apps.MetricsCollector, "/load-reports" + Query(("broker", p.GetValue(broker))), ct),
            Tables.LoadReports, broker);
    }

    private static Command History()
    {
        var kind = new Option<string?>("--kind") { Description = "Only this kind." };
        kind.AcceptOnlyFromAmong("cycle", "plan", "move", "broker-event");
        var topic = new Option<string?>("--topic") { Description = "Only about this topic." };
        var broker = new Option<string?>("--broker") { Description = "Only about this broker." };
        var limit = ServiceCommand.Number("--limit", "How many at most.", 20, 1, 500);
        var before = new Option<string?>("--before") { Description = "Only entries before this position, to page on." };
        return ServiceCommand.Calling<Page<HistoryEntry>>("history", "What happened, newest first.",
            (c, p, ct) => c.GetAsync<Page<HistoryEntry>>(DaprNames.Apps.History,
                "/history" + Query(("kind", p.GetValue(kind)), ("topic", p.GetValue(topic)), ("broker", p.GetValue(broker)), ("limit", $"{p.GetValue(limit)}"), ("before", p.GetValue(before))), ct),
            Tables.History, kind, topic, broker, limit, before);
    }

    private static Command Statistics()
    {
        var hours = ServiceCommand.Number("--hours", "Over the last hours.", 24, 1, 720);
        return ServiceCommand.Calling<HistoryStatistics>("statistics", "Sums over the history: moves, reasons, ping-pongs.",
            (c, p, ct) => c.GetAsync<HistoryStatistics>(DaprNames.Apps.History, "/history/statistics" + Query(("hours", $"{p.GetValue(hours)}")), ct), Tables.Statistics, hours);
    }
}

/// <summary>What <c>plans show</c> shows.</summary>
/// <param name="Run">The plan and what became of it.</param>
/// <param name="NotDone">Moves that ended otherwise than done.</param>
/// <param name="FromHistory">True when the rebalancer keeps the plan no longer.</param>
internal sealed record PlanStory(PlanRun Run, IReadOnlyList<MoveRecord> NotDone, bool FromHistory = false);
