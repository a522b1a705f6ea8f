using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Danube.Dapr.Planning.Benchmarks;

/// <summary>Everything that was measured on one machine. A run can add to an earlier one, so that a long benchmark can be run in parts.</summary>
internal sealed record Results
{
    private const string FileName = "planning.json";
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { Converters = { new PlanRowJson() } };

    public required string Machine { get; init; }

    /// <summary>quick, or full.</summary>
    public required string Mode { get; init; }

    public IReadOnlyList<InstanceRow> Static { get; init; } = [];

    public IReadOnlyList<BandRow> Bands { get; init; } = [];

    public IReadOnlyList<SpeedRow> Speed { get; init; } = [];

    public IReadOnlyList<DynamicRow> Dynamic { get; init; } = [];

    public static string ThisMachine()
    {
        var model = "unknown CPU";
        if (File.Exists("/proc/cpuinfo"))
            model = File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal))?.Split(':', 2)[1].Trim() ?? model;
        return string.Create(CultureInfo.InvariantCulture, $"{Environment.ProcessorCount} cores, {model}, {GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / (1 << 30)} GiB, {RuntimeInformation.OSArchitecture}, {RuntimeInformation.FrameworkDescription}");
    }

    /// <summary>What an earlier run has left in a folder; null when there is nothing.</summary>
    public static Results? Read(string folder)
    {
        var path = Path.Combine(folder, FileName);
        return File.Exists(path) ? JsonSerializer.Deserialize<Results>(File.ReadAllText(path), Json) : null;
    }

    /// <summary>These rows, and those of an earlier run that answer other questions.</summary>
    public Results Over(Results earlier) => this with
    {
        Static = Merge(earlier.Static, Static, r => (r.Size, r.Kind, r.Seed)),
        Bands = Merge(earlier.Bands, Bands, r => (r.Size, r.Kind, r.Seed)),
        Speed = Merge(earlier.Speed, Speed, r => (r.Size, r.Kind)),
        Dynamic = Merge(earlier.Dynamic, Dynamic, r => r.Seed),
    };

    /// <summary>One row a line, so that a change of one row is a change of one line.</summary>
    public void Write(string folder)
    {
        Directory.CreateDirectory(folder);
        static string Rows<T>(IEnumerable<T> rows) => "[\n" + string.Join(",\n", rows.Select(r => JsonSerializer.Serialize(r, Json))) + "\n]";
        File.WriteAllText(Path.Combine(folder, FileName), $$"""
            {"machine":{{JsonSerializer.Serialize(Machine, Json)}},"mode":"{{Mode}}",
            "static":{{Rows(Static)}},
            "bands":{{Rows(Bands)}},
            "speed":{{Rows(Speed)}},
            "dynamic":{{Rows(Dynamic)}}}

            """);
    }

    private static T[] Merge<T, TKey>(IReadOnlyList<T> earlier, IReadOnlyList<T> now, Func<T, TKey> key)
    {
        var answered = now.Select(key).ToHashSet();
        return [.. earlier.Where(r => !answered.Contains(key(r))), .. now];
    }
}
