using Danube.Dapr.Contracts;

namespace Danube.Dapr.History.Record;

/// <summary>A question for entries; null members do not restrict.</summary>
/// <param name="Kind">Kind of entry.</param>
/// <param name="Topic">Topic of a move or event.</param>
/// <param name="Broker">Broker of an event, source or target of a move.</param>
/// <param name="Plan">Id of the plan of a cycle, plan or move.</param>
/// <param name="BeforePosition">Only entries below this position.</param>
/// <param name="BeforeTime">Only entries before this time.</param>
/// <param name="Limit">At most so many.</param>
internal sealed record HistoryFilter(string? Kind, string? Topic, string? Broker, string? Plan, long? BeforePosition, DateTimeOffset? BeforeTime, int Limit)
{
    /// <summary>True for an entry that is asked for.</summary>
    internal bool Matches(HistoryEntry entry) =>
        (Kind is null || entry.Kind == Kind)
        && (BeforePosition is null || entry.Position < BeforePosition)
        && (BeforeTime is null || entry.Time < BeforeTime)
        && (Topic is null || Topic == (entry.Move?.Topic ?? entry.BrokerEvent?.Topic))
        && (Plan is null || Plan == (entry.Move?.PlanId ?? entry.Plan?.Id ?? entry.Cycle?.PlanId))
        && (Broker is null || Broker == entry.BrokerEvent?.BrokerId || Broker == entry.Move?.From || Broker == entry.Move?.To);
}
