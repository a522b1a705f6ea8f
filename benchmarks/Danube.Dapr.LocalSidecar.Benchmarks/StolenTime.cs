using System.Diagnostics;
using System.Globalization;

namespace Danube.Dapr.LocalSidecar.Benchmarks;

/// <summary>
/// Processor time that the machine below this virtual one gave to others ("steal" in <c>/proc/stat</c>). While it is taken away every call waits, and no sidecar can do
/// anything about it: what was measured meanwhile is measured again, a few times at most, and the try with the least of it counts.
/// </summary>
internal static class StolenTime
{
    /// <summary>With no more than this share stolen, in percent, a measure stands.</summary>
    public const double Bearable = 0.5;

    /// <summary>The most tries of one measure.</summary>
    public const int Tries = 6;

    // Of all counters in /proc/stat.
    private const double TicksPerSecond = 100;

    /// <summary>Measures until little was stolen, or the tries are used up.</summary>
    /// <returns>What the best try found, and the share of all cores' time that was stolen in it, in percent; zero where the kernel does not tell.</returns>
    public static async Task<(T Found, double StolenPercent)> LeastAsync<T>(Func<Task<T>> measure)
    {
        (T Found, double Stolen)? best = null;
        for (var n = 0; n < Tries && best is not { Stolen: <= Bearable }; n++)
        {
            var (start, before) = (Stopwatch.GetTimestamp(), Seconds());
            var found = await measure();
            var stolen = (Seconds() - before) / (Stopwatch.GetElapsedTime(start).TotalSeconds * Environment.ProcessorCount) * 100;
            if (best is null || stolen < best.Value.Stolen) best = (found, stolen);
        }
        return best!.Value;
    }

    // cpu user nice system idle iowait irq softirq steal ...
    private static double Seconds() =>
        File.Exists("/proc/stat") && File.ReadLines("/proc/stat").First().Split(' ', StringSplitOptions.RemoveEmptyEntries) is [_, _, _, _, _, _, _, _, var steal, ..]
            ? long.Parse(steal, CultureInfo.InvariantCulture) / TicksPerSecond
            : 0;
}
