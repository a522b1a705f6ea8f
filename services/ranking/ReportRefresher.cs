namespace Danube.Dapr.Ranking;

/// <summary>
/// Asks the collector for a full round when the view lacks something for a while: after a start, when a part of a report was lost, or when a broker has no load report. The next
/// round brings the same, so a request that fails costs only time. Only the replica that hosts the actor is told what is lacking.
/// </summary>
internal sealed partial class ReportRefresher(HttpClient collector, RankingMetrics metrics, TimeProvider clock, ILogger<ReportRefresher> log) : BackgroundService
{
    /// <summary>How long something may be lacking: the reports of a round and their chunks come one after the other.</summary>
    internal static readonly TimeSpan Grace = TimeSpan.FromSeconds(5);

    /// <summary>Time between the first two requests; it doubles with each that did not help.</summary>
    internal static readonly TimeSpan FirstPause = TimeSpan.FromMinutes(1);

    /// <summary>The longest time between two requests.</summary>
    internal static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(15);

    private volatile Lack? _lack;
    private TimeSpan _pause = FirstPause;
    // By the stop-watch: a clock that was set back holds nothing up.
    private long? _askedAt;
    private TimeSpan _askedFor;

    /// <summary>Takes note of what the view lacks; null: nothing.</summary>
    internal void Lacks(string? what)
    {
        if (what is null)
            _lack = null;
        else if (_lack?.What != what)
            _lack = new Lack(what, clock.GetTimestamp());
    }

    /// <summary>What is to be asked for now; null when nothing is, or not yet.</summary>
    internal string? TakeDue()
    {
        if (_lack is not { } lack)
        {
            _pause = FirstPause;
            return null;
        }

        var now = clock.GetTimestamp();
        if (clock.GetElapsedTime(lack.Since, now) < Grace || (_askedAt is { } asked && clock.GetElapsedTime(asked, now) < _askedFor))
            return null;
        (_askedAt, _askedFor) = (now, _pause);
        _pause = _pause * 2 < LongestPause ? _pause * 2 : LongestPause;
        return lack.What;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1), clock);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                if (TakeDue() is { } lack)
                    await AskAsync(lack, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The service stops.
        }
    }

    private async Task AskAsync(string why, CancellationToken cancel)
    {
        try
        {
            using var answer = await collector.PostAsync("/load-reports/refresh", null, cancel);
            answer.EnsureSuccessStatusCode();
            metrics.Refreshed(ok: true);
            LogAsked(why);
        }
        catch (Exception error) when (error is HttpRequestException || (error is OperationCanceledException && !cancel.IsCancellationRequested))
        {
            metrics.Refreshed(ok: false);
            LogRefused(why, error.Message);
        }
    }

    [LoggerMessage(LogLevel.Information, "Asked the collector to measure now: {Why}")]
    private partial void LogAsked(string why);

    [LoggerMessage(LogLevel.Warning, "The collector did not measure when it was asked to ({Why}); its next round is awaited: {Fault}")]
    private partial void LogRefused(string why, string fault);

    private sealed record Lack(string What, long Since);
}
