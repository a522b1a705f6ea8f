using System.Globalization;
using Danube.Dapr.Contracts;

namespace Danube.Dapr.History.Record;

/// <summary>A checked question for entries; null members do not restrict.</summary>
/// <param name="Kind">Kind of entry.</param>
/// <param name="Topic">Topic of a move or event.</param>
/// <param name="Broker">Broker of an event, source or target of a move.</param>
/// <param name="Plan">Id of the plan of a cycle, plan or move.</param>
/// <param name="BeforePosition">Only entries below this position.</param>
/// <param name="BeforeTime">Only entries before this time.</param>
/// <param name="Limit">At most so many.</param>
internal sealed record HistoryFilter(string? Kind, string? Topic, string? Broker, string? Plan, long? BeforePosition, DateTimeOffset? BeforeTime, int Limit)
{
    internal const int MaxLimit = 1_000;

    /// <summary>Checks the parameters; all faults are named.</summary>
    internal static (HistoryFilter? Filter, Dictionary<string, string[]> Faults) Parse(
        string? kind, string? topic, string? broker, string? plan, string? before, int? limit)
    {
        var faults = new Dictionary<string, string[]>();
        if (kind is not null && !Entries.Kinds.Contains(kind))
            faults["kind"] = [$"kind is '{kind}'; allowed are {string.Join(", ", Entries.Kinds)}."];
        if (limit is < 1 or > MaxLimit)
            faults["limit"] = [$"limit is {limit}; allowed are 1 to {MaxLimit}."];
        long? position = null;
        DateTimeOffset? time = null;
        if (before is not null)
        {
            if (long.TryParse(before, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
                position = number;
            else if (DateTimeOffset.TryParse(before, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var moment))
                time = moment;
            else
                faults["before"] = [$"before is '{before}'; allowed are the position of an entry or a time such as 2026-01-31T12:00:00Z."];
        }

        return (faults.Count > 0 ? null : new HistoryFilter(kind, topic, broker, plan, position, time, limit ?? 100), faults);
    }

    /// <summary>True for an entry that is asked for.</summary>
    internal bool Matches(HistoryEntry entry) =>
        (Kind is null || entry.Kind == Kind)
        && (BeforePosition is null || entry.Position < BeforePosition)
        && (BeforeTime is null || entry.Time < BeforeTime)
        && (Topic is null || Topic == (entry.Move?.Topic ?? entry.BrokerEvent?.Topic))
        && (Plan is null || Plan == (entry.Move?.PlanId ?? entry.Plan?.Id ?? entry.Cycle?.PlanId))
        && (Broker is null || Broker == entry.BrokerEvent?.BrokerId || Broker == entry.Move?.From || Broker == entry.Move?.To);
}
