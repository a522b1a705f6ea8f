using System.Globalization;
using Danube.Dapr.LocalSidecar.Components;
using Danube.Dapr.LocalSidecar.Hosting;
using Danube.Dapr.LocalSidecar.Resiliency;
using Danube.Dapr.LocalSidecar.State;
using Grpc.Core;
using Polly.CircuitBreaker;
using Polly.Timeout;

namespace Danube.Dapr.LocalSidecar.Api;

/// <summary>One item of a save or delete, as both APIs give it.</summary>
internal sealed record StateWrite(string Key, byte[]? Value, string? ETag, bool FirstWrite, IReadOnlyDictionary<string, string> Metadata);

/// <summary>The state building block, for both APIs.</summary>
internal static class StateApi
{
    private const string Mismatch = "possible etag mismatch. error from state store";

    public static StateComponent Store(AppInstance app, string name)
    {
        var stores = app.Components.StateStores;
        if (stores.TryGetValue(name, out var store)) return store;
        if (stores.Count == 0)
            throw new DaprError("ERR_STATE_STORE_NOT_CONFIGURED", 500, StatusCode.FailedPrecondition, $"state store {name} is not configured") { Reason = "DAPR_STATE_NOT_CONFIGURED", ReasonMetadata = new Dictionary<string, string> { ["appID"] = app.AppId } };
        throw new DaprError("ERR_STATE_STORE_NOT_FOUND", 400, StatusCode.InvalidArgument, $"state store {name} is not found")
        {
            Reason = "DAPR_STATE_NOT_FOUND", ReasonMetadata = new Dictionary<string, string> { ["appID"] = app.AppId },
        };
    }

    /// <summary>The order of a bulk answer, which is not that of the request in daprd either: SQLite gives what it finds first, by key.</summary>
    public static IEnumerable<T> BulkOrder<T>(StateComponent store, IReadOnlyList<T> items, Func<T, bool> found, Func<T, string> key) => store.Resource.Type == "state.sqlite"
        ? items.OrderBy(i => found(i) ? 0 : 1).ThenBy(i => found(i) ? key(i) : "", StringComparer.Ordinal)
        : items;

    public static async Task<StateEntry?> GetAsync(AppInstance app, StateComponent store, string key, CancellationToken cancellationToken)
    {
        var full = Key(app, store, key);
        try
        {
            return app.Components.OutboundPolicy(store.Name) is { } policy ? await UnderAsync(policy, store, full, cancellationToken) : await store.Store.GetAsync(full, cancellationToken);
        }
        catch (Exception e) when (IsFailure(e, cancellationToken))
        {
            throw new DaprError("ERR_STATE_GET", 500, StatusCode.Internal, $"failed getting state with key {key} from state store {store.Name}: {Text(e)}");
        }
    }

    public static async Task SaveAsync(AppInstance app, StateComponent store, IReadOnlyList<StateWrite> items, CancellationToken cancellationToken)
    {
        var failure = await ApplyEachAsync(app, store, items, cancellationToken);
        if (failure is null) return;
        var text = $"failed saving state in state store {store.Name}: {Text(failure)}{(items.Count > 1 ? ": " + Text(failure) : "")}";
        throw failure is ETagMismatchException
            ? new DaprError("ERR_STATE_SAVE", 409, StatusCode.Aborted, text)
            : new DaprError("ERR_STATE_SAVE", 500, StatusCode.Internal, text);
    }

    public static async Task DeleteAsync(AppInstance app, StateComponent store, IReadOnlyList<StateWrite> items, CancellationToken cancellationToken)
    {
        var failure = await ApplyEachAsync(app, store, items, cancellationToken);
        if (failure is null) return;
        var text = items.Count == 1 ? $"failed deleting state with key {items[0].Key}: {Text(failure)}" : $"failed deleting state in state store {store.Name}: {Text(failure)}: {Text(failure)}";
        throw failure is ETagMismatchException
            ? new DaprError("ERR_STATE_DELETE", 409, StatusCode.Aborted, text)
            : new DaprError("ERR_STATE_DELETE", 500, StatusCode.Internal, text);
    }

    public static async Task TransactAsync(AppInstance app, StateComponent store, IReadOnlyList<StateWrite> items, CancellationToken cancellationToken)
    {
        if (items.Count == 0) return;
        try
        {
            var operations = items.Select(i => Operation(app, store, i)).ToList();
            await WriteAsync(app, store, operations, cancellationToken);
        }
        catch (TooManyOperationsException e)
        {
            throw new DaprError("ERR_STATE_STORE_TOO_MANY_TRANSACTIONS", 400, StatusCode.InvalidArgument, e.Message) { Reason = "DAPR_STATE_TOO_MANY_TRANSACTIONS" };
        }
        catch (Exception e) when (IsFailure(e, cancellationToken))
        {
            throw new DaprError("ERR_STATE_TRANSACTION", 500, StatusCode.Internal, $"error while executing state transaction: {Text(e)}");
        }
    }

    public static string Key(AppInstance app, StateComponent store, string key)
    {
        if (!key.Contains("||", StringComparison.Ordinal)) return store.KeyFor(app.AppId, app.App.Namespace, key);
        var text = $"input key/keyPrefix '{key}' can't contain '||'";
        throw new DaprError("ERR_MALFORMED_REQUEST", 400, StatusCode.InvalidArgument, text) { Reason = "DAPR_STATE_ILLEGAL_KEY", Resource = ("state", store.Name, ""), BadField = (key, text) };
    }

