using Danube.Dapr.Contracts;

namespace Danube.Dapr.Rebalancer.Execution;

/// <summary>When each broker was masked last. Spans that follow closely become one: a report that was on its way between two of them is still read rightly.</summary>
internal static class MaskSpans
{
    private static readonly TimeSpan Kept = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Joined = TimeSpan.FromSeconds(30);

    /// <summary>Those that still matter. One that ended after now is of a clock that was set back; one that is open is of now, whatever clock it began by.</summary>
    public static IReadOnlyList<MaskSpan> Recent(IReadOnlyList<MaskSpan> spans, DateTimeOffset now) =>
        [.. spans.Where(s => !(now - s.To > Kept) && !(s.To > now + Kept)).Select(s => s.From > now ? s with { From = now } : s)];

    /// <summary>The brokers are about to be masked.</summary>
    public static IReadOnlyList<MaskSpan> Begin(IReadOnlyList<MaskSpan> spans, IEnumerable<string> brokers, DateTimeOffset now)
    {
        var known = Recent(spans, now).ToDictionary(s => s.BrokerId, StringComparer.Ordinal);
        foreach (var broker in brokers)
            known[broker] = new MaskSpan(broker, known.TryGetValue(broker, out var last) && !(now - last.To > Joined) ? last.From : now, null);
        return [.. known.Values];
    }

    /// <summary>No broker is masked any more.</summary>
    public static IReadOnlyList<MaskSpan> End(IReadOnlyList<MaskSpan> spans, DateTimeOffset now) => [.. Recent(spans, now).Select(s => s.To is null ? s with { To = now } : s)];
}
