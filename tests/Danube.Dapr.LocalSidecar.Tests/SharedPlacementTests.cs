using System.Globalization;
using System.Text.Json;
using Danube.Dapr.LocalSidecar.Actors;
using Danube.Dapr.LocalSidecar.Names;

namespace Danube.Dapr.LocalSidecar.Tests;

/// <summary>Where several processes place actors and workflows.</summary>
public sealed class SharedPlacementTests
{
    private static readonly IReadOnlyList<ActorAddress> s_actors = [.. Enumerable.Range(0, 200).Select(static i => new ActorAddress("Counter", i.ToString(CultureInfo.InvariantCulture)))];

    [Fact]
    public void Owner_SeenByEveryMember_IsTheSame()
    {
        MemberRow[] members = [Member("a", 1), Member("b", 2), Member("c", 3, types: [])];
        var tables = new[] { "a", "b", "c" }.Select(self => new PlacementTable(3, members, self)).ToList();

        Assert.All(s_actors, actor => Assert.Single(tables.Select(t => t.OwnerOf(actor)!.Registration).Distinct()));
        Assert.All(["a", "b"], owner => Assert.InRange(s_actors.Count(actor => tables[0].OwnerOf(actor)!.Registration == owner), 60, 140));
    }

    [Fact]
    public void Here_ActorThatASkippedTableGaveAway_WaitsUntilAllAgree()
    {
        // It may have acted at b under the table between.
        var (alone, both, again) = (new PlacementTable(1, [Member("a", 1)], "a"), new PlacementTable(2, [Member("a", 1), Member("b", 2)], "a"), new PlacementTable(3, [Member("a", 1)], "a"));
        var (kept, moved) = (s_actors.First(a => both.OwnerOf(a)!.IsHere), s_actors.First(a => !both.OwnerOf(a)!.IsHere));

        var placement = new Placement([alone, both, again]);

        Assert.NotNull(placement.Here(kept));
        Assert.Null(placement.Here(moved));
        Assert.NotNull(new Placement([again]).Here(moved));
        Assert.Null(new Placement([PlacementTable.Empty, alone]).Here(kept));
    }

    [Fact]
    public void Owner_MembersWithOtherStores_KeepTheirOwnActors()
    {
        MemberRow[] members = [Member("a", 1, store: "memory:a"), Member("b", 2, store: "memory:b"), Member("c", 3, types: [])];

        Assert.Equal(["a"], new PlacementTable(3, members, "a").Sharers);
        Assert.All(s_actors, actor => Assert.Equal(("a", "b", "a"), (Owner("a", actor), Owner("b", actor), Owner("c", actor))));

        string Owner(string self, ActorAddress actor) => new PlacementTable(3, members, self).OwnerOf(actor)!.Registration;
    }

    [Fact]
    public void Workflows_AnotherMemberComes_StayAtTheOldest()
    {
        var table = new PlacementTable(3, [Member("b", 1), Member("a", 2), Member("c", 3, store: "other")], "a");

        Assert.Equal("b", table.WorkflowsOf("app", "store")!.Registration);
        Assert.Equal("c", table.WorkflowsOf("app", "other")!.Registration);
        Assert.Null(table.WorkflowsOf("other", "store"));
    }

    [Fact]
    public void Member_HeardOfMeanwhile_IsNotRemoved()
    {
        using var folder = new TempFolder();
        using var table = new MembersTable(new NameResolution(Path.Combine(folder.Path, "names.db")));
        table.Join("a", "127.0.0.1:1", "default", 100, "[]");
        table.Join("b", "127.0.0.1:2", "default", 100, "[]");
        Assert.True(table.Beat("a", 200));

        table.Remove("a", 100);
        table.Remove("b", 100);

        var (version, members) = table.Read();
        Assert.Equal((3L, "a", 1L, 200L), (version, members.Single().Registration, members.Single().Joined, members.Single().LastBeat));
        Assert.False(table.Beat("b", 300));
        // Who has its port now has replaced it.
        table.Join("c", "127.0.0.1:1", "default", 300, "[]");
        Assert.Equal("c", table.Read().Members.Single().Registration);
    }

    private static MemberRow Member(string registration, int joined, string store = "store", string[]? types = null)
    {
        IReadOnlyList<HostEntry> hosts = [new HostEntry("app", 3500 + joined, "127.0.0.1:1", "127.0.0.1:2", store, types ?? ["Counter"])];
        return new MemberRow(registration, "127.0.0.1:1", "default", joined, 0, 0, JsonSerializer.Serialize(hosts, HostJson.Default.IReadOnlyListHostEntry));
    }
}
