using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Danube.Dapr.Contracts;

namespace Danube.Dapr.History.Record;

/// <summary>The table of contents: days of segments, the oldest first. One value of about 120 bytes a day.</summary>
internal sealed record HistoryHead
{
    /// <summary>Position of the next entry.</summary>
    public long NextPosition { get; init; } = 1;

    /// <summary>Number of the segment that takes the next entry.</summary>
    public long OpenSegment { get; init; } = 1;

    /// <summary>The days that are kept.</summary>
    public IReadOnlyList<HistoryDay> Days { get; init; } = [];

    /// <summary>Entries that are kept.</summary>
    [JsonIgnore]
    public int Count => Days.Sum(d => d.Count);

    /// <summary>The last segment of a day; it may be the open one.</summary>
    internal long LastSegmentOf(int day) => day + 1 < Days.Count ? Days[day + 1].FirstSegment - 1 : OpenSegment;

    /// <summary>The segments of a day.</summary>
    internal IEnumerable<long> SegmentsOf(int day)
    {
        for (var number = Days[day].FirstSegment; number <= LastSegmentOf(day); number++)
            yield return number;
    }

    /// <summary>The first segment that can hold what happened at a time or later: nothing is stored before it happened.</summary>
    internal long FirstSegmentSince(DateTimeOffset time) =>
        Days.FirstOrDefault(d => d.Date >= DateOnly.FromDateTime(time.UtcDateTime))?.FirstSegment ?? OpenSegment + 1;
}

/// <summary>The segments that were written on one day (UTC).</summary>
/// <param name="Date">The day.</param>
/// <param name="FirstSegment">Its first segment.</param>
/// <param name="Count">Its entries.</param>
/// <param name="Kinds">Its entries of each kind; null for a day that an older version began.</param>
internal sealed record HistoryDay(DateOnly Date, long FirstSegment, int Count, IReadOnlyDictionary<string, int>? Kinds = null)
{
    /// <summary>The day with one more entry.</summary>
    internal HistoryDay With(string kind) => this with
    {
        Count = Count + 1,
        Kinds = Kinds is null ? null : new Dictionary<string, int>(Kinds) { [kind] = Kinds.GetValueOrDefault(kind) + 1 },
    };
}

/// <summary>A run of entries in the order of their positions: never more than a bounded number, and never changed once the next one is begun.</summary>
/// <param name="Entries">The entries.</param>
internal sealed record Segment(IReadOnlyList<HistoryEntry> Entries);

/// <summary>One piece of a packed plan.</summary>
/// <param name="Pieces">How many there are.</param>
/// <param name="Data">This piece.</param>
internal sealed record PlanPiece(int Pieces, byte[] Data);

/// <summary>Keys in the store.</summary>
internal static class Keys
{
    internal const string Head = "history-head";

    internal static string Segment(long number) => string.Create(CultureInfo.InvariantCulture, $"history-segment-{number}");

    internal static string Plan(string planId, int piece)
    {
        // Ids are letters, digits and '-'; anything else must not reach the store as a key.
        var plain = planId.Length is > 0 and <= 100 && planId.All(c => char.IsAsciiLetterOrDigit(c) || c == '-');
        var name = plain ? planId : "x-" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(planId)));
        return string.Create(CultureInfo.InvariantCulture, $"history-plan-{name}-{piece}");
    }
}

/// <summary>JSON of what is kept.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, UseStringEnumConverter = true, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(HistoryHead))]
[JsonSerializable(typeof(Segment))]
[JsonSerializable(typeof(PlanPiece))]
[JsonSerializable(typeof(HistoryEntry))]
internal sealed partial class HistoryJson : JsonSerializerContext;