    public static DaprError QueryUnsupported(StateComponent store) => new("ERR_STATE_STORE_NOT_SUPPORTED", 500, StatusCode.Internal, "state store does not support querying")
    {
        Reason = "DAPR_STATE_QUERYING_NOT_SUPPORTED", Resource = ("state", store.Name, ""),
    };

    public static string? ExpiryText(StateComponent store, StateEntry entry) =>
        store.ShowsExpiry && entry.ExpiresAt is { } at ? at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture) : null;

    /// <summary>The time to live that an item asks for; null for none.</summary>
    /// <exception cref="FormatException">The text is no number, or one that the store does not take.</exception>
    public static TimeSpan? TimeToLive(StateComponent store, IReadOnlyDictionary<string, string> metadata)
    {
        if (!metadata.TryGetValue("ttlInSeconds", out var text) || text.Length == 0) return null;
        if (!long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var seconds))
            throw new FormatException($"{Complaint(store)}{(store.Resource.Type == "state.in-memory" ? "strconv.Atoi" : "strconv.ParseInt")}: parsing \"{text}\": invalid syntax");
        // Each of daprd's stores has limits of its own.
        var (least, most) = store.Resource.Type switch { "state.in-memory" => (long.MinValue, long.MaxValue), "state.etcd" => (-1, long.MaxValue), _ => (-1, int.MaxValue) };
        if (seconds < least || seconds > most) throw new FormatException(Complaint(store) + "must be -1 or greater");
        return seconds > 0 ? TimeSpan.FromSeconds(Math.Min(seconds, TimeSpan.MaxValue.Ticks / TimeSpan.TicksPerSecond)) : null;
    }

    // And words of its own.
    private static string Complaint(StateComponent store) => store.Resource.Type switch
    {
        "state.in-memory" => "",
        "state.etcd" => "incorrect value for metadata 'ttlInSeconds': ",
        _ => "error parsing TTL: incorrect value for metadata 'ttlInSeconds': ",
    };

    // Each item stands for itself: one that fails does not undo the others.
    private static async Task<Exception?> ApplyEachAsync(AppInstance app, StateComponent store, IReadOnlyList<StateWrite> items, CancellationToken cancellationToken)
    {
        foreach (var item in items)
        {
            if (item.Key.Length == 0) throw new DaprError("ERR_STATE_SAVE", 400, StatusCode.InvalidArgument, "state key cannot be empty");
            Key(app, store, item.Key);
        }
        if (items.Count == 1) return await ApplyAsync(app, store, items[0], cancellationToken);
        var results = await Task.WhenAll(items.Select(item => ApplyAsync(app, store, item, cancellationToken)));
        return results.FirstOrDefault(static e => e is not null and not ETagMismatchException) ?? results.FirstOrDefault(static e => e is not null);
    }

    private static async Task<Exception?> ApplyAsync(AppInstance app, StateComponent store, StateWrite item, CancellationToken cancellationToken)
    {
        try
        {
            await WriteAsync(app, store, [Operation(app, store, item)], cancellationToken);
            return null;
        }
        catch (Exception e) when (IsFailure(e, cancellationToken))
        {
            return e;
        }
    }

    private static Task WriteAsync(AppInstance app, StateComponent store, IReadOnlyList<StateOperation> operations, CancellationToken cancellationToken) =>
        app.Components.OutboundPolicy(store.Name) is { } policy ? UnderAsync(policy, store, operations, cancellationToken) : store.Store.ApplyAsync(operations, cancellationToken);

    private static Task<bool> UnderAsync(Policy policy, StateComponent store, IReadOnlyList<StateOperation> operations, CancellationToken cancellationToken) => UnderAsync(policy, async token =>
    {
        await store.Store.ApplyAsync(operations, token);
        return true;
    }, cancellationToken);

    private static StateOperation Operation(AppInstance app, StateComponent store, StateWrite item) =>
        new(Key(app, store, item.Key), item.Value, string.IsNullOrEmpty(item.ETag) ? null : item.ETag, item is { FirstWrite: true, Value: not null, ETag: null }, TimeToLive(store, item.Metadata));

    private static Task<StateEntry?> UnderAsync(Policy policy, StateComponent store, string key, CancellationToken cancellationToken) => UnderAsync(policy, token => store.Store.GetAsync(key, token), cancellationToken);

    private static Task<T> UnderAsync<T>(Policy policy, Func<CancellationToken, Task<T>> call, CancellationToken cancellationToken) => policy.RunAsync(async token =>
    {
        try
        {
            return await call(token);
        }
        catch (Exception e) when (IsFailure(e, token) && e is not (ETagMismatchException or TooManyOperationsException))
        {
            throw new CallFailedException(e.Message, null, e);
        }
    }, cancellationToken).AsTask();

    private static bool IsFailure(Exception e, CancellationToken cancellationToken) =>
        e is not DaprError && !(e is OperationCanceledException && cancellationToken.IsCancellationRequested);

    private static string Text(Exception e) => e switch
    {
        ETagMismatchException => Mismatch,
        BrokenCircuitException => "circuit breaker is open",
        TimeoutRejectedException => "context deadline exceeded",
        RpcException rpc => rpc.Status.Detail,
        _ => e.Message,
    };
}
