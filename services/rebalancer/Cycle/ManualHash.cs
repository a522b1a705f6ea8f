using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Danube.Dapr.Contracts;

namespace Danube.Dapr.Rebalancer.Cycle;

/// <summary>Hash of a plan that an operator put together.</summary>
internal static class ManualHash
{
    /// <summary>SHA-256 (hex) over the time, the snapshot's generation and the moves. With the time, as the same request a second time is another plan: the first may have been cancelled.</summary>
    public static string Of(DateTimeOffset now, long generation, IReadOnlyList<PlannedMove> moves)
    {
        var text = new StringBuilder().Append(CultureInfo.InvariantCulture, $"{now.UtcTicks}\n{generation}");
        foreach (var move in moves)
            text.Append(CultureInfo.InvariantCulture, $"\n{move.Topic}\n{move.From}\n{move.To}\n{move.Force}");
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }
}
