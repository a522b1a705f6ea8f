using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Dapr.Client;
using Danube.Dapr.Contracts;

namespace Danube.Dapr.History.Storage;

/// <summary>The record in the Dapr state store.</summary>
internal sealed class DaprHistoryStore(DaprClient dapr) : IHistoryStore
{
    /// <summary>Reads that the sidecar does at the same time for one bulk read.</summary>
    private const int Parallelism = 8;

    public async Task<T?> GetAsync<T>(string key, JsonTypeInfo<T> type, CancellationToken cancel) where T : class
    {
        var json = await dapr.GetByteStateAsync(DaprNames.StateStore, key, ConsistencyMode.Strong, cancellationToken: cancel);
        return json.IsEmpty ? null : JsonSerializer.Deserialize(json.Span, type);
    }

    public async Task<IReadOnlyDictionary<string, T>> GetAsync<T>(IReadOnlyList<string> keys, JsonTypeInfo<T> type, CancellationToken cancel) where T : class
    {
        var found = new Dictionary<string, T>(StringComparer.Ordinal);
        if (keys.Count == 0)
            return found;
        foreach (var item in await dapr.GetBulkStateAsync(DaprNames.StateStore, keys, Parallelism, cancellationToken: cancel))
        {
            if (!string.IsNullOrEmpty(item.Value) && JsonSerializer.Deserialize(item.Value, type) is { } value)
                found[item.Key] = value;
        }

        return found;
    }

    public Task WriteAsync(IReadOnlyList<StoreWrite> writes, CancellationToken cancel) => dapr.ExecuteStateTransactionAsync(
        DaprNames.StateStore,
        [.. writes.Select(w => new StateTransactionRequest(w.Key, w.Json, w.Json is null ? StateOperationType.Delete : StateOperationType.Upsert))],
        cancellationToken: cancel);
}
