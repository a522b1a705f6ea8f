using System.Text;

namespace Danube.Dapr.BrokerClient;

/// <summary>One broker's metrics, as it wrote them.</summary>
/// <param name="BrokerId">The broker that was asked.</param>
/// <param name="Address">Where.</param>
/// <param name="Utf8">The text in UTF-8.</param>
/// <param name="ReadAt">When the answer began; the counters are of this moment.</param>
/// <param name="Elapsed">From asking to the last byte.</param>
public sealed record MetricsText(string BrokerId, Uri Address, ReadOnlyMemory<byte> Utf8, DateTimeOffset ReadAt, TimeSpan Elapsed)
{
    /// <summary>The text, decoded anew at each call.</summary>
    public string Decode() => Encoding.UTF8.GetString(Utf8.Span);
}
