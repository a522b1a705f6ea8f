using System.Text.Json.Serialization.Metadata;

namespace Danube.Dapr.History.Storage;

/// <summary>Where the record is kept. One process writes at a time; any may read.</summary>
internal interface IHistoryStore
{
    /// <summary>Reads one value; null when there is none.</summary>
    Task<T?> GetAsync<T>(string key, JsonTypeInfo<T> type, CancellationToken cancel) where T : class;

    /// <summary>Reads several values; those that do not exist are left out.</summary>
    Task<IReadOnlyDictionary<string, T>> GetAsync<T>(IReadOnlyList<string> keys, JsonTypeInfo<T> type, CancellationToken cancel) where T : class;

    /// <summary>Writes all or nothing.</summary>
    Task WriteAsync(IReadOnlyList<StoreWrite> writes, CancellationToken cancel);
}

/// <summary>One write: a JSON value, or null to delete.</summary>
/// <param name="Key">The key.</param>
/// <param name="Json">The value.</param>
internal sealed record StoreWrite(string Key, byte[]? Json);
