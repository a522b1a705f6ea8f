using System.Text.Json;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Actors;
using Danube.Dapr.Rebalancer.Control;
using Danube.Dapr.Rebalancer.Cycle;
using Danube.Dapr.Rebalancer.Findings;
using Danube.Dapr.Rebalancer.Options;

namespace Danube.Dapr.Rebalancer.Tests;

/// <summary>Whether the topics of a plan came back after their moves, and what follows when they did not.</summary>
public sealed class MoveWatchTests
{
    private const string Name = "/default/a";

    private static readonly DateTimeOffset End = new(2026, 1, 2, 3, 0, 0, TimeSpan.Zero);

    private static readonly RebalancerOptions Options = new();

    /// <summary>What each look shows, the first after six minutes, the second after twelve, when the patience is over.</summary>
    public static TheoryData<string, WatchedMove, Seen[], MoveVerdict?> Looks { get; } = new()
    {
        { "as before", Busy, [new(10, 10, 0)], MoveVerdict.CameBack },
        { "clients away", Busy, [new(0, 0, null), new(0, 0, null)], MoveVerdict.Silent },
        { "clients away, seen once", Busy, [new(0, 0, null)], null },
        { "late, but back", Busy, [new(0, 0, null), new(9, 9, 3)], MoveVerdict.CameBack },
        { "producers idle", Busy, [new(0, 0, 0, Producers: 2), new(0, 0, 0, Producers: 2)], MoveVerdict.Unknown },
        { "consumers get nothing", Busy, [new(10, 0, 200), new(10, 0, 4_000)], MoveVerdict.Silent },
        { "backlog drains", Busy, [new(10, 12, 6_000), new(10, 12, 3_000)], MoveVerdict.CameBack },
        { "backlog grows", Busy, [new(10, 4, 3_000), new(10, 4, 6_000)], MoveVerdict.BacklogGrows },
        { "backlog stands", Busy, [new(10, 10, 3_000), new(10, 10, 3_000)], MoveVerdict.BacklogGrows },
        { "backlog large, seen once", Busy, [new(10, 12, 6_000)], null },
        { "backlog as large as before", Busy with { BacklogBefore = 6_000 }, [new(10, 10, 6_500)], MoveVerdict.CameBack },
        { "backlog of ten seconds", Busy, [new(1_000, 1_000, 9_000)], MoveVerdict.CameBack },
        { "backlog grew before", Busy with { OutBefore = 4, MessagesBefore = 14 }, [new(10, 4, 3_000), new(10, 4, 6_000)], MoveVerdict.Unknown },
        { "backlog not known before", Busy with { BacklogBefore = null }, [new(10, 9, 3_000), new(10, 9, 6_000)], MoveVerdict.Unknown },
        { "backlog not known after", Busy, [new(10, 9, null), new(10, 9, null)], MoveVerdict.Unknown },
        { "no backlog at all", Busy with { BacklogBefore = null }, [new(10, 9, null)], MoveVerdict.CameBack },
        { "hardly any traffic before", Busy with { MessagesBefore = 0.002, OutBefore = 0.001 }, [new(0, 0, 0), new(0, 0, 0)], MoveVerdict.Unknown },
        { "no traffic before", Busy with { MessagesBefore = 0, OutBefore = 0 }, [new(0, 0, 0)], MoveVerdict.CameBack },
        { "last of a backlog was read", Busy with { MessagesBefore = 5, OutBefore = 5, BacklogBefore = 900 }, [new(0, 0, 0)], MoveVerdict.CameBack },
        { "backlog left alone", Busy with { MessagesBefore = 5, OutBefore = 5, BacklogBefore = 900 }, [new(0, 0, 900), new(0, 0, 900)], MoveVerdict.Silent },
        { "planned before the split was kept", Busy with { OutBefore = null }, [new(0, 0, null), new(0, 0, null)], MoveVerdict.Silent },
        { "rates never known", Busy, [new(9, 9, 0, Known: false), new(9, 9, 0, Known: false)], null },
        { "rates never known, for long", Busy, [new(9, 9, 0, Known: false), new(9, 9, 0, Known: false), new(9, 9, 0, Known: false), new(9, 9, 0, Known: false)], MoveVerdict.Unknown },
        { "moved on", Busy, [new(0, 0, null), new(0, 0, null, Owner: "3")], MoveVerdict.Unknown },
        { "without owner", Busy, [new(0, 0, null, Owner: null), new(0, 0, null, Owner: null)], null },
    };

