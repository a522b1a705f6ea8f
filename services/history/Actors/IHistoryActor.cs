using Dapr.Actors;
using Danube.Dapr.Contracts;

namespace Danube.Dapr.History.Actors;

/// <summary>The one writer of the record. Public because Dapr makes proxies of it; only this service calls it.</summary>
public interface IHistoryActor : IActor
{
    /// <summary>Stores the entries that are new and returns how many those were.</summary>
    Task<int> AppendAsync(IReadOnlyList<HistoryEntry> entries);
}
