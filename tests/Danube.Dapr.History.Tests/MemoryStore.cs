using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Danube.Dapr.History.Storage;

namespace Danube.Dapr.History.Tests;

/// <summary>A store in memory that can be told to fail.</summary>
internal sealed class MemoryStore : IHistoryStore
{
    public Dictionary<string, byte[]> Values { get; } = new(StringComparer.Ordinal);

    public int Transactions { get; private set; }

    /// <summary>Reads since the start, by key.</summary>
    public List<string> Reads { get; } = [];

    /// <summary>The next write fails; when true, after it was done.</summary>
    public bool? FailNext { get; set; }

    public Task<T?> GetAsync<T>(string key, JsonTypeInfo<T> type, CancellationToken cancel) where T : class
    {
        Reads.Add(key);
        return Task.FromResult(Values.TryGetValue(key, out var json) ? JsonSerializer.Deserialize(json, type) : null);
    }

    public async Task<IReadOnlyDictionary<string, T>> GetAsync<T>(IReadOnlyList<string> keys, JsonTypeInfo<T> type, CancellationToken cancel) where T : class
    {
        var found = new Dictionary<string, T>();
        foreach (var key in keys)
        {
            if (await GetAsync(key, type, cancel) is { } value)
                found[key] = value;
        }

        return found;
    }

    public Task WriteAsync(IReadOnlyList<StoreWrite> writes, CancellationToken cancel)
    {
        var fail = FailNext;
        FailNext = null;
        if (fail != false)
        {
            Transactions++;
            foreach (var (key, json) in writes)
            {
                if (json is null)
                    Values.Remove(key);
                else
                    Values[key] = json;
            }
        }

        return fail is null ? Task.CompletedTask : Task.FromException(new IOException("The store failed."));
    }
}
