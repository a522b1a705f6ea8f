using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Danube.Dapr.LocalSidecar.State;

namespace Danube.Dapr.LocalSidecar.Components;

/// <summary>A state store as a component: its store and what the runtime must know about it.</summary>
internal sealed class StateComponent(ComponentResource resource, IStateStore store, string keyPrefix, bool isActorStore, bool showsExpiry, IReadOnlyList<string> capabilities)
{
    public ComponentResource Resource { get; } = resource;

    public string Name => Resource.Name;

    public IStateStore Store { get; } = store;

    public bool IsActorStore { get; } = isActorStore;

    /// <summary>The same for every process that uses the same data; null when no other process can.</summary>
    public string? SharedAs { get; init; }

    /// <summary>Whether a read tells when the value expires.</summary>
    public bool ShowsExpiry { get; } = showsExpiry;

    public IReadOnlyList<string> Capabilities { get; } = capabilities;

    /// <summary>The store's key of an app's key.</summary>
    public string KeyFor(string appId, string @namespace, string key) => keyPrefix switch
    {
        "appid" => $"{appId}||{key}",
        "name" => $"{Name}||{key}",
        "namespace" => $"{@namespace}.{appId}||{key}",
        "none" => key,
        _ => $"{keyPrefix}||{key}",
    };

    /// <exception cref="ResourceException">The component's type, version or metadata cannot be used.</exception>
    public static StateComponent Create(ComponentResource resource, TimeProvider time, ILogger logger)
    {
        var isActorStore = Boolean(resource, "actorStateStore") ?? false;
        var keyPrefix = Value(resource, "keyPrefix") is { Length: > 0 } prefix ? prefix : "appid";
        if (keyPrefix.Contains("||", StringComparison.Ordinal)) throw Wrong(resource, "keyPrefix", $"'{keyPrefix}' must not contain '||'");
        if (keyPrefix.ToLowerInvariant() is "appid" or "name" or "namespace" or "none") keyPrefix = keyPrefix.ToLowerInvariant();
        if (resource.Version != "v1") throw resource.Spec.Wrong("version", $"'{resource.Version}' of {resource.Type} is not available; v1 is");
        string[] Has(params string[] capabilities) => isActorStore ? [.. capabilities, "ACTOR"] : capabilities;

        switch (resource.Type)
        {
            case "state.in-memory":
                return new StateComponent(resource, new InMemoryStateStore(time), keyPrefix, isActorStore, showsExpiry: true, Has("ETAG", "TRANSACTIONAL", "TTL", "DELETE_WITH_PREFIX", "KEYS_LIKE"));
            case "state.sqlite":
                var sqlite = SqliteOptionsOf(resource, logger);
                return new StateComponent(resource, Sqlite(resource, sqlite, time), keyPrefix, isActorStore, showsExpiry: true, Has("ETAG", "TRANSACTIONAL", "TTL", "KEYS_LIKE"))
                {
                    SharedAs = IsInMemory(sqlite) ? null : $"sqlite:{Path.GetFullPath(SqliteOptions.PathOf(sqlite.ConnectionString))}:{sqlite.TableName}",
                };
            case "state.etcd":
                var etcd = EtcdOptionsOf(resource);
                return new StateComponent(resource, new EtcdStateStore(etcd), keyPrefix, isActorStore, showsExpiry: false, Has("ETAG", "TRANSACTIONAL", "TTL", "KEYS_LIKE"))
                {
                    SharedAs = $"etcd:{string.Join(',', etcd.Endpoints.Order(StringComparer.Ordinal))}:{etcd.KeyPrefixPath}",
                };
            default:
                throw resource.Spec.Wrong("type", $"'{resource.Type}' is not available; state.in-memory, state.sqlite, state.etcd and pubsub.in-memory are");
        }
    }

