namespace Danube.Dapr.Planning.Tests;

/// <summary>Every reason of the closed list comes out of a plan that has cause for it.</summary>
public sealed class ReasonTests
{
    public static TheoryData<Reason> All() => [.. Enum.GetValues<Reason>()];

    [Theory]
    [MemberData(nameof(All))]
    public void Plan_CauseForAReason_GivesItWithASentence(Reason reason)
    {
        var (cluster, options) = Case(reason);

        var plan = Planner.Plan(cluster.Build(), options);

        var refusals = plan.Refusals.Where(r => r.Reason == reason).Select(r => r.Detail);
        var alternatives = plan.Moves.SelectMany(m => m.Alternatives).Where(a => a.Reason == reason).Select(a => a.Detail);
        Assert.Contains(refusals.Concat(alternatives), detail => detail.Length > 10 && (detail.EndsWith('.') || detail.Contains(':', StringComparison.Ordinal)));
    }

    /// <summary>Broker 1 carries ten topics of 10, two empty brokers wait for them.</summary>
    private static Cluster Skewed(Func<TopicInfo, TopicInfo>? change = null)
    {
        var cluster = new Cluster().Brokers("1", "2", "3");
        for (var i = 0; i < 10; i++) cluster.Topic("1", 10, $"/default/t{i}", i < 9 ? change : null);
        return cluster;
    }

    private static (Cluster Cluster, PlannerOptions Options) Case(Reason reason)
    {
        var plain = Cluster.Unlimited;
        var limits = PlanLimits.None;
        var production = new PlanLimits { MaxMovesPerCycle = 100, MaxMovesPerHour = 100 };
        return reason switch
        {
            Reason.Balanced => (new Cluster().Brokers("1", "2").Topics("1", 10).Topics("2", 10), plain),
            Reason.NoBenefit => (Skewed(t => t with { Producers = 1000 }), plain with { Cost = new(1, 1, 0), PaybackHorizon = TimeSpan.FromSeconds(60) }),
            Reason.TooFewBrokers => (Skewed(), plain with { Limits = limits with { MinBrokers = 4 } }),
            Reason.StaleReports => (Skewed().Broker("4", b => b with { ReportedAt = Cluster.Now.AddMinutes(-10) }), plain with { Limits = production }),
            Reason.QuietHours => (Skewed(), plain with { Limits = limits with { QuietHours = [new(new(11, 0), new(13, 0))] } }),
            Reason.CycleLimit => (Skewed(), plain with { Limits = limits with { MaxMovesPerCycle = 2 } }),
            Reason.HourlyLimit => (Skewed(), plain with { Limits = limits with { MaxMovesPerHour = 2 } }),
            Reason.BrokerLimit => (Skewed(), plain with { Limits = limits with { MaxMovesPerBroker = 2 } }),
            Reason.NamespaceLimit => (Skewed(), plain with { Limits = limits with { MaxMovesPerNamespace = 2 } }),
            Reason.CoolDown => (Skewed(t => t with { LastMoved = Cluster.Now.AddMinutes(-1) }), plain with { Limits = production }),
            Reason.TopicTooYoung => (Skewed(t => t with { FirstSeen = Cluster.Now.AddMinutes(-1) }), plain with { Limits = production }),
            Reason.Denied => (Skewed(), plain with { Rules = new() { DeniedTopics = ["/default/t1"] } }),
            Reason.Pinned => (Skewed(), plain with { Rules = new() { Pins = [new("/default/t1", "1")] } }),
            Reason.DeadCopy => (Skewed(), plain with { Rules = new() { Banned = [new("*", "3")] } }),
            Reason.NonReliable => (Skewed(t => t with { Delivery = Delivery.NonReliable }), plain),
            Reason.DeliveryUnknown => (Skewed(t => t with { Delivery = Delivery.Unknown }), plain),
            Reason.RatesUnknown => (Skewed(t => t with { RatesKnown = false }), plain),
            Reason.LoadedTwice => (Skewed(t => t with { LoadedTwice = true }), plain),
            Reason.Stranded => (Skewed().Topic(null, 10), plain),
            Reason.Reserved => (Skewed(t => t with { Busy = true }), plain),
            Reason.BrokerNotActive => (Skewed().Broker("4", b => b with { State = BrokerState.Draining }), plain),
            Reason.BrokerUnreachable => (Skewed().Broker("4", b => b with { State = BrokerState.Down }), plain),
            Reason.BrokerExcluded => (Skewed().Broker("4"), plain with { Rules = new() { ExcludedBrokers = ["4"] } }),
            Reason.BrokerStuck => (Skewed().Broker("4", b => b with { Suspect = true }), plain),
            Reason.Capacity => (new Cluster().Brokers("1", "2", "3").Topics("1", 50, 30, 20).Topics("2", 40).Topics("3", 5), plain),
            Reason.AntiAffinity => (Skewed(t => t with { PartitionGroup = "g" }), plain with { Rules = new() { MaxPartitionsPerBroker = 3 } }),
            Reason.Affinity => (Skewed(), plain with { Rules = new() { Affinity = [new("a", ["/default/*"], ["1", "2"], [], true)] } }),
            Reason.Requirement => (Skewed().Broker("4", b => b with { Capacity = new(Throughput: 1000) }), plain with { Rules = new() { Requirements = [new("/default/*", ThroughputBytesPerSecond: 100_000)] } }),
            Reason.Unsplittable => (new Cluster().Brokers("1", "2").Topics("1", 1000).Topics("2", 1, 1), plain),
            Reason.Infeasible => (Skewed(), plain with { Goal = PlanGoal.Drain, Brokers = ["1"], Rules = new() { Banned = [new("/default/t1", "2"), new("/default/t1", "3")] } }),
            Reason.WorseBalance => (Skewed(), plain),
            Reason.NotCausedByTopics => (Hosts(), plain with { Resources = [Resource.Cpu, Resource.Throughput] }),
            _ => throw new ArgumentOutOfRangeException(nameof(reason), reason, "There is no case for this reason."),
        };
    }

    /// <summary>CPU that does not depend on the topics' rates.</summary>
    private static Cluster Hosts() => new Cluster()
        .Broker("1", b => b with { Measured = new(Cpu: 2), Capacity = new(Cpu: 4) }).Broker("2", b => b with { Measured = new(Cpu: 3), Capacity = new(Cpu: 4) })
        .Topics("1", 10, 10, 10, 10).Topics("2", 10);
}
