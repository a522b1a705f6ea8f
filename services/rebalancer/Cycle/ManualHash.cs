using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Danube.Dapr.Contracts;

namespace Danube.Dapr.Rebalancer.Cycle;

/// <summary>Hash of a plan that an operator put together.</summary>
internal static class ManualHash
{
    /// <summary>SHA-256 (hex) over the snapshot's generation and the move.</summary>
    public static string Of(long generation, PlannedMove move) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(
            string.Create(CultureInfo.InvariantCulture, $"{generation}\n{move.Topic}\n{move.From}\n{move.To}\n{move.Force}"))));
}