    private static WatchedMove Busy => new() { Topic = Name, PlanId = "p", BrokerId = "2", At = End, MessagesBefore = 20, OutBefore = 10, BacklogBefore = 0 };

    [Theory]
    [MemberData(nameof(Looks))]
    public void Topic_LookedAtAfterItsMove_IsJudgedByWhatItsNewOwnerReports(string what, WatchedMove move, Seen[] looks, MoveVerdict? expected)
    {
        var (state, judged) = Look(new ControlState { Watched = [move] }, looks);

        Assert.True(judged.SingleOrDefault()?.Effect.Verdict == expected, what);
        Assert.Equal(expected is MoveVerdict.Silent or MoveVerdict.BacklogGrows, FindingsOf(state, looks[^1]).Count > 0);
        Assert.Equal(expected is null or MoveVerdict.Silent or MoveVerdict.BacklogGrows, state.Watched.Count == 1);
    }

    [Fact]
    public void Report_LookedAtTwice_IsOneLook()
    {
        var snapshot = Snapshot(new Seen(0, 0, null), 1);
        var (state, _) = MoveWatch.Look(new ControlState { Watched = [Busy] }, snapshot, Options, End.AddMinutes(6));
        (state, var judged) = MoveWatch.Look(state, snapshot, Options, End.AddMinutes(12));

        Assert.Empty(judged);
        Assert.Equal(1, state.Watched.Single().Looks);
    }

    [Fact]
    public void Topic_NotBack_IsAFindingAndRestsUntilItIsBack()
    {
        var (state, _) = Look(new ControlState { Watched = [Busy] }, new Seen(0, 0, null), new Seen(0, 0, null));

        var finding = FindingsOf(state, new Seen(0, 0, null)).Single();
        Assert.Equal((FindingSeverity.Critical, Name, End), (finding.Severity, finding.Subject, finding.Since!.Value));
        Assert.Contains("before: 10 in, 10 out; now: 0 in, 0 out", finding.Evidence, StringComparison.Ordinal);
        Assert.Equal([Name], MoveWatch.Resting(state));

        (state, var judged) = MoveWatch.Look(state, Snapshot(new Seen(8, 8, 0), 18), Options, End.AddMinutes(18));
        Assert.Equal(MoveVerdict.CameBack, judged.Single().Effect.Verdict);
        Assert.Empty(FindingsOf(state, new Seen(8, 8, 0)));
        Assert.Empty(MoveWatch.Resting(state));
    }

    [Fact]
    public void Topic_NotBackAndMovedAgain_StaysAFindingUntilItIsBackThere()
    {
        var (state, _) = Look(new ControlState { Watched = [Busy] }, new Seen(0, 0, null), new Seen(0, 0, null));
        var again = Busy with { PlanId = "q", BrokerId = "3", At = End.AddMinutes(15), MessagesBefore = 0, OutBefore = 0 };

        (state, var judged) = MoveWatch.Look(state with { Watched = [.. state.Watched, again] }, Snapshot(new Seen(0, 0, null, Owner: "3"), 18), Options, End.AddMinutes(18));
        Assert.Equal(("q", MoveVerdict.Unknown), (judged.Single().PlanId, judged.Single().Effect.Verdict!.Value));
        Assert.Contains("it is on broker 3", FindingsOf(state, new Seen(0, 0, null, Owner: "3")).Single().Evidence, StringComparison.Ordinal);

        (state, judged) = MoveWatch.Look(state, Snapshot(new Seen(10, 10, 0, Owner: "3"), 24), Options, End.AddMinutes(24));
        Assert.Equal(("p", MoveVerdict.CameBack), (judged.Single().PlanId, judged.Single().Effect.Verdict!.Value));
        Assert.Empty(state.Watched);
    }

