using System.Globalization;

namespace Danube.Dapr.Rebalancer.Control;

/// <summary>
/// Reads the clock that people set together with clocks that nobody sets: the stop-watch of the process, and on Linux the time since the machine began, which goes on while the process is down and while the machine sleeps.
/// </summary>
/// <param name="time">Time of day and stop-watch.</param>
/// <param name="proc">Where the kernel tells its boot id and the time since (<see cref="LinuxProc"/>); null when <paramref name="time"/> is not the machine's own.</param>
internal sealed class SteadyClock(TimeProvider time, string? proc)
{
    /// <summary>Where Linux tells it.</summary>
    public const string LinuxProc = "/proc";

    private readonly string _process = Guid.NewGuid().ToString("n");

    /// <summary>The clocks now.</summary>
    public ClockReading Read()
    {
        var (boot, seconds) = SinceBoot();
        return new ClockReading(time.GetUtcNow(), time.GetTimestamp(), _process, boot, seconds);
    }

    private (string? Boot, double? Seconds) SinceBoot()
    {
        if (proc is null)
            return default;
        try
        {
            var boot = File.ReadAllText(Path.Combine(proc, "sys/kernel/random/boot_id")).Trim();
            var uptime = File.ReadAllText(Path.Combine(proc, "uptime")).Split(' ')[0];
            return boot.Length > 0 && double.TryParse(uptime, NumberStyles.Float, CultureInfo.InvariantCulture, out var seconds) ? (boot, seconds) : default;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // Not Linux, or hidden from this process.
            return default;
        }
    }
}
