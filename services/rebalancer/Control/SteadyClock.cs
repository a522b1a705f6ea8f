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

    // One for as long as the process lives.
    private readonly string? _boot = Read(proc, "sys/kernel/random/boot_id")?.Trim() is { Length: > 0 } boot ? boot : null;

    /// <summary>The clocks now.</summary>
    public ClockReading Read()
    {
        var seconds = SinceBoot();
        return new ClockReading(time.GetUtcNow(), time.GetTimestamp(), _process, seconds is null ? null : _boot, seconds);
    }

    private double? SinceBoot() =>
        _boot is not null && double.TryParse(Read(proc, "uptime")?.Split(' ')[0], NumberStyles.Float, CultureInfo.InvariantCulture, out var seconds) ? seconds : null;

    /// <summary>What the kernel tells; null where it does not.</summary>
    private static string? Read(string? proc, string file)
    {
        try
        {
            return proc is null ? null : File.ReadAllText(Path.Combine(proc, file));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // Not Linux, or hidden from this process.
            return null;
        }
    }
}
