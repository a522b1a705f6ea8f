using Danube.Dapr.Contracts;
using Danube.Dapr.History.Record;
using Microsoft.Extensions.Options;

namespace Danube.Dapr.History;

/// <summary>
/// Finds what was never told. A message can be lost after its publisher was told that it is safe: pub/sub in the memory of a sidecar that dies, a broker that
/// acknowledges what a handler could not store. So plans that have ended are compared with the rebalancer's own list: the plan and the end of each move
/// must be in the record, and a step before the end of each that was begun.
/// </summary>
internal sealed class GapFinder(HttpClient rebalancer, HistoryReader reader, TimeProvider clock, int retentionDays)
{
    private const int PlanPage = 50;
    private const int MovePage = 500;

    /// <summary>What has ended so lately may still be on its way.</summary>
    internal static readonly TimeSpan OnItsWay = TimeSpan.FromSeconds(5);

    private readonly HashSet<string> _complete = new(StringComparer.Ordinal);

    /// <summary>The entries that are missing, oldest plan first. Call again when they are stored: only then their plans count as complete.</summary>
    /// <exception cref="HttpRequestException">The rebalancer does not answer.</exception>
    internal async Task<IReadOnlyList<HistoryEntry>> FindAsync(CancellationToken cancel)
    {
        var plans = await GetAsync<PlanRun>($"/plans?limit={PlanPage}", cancel);
        _complete.IntersectWith(plans.Items.Select(p => p.Plan.Id));
        var now = clock.GetUtcNow();
        // What is not kept any more, or will not be tomorrow, is no gap.
        var kept = now.AddDays(1 - retentionDays);
        var ended = plans.Items.Where(p => p.FinishedAt + OnItsWay < now && p.Plan.CreatedAt > kept && !_complete.Contains(p.Plan.Id)).Reverse().ToList();
        if (ended.Count == 0)
            return [];
        var ends = await EndsAsync(ended.Sum(p => p.Plan.Moves.Count) + plans.Items.Sum(p => p.Plan.Moves.Count), cancel);
        var missing = new List<HistoryEntry>();
        foreach (var plan in ended)
        {
            var before = missing.Count;
            var story = await reader.StoryAsync(plan.Plan, cancel);
            if (!story.IsTold)
                missing.Add(Entries.Of(plan.Plan));
            var told = story.Steps.ToLookup(s => s.MoveId, StringComparer.Ordinal);
            foreach (var end in ends[plan.Plan.Id])
            {
                if (end.State is not (MoveState.Skipped or MoveState.Cancelled) && told[end.MoveId].All(s => Entries.IsEnd(s.State)))
                    missing.Add(Entries.Of(Planned(plan.Plan, end)));
                if (!told[end.MoveId].Any(s => Entries.IsEnd(s.State)))
                    missing.Add(Entries.Of(end));
            }

            if (missing.Count == before)
                _complete.Add(plan.Plan.Id);
        }

        return missing;
    }

    /// <summary>The beginning of a move none of whose steps was told: the rebalancer remembers the last step alone, and the plan says when it was decided.</summary>
    private static MoveRecord Planned(RebalancePlan plan, MoveRecord end) => new()
    {
        MoveId = end.MoveId,
        PlanId = plan.Id,
        Topic = end.Topic,
        From = end.From,
        To = end.To,
        State = MoveState.Planned,
        Time = plan.CreatedAt,
        Cause = end.Cause,
        Detail = "The steps between this one and the end got lost on their way.",
        TraceId = end.TraceId,
    };

    /// <summary>Ends of moves by plan; the newest <paramref name="count"/> moves are looked at.</summary>
    private async Task<ILookup<string, MoveRecord>> EndsAsync(int count, CancellationToken cancel)
    {
        var moves = new List<MoveRecord>();
        for (var offset = 0; offset < count; offset += MovePage)
        {
            var page = await GetAsync<MoveRecord>($"/moves?offset={offset}&limit={MovePage}", cancel);
            moves.AddRange(page.Items);
            if (offset + page.Items.Count >= page.Total)
                break;
        }

        return moves.Where(m => Entries.IsEnd(m.State)).ToLookup(m => m.PlanId, StringComparer.Ordinal);
    }

    private async Task<Page<T>> GetAsync<T>(string path, CancellationToken cancel)
    {
        using var answer = await rebalancer.GetAsync(path, cancel);
        answer.EnsureSuccessStatusCode();
        return await answer.Content.ReadFromJsonAsync<Page<T>>(ContractsJson.Wire, cancel) ?? throw new HttpRequestException($"The rebalancer answered nothing to GET {path}.");
    }
}

/// <summary>Looks for gaps from time to time and closes them.</summary>
internal sealed partial class GapCloser(GapFinder finder, HistoryWriter writer, IOptions<HistoryOptions> options, TimeProvider clock, ILogger<GapCloser> log) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            await Task.Delay(TimeSpan.FromSeconds(options.Value.GapCheckSeconds), clock, stoppingToken);
            try
            {
                var missing = await finder.FindAsync(stoppingToken);
                await Task.WhenAll(missing.Select(e => writer.AppendAsync(e, stoppingToken)));
                if (missing.Count > 0)
                    LogClosed(missing.Count);
            }
            catch (Exception error) when (!stoppingToken.IsCancellationRequested)
            {
                LogLater(error.Message);
            }
        }
    }

    [LoggerMessage(LogLevel.Warning, "{Count} entries had got lost on their way and were taken from the rebalancer")]
    private partial void LogClosed(int count);

    [LoggerMessage(LogLevel.Information, "The record could not be compared with the rebalancer's, the next look will: {Why}")]
    private partial void LogLater(string why);
}
