namespace Danube.Dapr.LocalSidecar.State;

/// <summary>A key-value store with etags and atomic batches: one component of type <c>state.*</c>. Keys are final: prefixes such as <c>app||key</c> are already in them.</summary>
public interface IStateStore : IAsyncDisposable
{
    /// <summary>The value of <paramref name="key"/>, or null when it does not exist or has expired.</summary>
    Task<StateEntry?> GetAsync(string key, CancellationToken cancellationToken);

    /// <summary>Every living entry whose key begins with <paramref name="prefix"/>, ordered by key (ordinal).</summary>
    Task<IReadOnlyList<StateEntry>> ListAsync(string prefix, CancellationToken cancellationToken);

    /// <summary>Applies all operations atomically and durably, in order: all or none.</summary>
    /// <exception cref="ETagMismatchException">An operation's etag or first-write condition did not hold; nothing was applied.</exception>
    Task ApplyAsync(IReadOnlyList<StateOperation> operations, CancellationToken cancellationToken);
}

/// <summary>A stored value.</summary>
/// <param name="Key">The full key.</param>
/// <param name="Value">The bytes as they were saved.</param>
/// <param name="ETag">Changes with every write of the key.</param>
/// <param name="ExpiresAt">When the value vanishes, or null.</param>
public sealed record StateEntry(string Key, byte[] Value, string ETag, DateTimeOffset? ExpiresAt = null);

/// <summary>One write of a batch.</summary>
/// <param name="Key">The full key.</param>
/// <param name="Value">The new value, or null to delete the key (deleting a missing key is no error unless an etag is given).</param>
/// <param name="ETag">When not null the write holds only if the key's etag is this one.</param>
/// <param name="FirstWrite">When true and no etag is given, the write holds only if the key does not exist.</param>
/// <param name="TimeToLive">When not null the value expires after this time.</param>
/// <param name="CheckOnly">When true the condition must hold, but nothing is written.</param>
public sealed record StateOperation(string Key, byte[]? Value, string? ETag = null, bool FirstWrite = false, TimeSpan? TimeToLive = null, bool CheckOnly = false);

/// <summary>A conditional write met another etag than it asked for.</summary>
public sealed class ETagMismatchException(string key) : Exception($"The etag of key '{key}' is not the one that was given.")
{
    /// <summary>The key whose condition failed.</summary>
    public string Key { get; } = key;
}
