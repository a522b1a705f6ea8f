using System.Text.Json;
using Danube.Dapr.Contracts;

namespace Danube.Dapr.Ranking;

/// <summary>
/// Tells drained brokers from masked ones. To steer where a topic lands the rebalancer masks the other brokers for a second, and Danube shows them as drained meanwhile; they serve
/// their topics all the time. The rebalancer journals a mask before it sets it, so whoever sees a masked broker finds the mask there.
/// </summary>
internal sealed partial class MaskReader(HttpClient rebalancer, ILogger<MaskReader> log)
{
    /// <summary>A report is made over some seconds, by another clock.</summary>
    private static readonly TimeSpan Tolerance = TimeSpan.FromSeconds(5);

    private volatile IReadOnlyList<MaskSpan> _last = [];

    /// <summary>The report with brokers that are only masked shown as what they are: active.</summary>
    internal async Task<ClusterReport> UnmaskAsync(ClusterReport report, CancellationToken cancel)
    {
        if (report.Brokers is null || report.Brokers.All(b => b?.State != BrokerState.Drained))
            return report;
        var masked = (await SpansAsync(cancel))
            .Where(s => s.From - Tolerance <= report.Time && !(s.To + Tolerance < report.Time))
            .Select(s => s.BrokerId).ToHashSet(StringComparer.Ordinal);
        return masked.Count == 0
            ? report
            : report with { Brokers = [.. report.Brokers.Select(b => b.State == BrokerState.Drained && masked.Contains(b.Id) ? b with { State = BrokerState.Active } : b)] };
    }

    private async Task<IReadOnlyList<MaskSpan>> SpansAsync(CancellationToken cancel)
    {
        try
        {
            using var answer = await rebalancer.GetAsync("/masks", cancel);
            answer.EnsureSuccessStatusCode();
            return _last = await answer.Content.ReadFromJsonAsync(ContractsJson.Default.IReadOnlyListMaskSpan, cancel) ?? [];
        }
        catch (Exception error) when (error is HttpRequestException or JsonException || (error is OperationCanceledException && !cancel.IsCancellationRequested))
        {
            // What was masked when it answered last is the best that is known.
            LogUnknown(error.Message);
            return _last;
        }
    }

    [LoggerMessage(LogLevel.Debug, "The rebalancer does not tell which brokers it masks: {Fault}")]
    private partial void LogUnknown(string fault);
}
