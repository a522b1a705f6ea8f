using System.Buffers.Text;
using System.Text;
using Danube.Dapr.BrokerClient;

namespace Danube.Dapr.Rebalancer.Execution;

/// <summary>The few figures of a broker's metrics text that a verification needs.</summary>
/// <param name="Owned">Topics that the broker has loaded; null when not exported.</param>
/// <param name="Sent">Accepted publishes, by topic.</param>
/// <param name="Refused">Publishes refused with PermissionDenied, by topic.</param>
/// <param name="WorstLatencyP99Ms">Worst 99th percentile of the publish latency over the topics; null without publishes.</param>
/// <param name="BuiltInMoves">Moves of Danube's own rebalancer; null when not exported.</param>
/// <param name="Redirects">Lookups that it sent elsewhere.</param>
/// <param name="Logged">Topics that have, or had, a log on it: they are Reliable, whatever else says.</param>
internal sealed record MetricsScan(
    double? Owned,
    IReadOnlyDictionary<string, double> Sent,
    IReadOnlyDictionary<string, double> Refused,
    double? WorstLatencyP99Ms,
    double? BuiltInMoves,
    double Redirects,
    IReadOnlySet<string> Logged)
{
    private static readonly byte[] OwnedName = "danube_broker_topics_owned"u8.ToArray();
    private static readonly byte[] SendName = "danube_producer_send_total{"u8.ToArray();
    private static readonly byte[] BuiltInName = "danube_rebalancing_moves_total{"u8.ToArray();
    private static readonly byte[] RedirectName = "danube_client_redirects_total{"u8.ToArray();
    private static readonly byte[] LogName = "danube_wal_append_total{"u8.ToArray();
    private static readonly byte[] LatencyName = "danube_producer_send_latency_ms{"u8.ToArray();

    public static MetricsScan Of(MetricsText text)
    {
        double? owned = null;
        double? worst = null;
        double? builtIn = null;
        double redirects = 0;
        var logged = new HashSet<string>(StringComparer.Ordinal);
        var sent = new Dictionary<string, double>(StringComparer.Ordinal);
        var refused = new Dictionary<string, double>(StringComparer.Ordinal);
        var rest = text.Utf8.Span;
        while (!rest.IsEmpty)
        {
            var end = rest.IndexOf((byte)'\n');
            var line = end < 0 ? rest : rest[..end];
            rest = end < 0 ? default : rest[(end + 1)..];
            if (line.StartsWith(SendName))
            {
                if (Value(line) is not { } value || Label(line, "topic=\""u8) is not { } topic)
                    continue;
                var counts = line.IndexOf("result=\"ok\""u8) >= 0 ? sent : line.IndexOf("PermissionDenied"u8) >= 0 ? refused : null;
                if (counts is not null)
                    counts[topic] = counts.GetValueOrDefault(topic) + value;
            }
            else if (line.StartsWith(LatencyName))
            {
                if (line.IndexOf("quantile=\"0.99\""u8) >= 0 && Value(line) is { } value && double.IsFinite(value) && !(value <= worst))
                    worst = value;
            }
            else if (line.StartsWith(RedirectName))
            {
                redirects += Value(line) ?? 0;
            }
            else if (line.StartsWith(LogName))
            {
                if (Label(line, "topic=\""u8) is { } topic)
                    logged.Add(topic);
            }
            else if (line.StartsWith(BuiltInName))
            {
                builtIn = (builtIn ?? 0) + Value(line);
            }
            else if (line.StartsWith(OwnedName) && line.IndexOf("broker=\""u8) >= 0)
            {
                owned = Value(line);
            }
        }

        return new MetricsScan(owned, sent, refused, worst, builtIn, redirects, logged);
    }

    private static double? Value(ReadOnlySpan<byte> line)
    {
        var space = line.TrimEnd((byte)'\r').LastIndexOf((byte)' ');
        return space >= 0 && Utf8Parser.TryParse(line[(space + 1)..].TrimEnd((byte)'\r'), out double value, out _) ? value : null;
    }

    private static string? Label(ReadOnlySpan<byte> line, ReadOnlySpan<byte> name)
    {
        var start = line.IndexOf(name);
        if (start < 0)
            return null;
        var value = line[(start + name.Length)..];
        var end = value.IndexOf((byte)'"');
        return end < 0 ? null : Encoding.UTF8.GetString(value[..end]);
    }
}
