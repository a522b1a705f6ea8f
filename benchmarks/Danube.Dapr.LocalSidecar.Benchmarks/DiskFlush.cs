using System.Diagnostics;

namespace Danube.Dapr.LocalSidecar.Benchmarks;

/// <summary>How long the disk with the temporary folder takes until it has what was written: the least time of a durable save.</summary>
internal sealed record DiskFlush(double MedianMs, double P99Ms)
{
    public static DiskFlush Measure()
    {
        var path = Path.GetTempFileName();
        try
        {
            using var file = File.OpenHandle(path, FileMode.Open, FileAccess.Write);
            var block = new byte[2000];
            var times = new double[300];
            for (var i = 0; i < times.Length; i++)
            {
                RandomAccess.Write(file, block, (long)i * block.Length);
                var start = Stopwatch.GetTimestamp();
                RandomAccess.FlushToDisk(file);
                times[i] = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            }
            Array.Sort(times);
            return new DiskFlush(times[times.Length / 2], times[(int)(times.Length * 0.99)]);
        }
        finally
        {
            File.Delete(path);
        }
    }
}