    [Theory]
    [InlineData(19, 1)]
    [InlineData(60 * 25, 0)]
    public void Topic_AwayForADay_IsNoFindingAnyMore(int minutes, int expected)
    {
        var (state, _) = Look(new ControlState { Watched = [Busy] }, new Seen(0, 0, null), new Seen(0, 0, null));

        (state, var judged) = MoveWatch.Look(state, Snapshot(new Seen(0, 0, null), minutes), Options, End.AddMinutes(minutes));

        Assert.Equal(expected, state.Watched.Count);
        Assert.Empty(judged);
    }

    [Fact]
    public void Topic_NotBackWhoseConsumersAreKnownToStall_IsNamedOnce()
    {
        var stalls = new Seen(10, 0, 4_000, Producers: 1, Consumers: 1);
        var (state, _) = Look(new ControlState { Watched = [Busy], Stalls = [new Stall(Name, "2", End, 1)] }, stalls, stalls);

        var snapshot = Snapshot(stalls, 12);
        Assert.Equal(FindingKind.ConsumerStalled, Assert.Single(FindingRules.Of(snapshot, [], state, Options, snapshot.Time)).Kind);
        Assert.Equal([Name], MoveWatch.Resting(state));
    }

    [Fact]
    public void Topic_Deleted_IsForgotten()
    {
        var (state, _) = Look(new ControlState { Watched = [Busy] }, new Seen(0, 0, null), new Seen(0, 0, null));

        (state, _) = MoveWatch.Look(state, Snapshot(new Seen(0, 0, null), 18) with { Topics = [] }, Options, End.AddMinutes(18));

        Assert.Empty(state.Watched);
    }

    [Theory]
    [InlineData(10, 1, 3, true)]
    [InlineData(10, 1, 2, false)]
    [InlineData(10, 0, 4, true)]
    [InlineData(2, 0, 2, false)]
    public void Circuit_TopicsOfAPlanNotBack_CountAsFailedMoves(int begun, int failed, int away, bool opens)
    {
        var state = new ControlState
        {
            EffectsDue = [new EndedPlan("p", End) { Watched = true, Begun = begun, Failed = failed }],
            Watched = [.. Enumerable.Range(0, away).Select(i => Busy with { Topic = $"{Name}{i}" })],
        };

        (state, _) = Look(state, new Seen(0, 0, null), new Seen(0, 0, null));

        Assert.Equal(opens ? ReasonCode.ClientImpact : (ReasonCode?)null, state.Circuit?.Reason);
        Assert.Equal(opens, ControlRules.WhyNotStart(state, new RebalancerOptions { Mode = "auto", StorageMode = "shared_fs" }, End.AddMinutes(12))?.Reason == ReasonCode.CircuitOpen);
    }

    [Theory]
    [InlineData(3, true)]
    [InlineData(4, false)]
    [InlineData(2, false)]
    public void Circuit_PlansOfOneMove_CountTogetherOverAnHour(int judgedInTheHour, bool opens)
    {
        var others = Enumerable.Range(1, judgedInTheHour - 1).Select(i => Busy with { Topic = $"{Name}{i}", PlanId = $"p{i}" });
        // These were back an hour before.
        var (state, _) = Look(new ControlState { Judged = [new JudgedMoves(End.AddHours(-1), 100)], Watched = [.. others] }, new Seen(10, 10, 0));

        // Its plan ended before theirs: what counts is when each was judged.
        (state, _) = Look(state with { Watched = [Busy with { At = End.AddMinutes(-5) }] }, new Seen(0, 0, null), new Seen(0, 0, null));

        Assert.Equal(opens, state.Circuit is not null);
    }

    [Fact]
    public void Circuit_ClosedAfterFailuresOfAPlan_IsNotOpenedAgainByThemAndOneTopic()
    {
        var ended = new EndedPlan("p", End) { Watched = true, Begun = 10, Failed = 4 };
        var state = ControlRules.Switch(new ControlState { EffectsDue = [ended], Watched = [Busy], Judged = [new JudgedMoves(End, 9)] }, new SwitchCommand(ControlSwitch.CloseCircuit), End.AddMinutes(1));

        (state, var judged) = Look(state, new Seen(0, 0, null), new Seen(0, 0, null));

        Assert.Single(judged);
        Assert.Null(state.Circuit);
    }

