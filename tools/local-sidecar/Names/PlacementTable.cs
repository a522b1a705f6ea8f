using System.Collections.Frozen;
using System.Text.Json;
using System.Text.Json.Serialization;
using Danube.Dapr.LocalSidecar.Actors;

namespace Danube.Dapr.LocalSidecar.Names;

/// <summary>One app instance that a member serves.</summary>
/// <param name="Port">The port of its Dapr HTTP API, which names it on this machine.</param>
/// <param name="Address">Where its sidecar takes invocations and actor calls of other sidecars.</param>
/// <param name="StreamAddress">Where its sidecar takes workflow calls of other sidecars.</param>
/// <param name="Store">What tells its actor state store from others; null without one. Only members with the same store share actors and workflows.</param>
/// <param name="ActorTypes">The actor types that it hosts now.</param>
internal sealed record HostEntry(string AppId, int Port, string Address, string StreamAddress, string? Store, IReadOnlyList<string> ActorTypes);

[JsonSerializable(typeof(IReadOnlyList<HostEntry>))]
internal sealed partial class HostJson : JsonSerializerContext;

/// <summary>Where an actor or an app's workflows are.</summary>
/// <param name="IsHere">Whether that is this process.</param>
internal sealed record Place(string Registration, HostEntry Host, bool IsHere);

/// <summary>One version of the placement, as one process sees it.</summary>
internal sealed class PlacementTable
{
    private readonly FrozenDictionary<string, Place[]> _actors;
    private readonly FrozenDictionary<(string AppId, string Store), Place> _workflows;

    /// <param name="members">The members, the oldest first.</param>
    /// <param name="self">The registration of this process.</param>
    public PlacementTable(long version, IEnumerable<MemberRow> members, string self)
    {
        Version = version;
        var places = members.SelectMany(m => HostsOf(m).Select(h => new Place(m.Registration, h, m.Registration == self))).ToList();
        Registrations = places.Select(static p => p.Registration).ToFrozenSet(StringComparer.Ordinal);
        var stores = places.Where(static p => p.IsHere && p.Host.Store is not null).Select(static p => p.Host.Store).ToHashSet();
        Sharers = places.Where(p => stores.Contains(p.Host.Store)).Select(static p => p.Registration).ToFrozenSet(StringComparer.Ordinal);
        _actors = places.SelectMany(static p => p.Host.ActorTypes.Select(t => (Type: t, Place: p))).GroupBy(static t => t.Type, StringComparer.Ordinal)
            .ToFrozenDictionary(static g => g.Key, static g => WithOneStore([.. g.Select(static t => t.Place)]), StringComparer.Ordinal);
        _workflows = places.Where(static p => p.Host.Store is not null).GroupBy(static p => (p.Host.AppId, p.Host.Store!)).ToFrozenDictionary(static g => g.Key, static g => g.First());
    }

    /// <summary>Before anything is known.</summary>
    public static PlacementTable Empty { get; } = new(0, [], "");

    public long Version { get; }

    public IReadOnlySet<string> Registrations { get; }

    /// <summary>The members that can have what this process may have: those with one of its stores, which they keep as long as they live. The others need not be waited for.</summary>
    public IReadOnlySet<string> Sharers { get; }

    public bool Hosts(string actorType) => _actors.ContainsKey(actorType);

    /// <summary>Who has an actor, or null when nobody hosts its type.</summary>
    public Place? OwnerOf(ActorAddress actor)
    {
        if (!_actors.TryGetValue(actor.Type, out var places)) return null;
        return places.Length == 1 ? places[0] : places.MaxBy(p => ActorSystem.Weight($"{actor}@{p.Host.AppId}:{p.Host.Port}"));
    }

    /// <summary>Who runs an app's workflows: the oldest member with the app and the store, so that they do not move when another one comes.</summary>
    public Place? WorkflowsOf(string appId, string store) => _workflows.GetValueOrDefault((appId, store));

    private static IReadOnlyList<HostEntry> HostsOf(MemberRow member)
    {
        try
        {
            return JsonSerializer.Deserialize(member.Hosts, HostJson.Default.IReadOnlyListHostEntry) ?? [];
        }
        catch (JsonException)
        {
            // Another version of the sidecar, which this one cannot call.
            return [];
        }
    }

    // State that two processes do not share cannot be theirs in turn: each has its own actors then, and a caller without any takes the first.
    private static Place[] WithOneStore(Place[] places)
    {
        var store = (places.FirstOrDefault(static p => p.IsHere) ?? places.MinBy(static p => p.Host.Store, StringComparer.Ordinal)!).Host.Store;
        return [.. places.Where(p => p.Host.Store == store)];
    }
}

/// <summary>
/// The tables since the last one that every member has acknowledged. What all of them place here may act here; what only the latest places here
/// waits until every other member has given it up.
/// </summary>
internal sealed record Placement(IReadOnlyList<PlacementTable> Tables)
{
    public static Placement None { get; } = new([PlacementTable.Empty]);

    public PlacementTable Latest => Tables[^1];

    public bool IsSettled => Tables.Count == 1;

    /// <summary>The place of an actor, when it may act here.</summary>
    public Place? Here(ActorAddress actor) => HereInAll(table => table.OwnerOf(actor));

    public bool HasWorkflowsHere(string appId, string store) => HereInAll(table => table.WorkflowsOf(appId, store)) is not null;

    private Place? HereInAll(Func<PlacementTable, Place?> find)
    {
        Place? place = null;
        foreach (var table in Tables)
        {
            place = find(table);
            if (place is not { IsHere: true }) return null;
        }
        return place;
    }
}
