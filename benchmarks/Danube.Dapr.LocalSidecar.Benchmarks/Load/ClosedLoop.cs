using System.Diagnostics;

namespace Danube.Dapr.LocalSidecar.Benchmarks.Load;

/// <summary>What one load did.</summary>
/// <param name="PerSecond">Calls a second, all clients together.</param>
/// <param name="MedianMs">Median time of a call.</param>
/// <param name="P99Ms">99 of 100 calls took no longer.</param>
/// <param name="Cpu">Processor time of a call after the warm-up.</param>
internal sealed record Measurement(double PerSecond, double MedianMs, double P99Ms, CpuTime Cpu);

/// <summary>Processor time, in seconds.</summary>
/// <param name="Sidecars">Of the sidecars.</param>
/// <param name="All">Of sidecars, clients, apps and stores.</param>
internal readonly record struct CpuTime(double Sidecars, double All);

/// <summary>Clients that each make one call after the other.</summary>
internal static class ClosedLoop
{
    /// <param name="clients">How many.</param>
    /// <param name="warmUp">Calls in this time do not count.</param>
    /// <param name="duration">How long calls count.</param>
    /// <param name="cpu">Processor time up to now.</param>
    /// <param name="makeClient">Gives a client its call, which gets the number of the call.</param>
    public static async Task<Measurement> RunAsync(int clients, TimeSpan warmUp, TimeSpan duration, Func<CpuTime> cpu, Func<int, Task<Func<int, Task>>> makeClient)
    {
        var made = new Func<int, Task>[clients];
        for (var i = 0; i < clients; i++) made[i] = await makeClient(i);
        var times = new List<long>[clients];
        var begin = Stopwatch.GetTimestamp() + (long)(warmUp.TotalSeconds * Stopwatch.Frequency);
        var end = begin + (long)(duration.TotalSeconds * Stopwatch.Frequency);
        var calls = 0L;
        var perCall = Task.Run(async () =>
        {
            await Task.Delay(warmUp);
            var (from, first) = (cpu(), Interlocked.Read(ref calls));
            await Task.Delay(duration);
            var (to, count) = (cpu(), Interlocked.Read(ref calls) - first);
            return new CpuTime((to.Sidecars - from.Sidecars) / count, (to.All - from.All) / count);
        });
        await Task.WhenAll(Enumerable.Range(0, clients).Select(i => Task.Run(async () =>
        {
            var mine = times[i] = new List<long>(1 << 16);
            var call = made[i];
            for (var n = 0; ; n++)
            {
                var start = Stopwatch.GetTimestamp();
                if (start >= end) return;
                await call(n);
                Interlocked.Increment(ref calls);
                if (start >= begin) mine.Add(Stopwatch.GetTimestamp() - start);
            }
        })));
        var all = times.SelectMany(static t => t).Order().ToArray();
        return all.Length == 0 ? new Measurement(0, double.NaN, double.NaN, await perCall)
            : new Measurement(all.Length / duration.TotalSeconds, Milliseconds(all[all.Length / 2]), Milliseconds(all[(int)(all.Length * 0.99)]), await perCall);
    }

    private static double Milliseconds(long ticks) => ticks * 1000.0 / Stopwatch.Frequency;
}
