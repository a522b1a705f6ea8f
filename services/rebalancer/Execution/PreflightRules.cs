using Danube.Dapr.BrokerClient;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Control;
using Danube.Dapr.Rebalancer.Options;
using BrokerStatus = Danube.Dapr.BrokerClient.BrokerStatus;

namespace Danube.Dapr.Rebalancer.Execution;

/// <summary>What must hold before a topic is unloaded. Each refusal has its reason.</summary>
internal static class PreflightRules
{
    /// <summary>Why nothing can be moved to <paramref name="target"/> now; null when something can.</summary>
    /// <param name="facts">The cluster.</param>
    /// <param name="target">The target.</param>
    /// <param name="options">The configuration.</param>
    /// <param name="forced">True when an operator insists on every move of the batch.</param>
    /// <param name="now">Now.</param>
    public static Denial? WhyNotBatch(ClusterFacts facts, string target, RebalancerOptions options, bool forced, DateTimeOffset now)
    {
        if (!options.StorageKeepsHistory)
            return new Denial(ReasonCode.StorageMode, $"Storage mode {options.StorageMode} does not keep history when a topic moves.");
        if (facts.Topology.Leader is not { } leader || facts.Raft.LeaderId != leader.Id)
            return new Denial(ReasonCode.LeaderChanged, "Danube has no leader, or its brokers do not agree on one.");
        if (!forced && facts.Control.BuiltIn is { } builtIn && builtIn.Leader == leader.Id && facts.BuiltInMoves > builtIn.Moves)
            return new Denial(ReasonCode.BuiltInRebalancing, "Danube's own rebalancer moves topics at this moment: two movers at once are one too many.");
        if (!forced && ControlRules.WhyBuiltInRest(facts.Control, now) is { } rest)
            return rest;
        if (facts.Control.StuckBrokers.Contains(target))
            return new Denial(ReasonCode.BrokerStuck, $"An unload stuck on broker {target}: it is left alone until the circuit breaker is closed.");
        if (facts.Topology.Find(target) is not { } broker)
            return new Denial(ReasonCode.BrokerNotActive, $"Broker {target} is not registered (any more).");
        if (broker.Status != BrokerStatus.Active)
            return new Denial(ReasonCode.BrokerNotActive, $"Broker {target} is {broker.Status}.");
        if (facts.Unreachable.Contains(target))
            return new Denial(ReasonCode.BrokerUnreachable, $"Broker {target} does not answer.");
        if (facts.Balance.Brokers.All(b => b.Id != target))
            return new Denial(ReasonCode.BrokerNotRanked, $"Broker {target} is not in the leader's ranking.");
        return null;
    }

    /// <summary>Why one topic cannot be moved; null when it can.</summary>
    /// <param name="facts">The cluster.</param>
    /// <param name="topic">The topic.</param>
    /// <param name="from">The owner that the plan assumes.</param>
    /// <param name="to">The target.</param>
    /// <param name="described">Danube's description: its owner is found by the very rule by which an unload finds it.</param>
    /// <param name="options">The configuration.</param>
    public static Denial? WhyNotTopic(ClusterFacts facts, string topic, string from, string to, TopicDescription described, RebalancerOptions options)
    {
        var owners = facts.OwnersOf(topic);
        switch (owners.Count)
        {
            case 0:
                return new Denial(ReasonCode.Stranded, "No broker lists it.");
            case > 1:
                return new Denial(ReasonCode.LoadedTwice, $"Brokers {string.Join(" and ", owners)} list it.");
        }

        if (owners[0] == to)
            return new Denial(ReasonCode.AlreadyThere, $"Broker {to} owns it already.");
        if (owners[0] != from)
            return new Denial(ReasonCode.OwnerChanged, $"The plan takes it from {from}, but {owners[0]} owns it.");
        if (facts.Control.StuckBrokers.Contains(from))
            return new Denial(ReasonCode.BrokerStuck, $"An unload stuck on broker {from}: it is left alone until the circuit breaker is closed.");
        if (facts.Topology.Find(from) is null || facts.Unreachable.Contains(from))
            return new Denial(ReasonCode.BrokerUnreachable, $"Broker {from} is gone or does not answer: its topics cannot be unloaded.");
        if (described.ResolvedOwner != from)
            return new Denial(ReasonCode.NameCollision, $"Danube resolves the name to broker {described.ResolvedOwner ?? "none"}, but {from} owns it: an unload would reach the wrong broker.");
        return IsReliable(facts, topic, described) ? null : WhyNotRecreate(facts, topic, described, options);
    }

    /// <summary>Why the configuration of now forbids a move that was planned under that of before; null when it does not. Force overrides the deny list and nothing else.</summary>
    public static Denial? WhyForbidden(string topic, string from, string to, bool forced, RebalancerOptions options)
    {
        if (!forced && TopicGlobs.IsMatch(options.DeniedTopics, topic))
            return new Denial(ReasonCode.Denied, "It is on the deny list.");
        foreach (var broker in (string[])[from, to])
        {
            if (options.ExcludedBrokers.Contains(broker))
                return new Denial(ReasonCode.BrokerExcluded, $"Broker {broker} is excluded.");
        }

        return null;
    }

    /// <summary>True for a move for balance of a topic that has not come back since its last one. What an operator insists on, drains, pins and repairs are made all the same.</summary>
    public static bool Rests(string topic, MoveCause cause, bool forced, IReadOnlySet<string> resting) =>
        !forced && cause is MoveCause.BrokerOverload or MoveCause.BrokerUnderUse or MoveCause.MakesRoom && resting.Contains(topic);

    /// <summary>True when both the owner's list and the description say so.</summary>
    public static bool IsReliable(ClusterFacts facts, string topic, TopicDescription described) =>
        facts.Delivery.GetValueOrDefault(topic, described.Delivery) == TopicDelivery.Reliable && described.Delivery == TopicDelivery.Reliable;

    private static Denial? WhyNotRecreate(ClusterFacts facts, string topic, TopicDescription described, RebalancerOptions options)
    {
        if (RecreateRules.WhyNot(topic, options) is { } denial)
            return denial;
        if (described.SchemaSubject is { } schema)
            return new Denial(ReasonCode.HasSchema, $"It has the schema {schema}, which a new creation would lose.");
        return facts.LongerName(topic) is { } longer
            ? new Denial(ReasonCode.NameCollision, $"Danube would refuse to create it again, because the name of {longer} begins with its name.")
            : null;
    }
}