    private static SqliteOptions SqliteOptionsOf(ComponentResource resource, ILogger logger)
    {
        var connectionString = Required(resource, "connectionString");
        var table = Value(resource, "tableName") is { Length: > 0 } name ? name : "state";
        if (!table.All(static c => char.IsAsciiLetterOrDigit(c) || c == '_') || char.IsAsciiDigit(table[0]))
            throw Wrong(resource, "tableName", $"'{table}' is not a name of letters, digits and underscores");
        if (Duration(resource, "timeout") is not null)
            Notices.HasNoEffect(logger, resource.Metadata["timeout"].Fields.File, "spec.metadata.timeout", "a call waits for the file as long as busyTimeout says, and for the disk");
        var cleanup = Duration(resource, "cleanupInterval");
        return new SqliteOptions(connectionString, table, Duration(resource, "busyTimeout"), Boolean(resource, "disableWAL") ?? false, cleanup > TimeSpan.Zero ? cleanup : null);
    }

    private static bool IsInMemory(SqliteOptions options) => options.ConnectionString == ":memory:" || options.ConnectionString.Contains("mode=memory", StringComparison.OrdinalIgnoreCase);

    private static IStateStore Sqlite(ComponentResource resource, SqliteOptions options, TimeProvider time)
    {
        // Nothing of it outlives the process, and the same etags and expiry come from memory without SQL.
        if (IsInMemory(options)) return new InMemoryStateStore(time);
        try
        {
            return new SqliteStateStore(options, time);
        }
        catch (Microsoft.Data.Sqlite.SqliteException e)
        {
            throw Wrong(resource, "connectionString", $"'{options.ConnectionString}' cannot be opened: {e.Message}");
        }
    }

    private static EtcdOptions EtcdOptionsOf(ComponentResource resource)
    {
        var endpoints = Required(resource, "endpoints").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        if (endpoints.FirstOrDefault(static e => !Uri.TryCreate(e.Contains("://", StringComparison.Ordinal) ? e : "http://" + e, UriKind.Absolute, out _)) is { } bad)
            throw Wrong(resource, "endpoints", $"'{bad}' is not of the form host:port");
        var most = 128;
        if (Value(resource, "maxTxnOps") is { Length: > 0 } text && !(int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out most) && most > 0))
            throw Wrong(resource, "maxTxnOps", $"'{text}' is not a whole number above 0");
        return new EtcdOptions(endpoints, Value(resource, "keyPrefixPath") ?? "", most, Boolean(resource, "tlsEnable") == true ? Tls(resource) : null);
    }

    private static EtcdTls Tls(ComponentResource resource)
    {
        var (ca, certificate, key) = (Required(resource, "ca"), Required(resource, "cert"), Required(resource, "key"));
        var authorities = new X509Certificate2Collection();
        try
        {
            authorities.ImportFromPem(ca);
        }
        catch (CryptographicException e)
        {
            throw Wrong(resource, "ca", $"cannot be read: {e.Message}");
        }
        if (authorities.Count == 0) throw Wrong(resource, "ca", "holds no certificate in PEM form");
        try
        {
            return new EtcdTls(authorities, X509Certificate2.CreateFromPem(certificate, key));
        }
        catch (CryptographicException e)
        {
            throw Wrong(resource, "cert", $"cannot be used with the key of spec.metadata.key, both in PEM form: {e.Message}");
        }
    }

    private static string? Value(ComponentResource resource, string name) => resource.Metadata.TryGetValue(name, out var field) ? field.Value : null;

    private static string Required(ComponentResource resource, string name) =>
        Value(resource, name) is { Length: > 0 } value ? value : throw Wrong(resource, name, "is missing");

    private static bool? Boolean(ComponentResource resource, string name) => Value(resource, name)?.ToLowerInvariant() switch
    {
        null or "" => null,
        "true" or "1" or "yes" or "y" or "on" or "t" => true,
        "false" or "0" or "no" or "n" or "off" or "f" => false,
        var text => throw Wrong(resource, name, $"'{text}' is neither true nor false"),
    };

    // A bare number is a number of seconds, as in daprd.
    private static TimeSpan? Duration(ComponentResource resource, string name) => Value(resource, name) switch
    {
        null or "" => null,
        var text when int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) => TimeSpan.FromSeconds(seconds),
        var text when Scheduling.Durations.TryParseGo(text, out var value) => value,
        var text => throw Wrong(resource, name, $"'{text}' is not a duration such as 500ms or 5s"),
    };

    private static ResourceException Wrong(ComponentResource resource, string name, string problem) =>
        new(resource.Metadata.TryGetValue(name, out var field) ? field.Fields.File : resource.Spec.File, $"spec.metadata.{name}", problem);
}
