using System.Globalization;

namespace Danube.Dapr.Chaos.Tests.Harness;

/// <summary>The time of day as the control plane's processes see it, which a test can set: libfaketime stands between them and the system.</summary>
internal sealed class WallClock
{
    private readonly string _file;

    public WallClock(string folder)
    {
        _file = Path.Combine(folder, "clock");
        Set(TimeSpan.Zero);
    }

    /// <summary>The library, or null where it is not installed.</summary>
    public static string? Library { get; } = Directory.Exists("/usr/lib")
        ? Directory.EnumerateDirectories("/usr/lib").Select(d => Path.Combine(d, "faketime", "libfaketimeMT.so.1")).FirstOrDefault(File.Exists)
        : null;

    /// <summary>
    /// What a process needs to see this clock. Its stop-watch goes on as it is, as when an operator sets a clock. Without the last setting libfaketime lets waits of .NET that count by the stop-watch end at
    /// once.
    /// </summary>
    public IEnumerable<KeyValuePair<string, string>> Variables =>
    [
        new("LD_PRELOAD", Library!), new("FAKETIME_TIMESTAMP_FILE", _file), new("FAKETIME_CACHE_DURATION", "1"),
        new("FAKETIME_DONT_FAKE_MONOTONIC", "1"), new("FAKETIME_FORCE_MONOTONIC_FIX", "0"),
    ];

    /// <summary>How far it is from the true time.</summary>
    public TimeSpan Offset { get; private set; }

    /// <summary>Sets it so far from the true time; seen within a second or two.</summary>
    public void Set(TimeSpan offset)
    {
        var next = _file + ".next";
        File.WriteAllText(next, offset.TotalSeconds.ToString("+0;-0;+0", CultureInfo.InvariantCulture));
        File.Move(next, _file, overwrite: true);
        Offset = offset;
    }

    /// <summary>Whether a time that a process told is of this clock, give or take some minutes.</summary>
    public bool Shows(DateTimeOffset told) => (told - (TimeProvider.System.GetUtcNow() + Offset)).Duration() < TimeSpan.FromMinutes(3);
}