    [Fact]
    public void Circuit_ClosedByAnOperator_IsNotOpenedAgainByWhatWasSeen()
    {
        var ended = new EndedPlan("p", End) { Watched = true, Begun = 10, Failed = 2 };
        var (state, _) = Look(new ControlState { EffectsDue = [ended], Watched = [Busy, Busy with { Topic = Name + "1" }] }, new Seen(0, 0, null), new Seen(0, 0, null));
        state = ControlRules.Switch(state, new SwitchCommand(ControlSwitch.CloseCircuit), End.AddMinutes(13));
        Assert.Equal(2, FindingsOf(state, new Seen(0, 0, null)).Count);

        (state, var judged) = Look(state with { Watched = [.. state.Watched, Busy with { Topic = Name + "2" }] }, new Seen(0, 0, null), new Seen(0, 0, null));

        Assert.Equal(Name + "2", judged.Single().Effect.Topic);
        Assert.Null(state.Circuit);
    }

    [Fact]
    public void Watched_MoreThanCanBeKept_TheOldestAreUnknown()
    {
        var state = new ControlState { Watched = [.. Enumerable.Range(0, MoveWatch.Most + 7).Select(i => Busy with { Topic = $"{Name}{i}" })] };

        (state, var judged) = Look(state, new Seen(0, 0, null));

        Assert.Equal(MoveWatch.Most, state.Watched.Count);
        Assert.Equal(7, judged.Count(j => j.Effect.Verdict == MoveVerdict.Unknown));
        Assert.InRange(JsonSerializer.SerializeToUtf8Bytes(state, ContractsJson.Wire).Length, 1, 400_000);
    }

    [Fact]
    public void State_OfBeforeMovesWereWatched_IsRead()
    {
        var state = JsonSerializer.Deserialize<ControlState>("""{"effectsDue":[{"planId":"p","at":"2026-01-02T03:00:00+00:00"}]}""", ContractsJson.Wire)!;

        Assert.Equal(new EndedPlan("p", End), state.EffectsDue.Single());
        Assert.Empty(state.Watched);
    }

    private static (ControlState State, IReadOnlyList<JudgedMove> Judged) Look(ControlState state, params Seen[] looks)
    {
        var all = new List<JudgedMove>();
        for (var i = 1; i <= looks.Length; i++)
        {
            (state, var judged) = MoveWatch.Look(state, Snapshot(looks[i - 1], 6 * i, [.. state.Watched.Select(w => w.Topic)]), Options, End.AddMinutes(6 * i));
            all.AddRange(judged);
        }

        return (state, all);
    }

    private static IReadOnlyList<Finding> FindingsOf(ControlState state, Seen seen)
    {
        var snapshot = Snapshot(seen, 20);
        return [.. FindingRules.Of(snapshot, [], state, Options, snapshot.Time).Where(f => f.Kind == FindingKind.NotBackSinceMove)];
    }

    private static ClusterSnapshot Snapshot(Seen seen, double minutes, params string[] topics) => new()
    {
        Time = End.AddMinutes(minutes),
        Brokers = [.. Enumerable.Range(1, 3).Select(id => new BrokerSnapshot { Id = $"{id}", ReportTime = End.AddMinutes(minutes) })],
        Topics =
        [
            .. (topics.Length > 0 ? topics : [Name]).Select(t => new TopicSnapshot
            {
                Name = t,
                BrokerId = seen.Owner,
                Reliable = true,
                RatesKnown = seen.Known,
                MessagesInPerSecond = seen.In,
                MessagesOutPerSecond = seen.Out,
                BacklogMessages = seen.Backlog,
                Producers = seen.Producers,
                Consumers = seen.Consumers,
            }),
        ],
    };

    /// <summary>What a look shows.</summary>
    public sealed record Seen(double In, double Out, long? Backlog, int Producers = 0, int Consumers = 0, bool Known = true, string? Owner = "2");
}
