using System.Diagnostics;
using System.Threading.Channels;

namespace Danube.Dapr.LocalSidecar.Benchmarks.Load;

/// <summary>What calls at a set pace took.</summary>
/// <param name="PerSecond">Calls a second that ended.</param>
/// <param name="MedianMs">Median time from the moment a call was due.</param>
/// <param name="P99Ms">99 of 100 calls took no longer.</param>
/// <param name="BegunLateP99Ms">99 of 100 calls were begun no later than this after they were due: what client and machine add to their times.</param>
/// <param name="WithinTarget">The share of calls within <see cref="Paced.TargetMs"/>, from 0 to 1.</param>
internal sealed record PacedMeasurement(double PerSecond, double MedianMs, double P99Ms, double BegunLateP99Ms, double WithinTarget);

/// <summary>
/// Calls that begin at a set pace, whether earlier ones have ended or not. The time of a call counts from the moment it was due, so that a call that
/// had to wait behind a slow one is slow itself.
/// </summary>
internal static class Paced
{
    /// <summary>What 99 % of calls shall stay within.</summary>
    public const double TargetMs = 5;

    /// <param name="perSecond">Calls to begin in a second.</param>
    /// <param name="clients">How many can be under way at once; further ones wait, and their time counts.</param>
    /// <param name="warmUp">Calls in this time do not count.</param>
    /// <param name="duration">How long calls count.</param>
    /// <param name="makeClient">Gives a client its call, which gets the number of the call.</param>
    public static async Task<PacedMeasurement> RunAsync(double perSecond, int clients, TimeSpan warmUp, TimeSpan duration, Func<int, Task<Func<int, Task>>> makeClient)
    {
        var made = new Func<int, Task>[clients];
        for (var i = 0; i < clients; i++) made[i] = await makeClient(i);
        var due = Channel.CreateUnbounded<long>();
        var start = Stopwatch.GetTimestamp();
        var begin = start + Ticks(warmUp);
        var end = begin + Ticks(duration);
        new Thread(() => Pace(perSecond, start, end, due.Writer)) { IsBackground = true }.Start();
        var times = new List<(long Late, long Whole)>[clients];
        await Task.WhenAll(Enumerable.Range(0, clients).Select(i => Task.Run(async () =>
        {
            var mine = times[i] = [];
            var n = 0;
            await foreach (var moment in due.Reader.ReadAllAsync())
            {
                var late = Stopwatch.GetTimestamp() - moment;
                await made[i](n++);
                if (moment >= begin) mine.Add((late, Stopwatch.GetTimestamp() - moment));
            }
        })));
        var elapsed = Stopwatch.GetElapsedTime(begin).TotalSeconds;
        var all = times.SelectMany(static t => t).Select(static t => t.Whole).Order().ToArray();
        if (all.Length == 0) return new PacedMeasurement(0, double.NaN, double.NaN, double.NaN, 0);
        var late = times.SelectMany(static t => t).Select(static t => t.Late).Order().ToArray();
        var (p99, target) = ((int)(all.Length * 0.99), TargetMs * Stopwatch.Frequency / 1000);
        return new PacedMeasurement(all.Length / elapsed, Milliseconds(all[all.Length / 2]), Milliseconds(all[p99]), Milliseconds(late[p99]), all.Count(t => t <= target) / (double)all.Length);
    }

    // Once a millisecond: what came due since then begins up to so much late, which counts as time of the call.
    private static void Pace(double perSecond, long start, long end, ChannelWriter<long> due)
    {
        for (var n = 0L; ;)
        {
            var now = Stopwatch.GetTimestamp();
            for (; start + (long)(n * Stopwatch.Frequency / perSecond) is var moment && moment <= now; n++)
            {
                if (moment >= end)
                {
                    due.Complete();
                    return;
                }
                due.TryWrite(moment);
            }
            Thread.Sleep(1);
        }
    }

    private static long Ticks(TimeSpan time) => (long)(time.TotalSeconds * Stopwatch.Frequency);

    private static double Milliseconds(long ticks) => ticks * 1000.0 / Stopwatch.Frequency;
}
