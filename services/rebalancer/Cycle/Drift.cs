using System.Globalization;
using Danube.Dapr.Contracts;
using Danube.Dapr.Planning;
using Danube.Dapr.Planning.Mapping;
using Danube.Dapr.Rebalancer.Control;
using Danube.Dapr.Rebalancer.Execution;
using Danube.Dapr.Rebalancer.Options;
using Danube.Dapr.Rebalancer.Plans;
using PlannedMove = Danube.Dapr.Contracts.PlannedMove;

namespace Danube.Dapr.Rebalancer.Cycle;

/// <summary>
/// Whether the moves that are left of a plan would still do what it said. What counts is what the brokers that they take from and give to would carry afterwards, over the mean: noise evens out there, and load that grows or falls
/// everywhere alike changes nothing. Nor does what became of the plan's other moves: they count as made. Backlog and clients are no reason for a move and are not compared.
/// </summary>
internal static class Drift
{
    /// <summary>The plan with what its brokers are to carry afterwards, to be compared later.</summary>
    /// <param name="plan">A plan.</param>
    /// <param name="snapshot">What it was made on.</param>
    public static RebalancePlan Expect(RebalancePlan plan, Snapshot snapshot)
    {
        if (plan.Moves.Count == 0)
            return plan;
        var touched = plan.Moves.SelectMany(m => (string[])[m.From, m.To]).ToHashSet(StringComparer.Ordinal);
        var after = After(plan, snapshot, new HashSet<string>(), begun: false);
        return plan with
        {
            Brokers = [.. plan.Brokers.Select(b => touched.Contains(b.BrokerId) && after.TryGetValue(b.BrokerId, out var a) ? b with { OverMeanAfter = a.OverMean, OverCapacityAfter = a.OverCapacity } : b)],
        };
    }

    /// <summary>Why the moves that are left would not do what the plan said (<see cref="ReasonCode.Drift"/>), or why that cannot be told (any other reason); null when they would.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="moves">The last record of each of its moves.</param>
    /// <param name="now">The cluster as it is, with the rules in force.</param>
    /// <param name="options">The configuration.</param>
    /// <param name="resting">Topics that have not come back since their last move.</param>
    /// <exception cref="SnapshotException">The snapshot contradicts itself.</exception>
    public static Denial? Why(RebalancePlan plan, IReadOnlyList<MoveRecord> moves, ClusterSnapshot now, RebalancerOptions options, IReadOnlySet<string> resting)
    {
        var states = moves.ToDictionary(m => m.Topic, m => m.State, StringComparer.Ordinal);
        var left = plan.Moves.Where(m => states.GetValueOrDefault(m.Topic) < MoveState.Unloading).ToList();
        if (left.Count == 0)
            return null;
        if (plan.Policy != options.Policy)
            return new Denial(ReasonCode.Drift, $"The plan was made with the policy {plan.Policy}; the policy is {options.Policy} now.");
        var possible = new List<PlannedMove>(left.Count);
        if (WhyNotPossible(left, possible, now, options, resting) is { } lost)
            return lost;
        var snapshot = SnapshotMapping.ToPlanning(now);
        // What has landed, or is on its way after an interruption, counts with what it was planned with: its own rates begin anew on its new broker.
        var landed = plan.Moves.Select(m => m.Topic).Where(t => states.GetValueOrDefault(t) is MoveState.Unloading or MoveState.Verifying or MoveState.Done).ToHashSet(StringComparer.Ordinal);
        var begun = moves.Any(PlanProgress.HasBegun);
        return WhyNotKnown(possible, snapshot, options) ?? WhyOther(plan, possible, After(plan, snapshot, landed, begun), options);
    }

    private static Denial? WhyNotPossible(List<PlannedMove> left, List<PlannedMove> possible, ClusterSnapshot now, RebalancerOptions options, IReadOnlySet<string> resting)
    {
        var wanted = left.Select(m => m.Topic).ToHashSet(StringComparer.Ordinal);
        var topics = now.Topics.Where(t => wanted.Contains(t.Name)).ToDictionary(t => t.Name, StringComparer.Ordinal);
        var brokers = now.Brokers.ToDictionary(b => b.Id, StringComparer.Ordinal);
        var excluded = (now.Rules?.ExcludedBrokers ?? []).ToHashSet(StringComparer.Ordinal);
        string? first = null;
        foreach (var move in left)
        {
            var why = !topics.TryGetValue(move.Topic, out var topic) ? $"{move.Topic} does not exist any more"
                : topic.BrokerId != move.From ? $"{move.Topic} is with {(topic.BrokerId is { } owner ? $"broker {owner}" : "nobody")} and not with broker {move.From}"
                : PreflightRules.Rests(move.Topic, move.Cause, move.Force, resting) ? $"{move.Topic} has not come back since its last move"
                : WhyNotWith(move.From, brokers, excluded, mustBeActive: false) ?? WhyNotWith(move.To, brokers, excluded, mustBeActive: true);
            if (why is null)
                possible.Add(move);
            first ??= why;
        }

        var lost = left.Count - possible.Count;
        return lost > options.MaxDrift * left.Count
            ? new Denial(ReasonCode.Drift, string.Create(CultureInfo.InvariantCulture,
                $"{lost} of {left.Count} moves that are left can no longer be made as planned, the limit is {options.MaxDrift:P0}: {first}."))
            : null;
    }

    private static string? WhyNotWith(string id, Dictionary<string, BrokerSnapshot> brokers, HashSet<string> excluded, bool mustBeActive) =>
        !brokers.TryGetValue(id, out var broker) || broker.State == Contracts.BrokerState.Gone ? $"broker {id} is gone"
        : !broker.Reachable ? $"broker {id} does not answer"
        : excluded.Contains(id) ? $"broker {id} is excluded"
        : mustBeActive && broker.State != Contracts.BrokerState.Active ? $"broker {id} is {broker.State}"
        : null;

    /// <summary>Nothing is said to be the same that is not known. A source that is being emptied is left by its topics whatever it carries.</summary>
    private static Denial? WhyNotKnown(List<PlannedMove> moves, Snapshot snapshot, RebalancerOptions options)
    {
        foreach (var id in moves.SelectMany(m => (string[])[m.From, m.To]).Distinct(StringComparer.Ordinal))
        {
            var broker = snapshot.Brokers[snapshot.BrokerIndex(id)];
            if (broker.State == Planning.BrokerState.Active && (snapshot.Time - (broker.ReportedAt ?? snapshot.Time)).TotalSeconds > options.MaxReportAgeSeconds)
                return new Denial(ReasonCode.StaleReports, $"Broker {id} has not reported {(broker.ReportedAt == DateTimeOffset.MinValue ? "yet" : $"since {broker.ReportedAt:u}")}: what it carries cannot be compared with the plan.");
        }

        return moves.FirstOrDefault(m => snapshot.Brokers[snapshot.BrokerIndex(m.From)].State == Planning.BrokerState.Active && !snapshot.Topics[snapshot.TopicIndex(m.Topic)].RatesKnown) is { } unknown
            ? new Denial(ReasonCode.RatesUnknown, $"The rates of {unknown.Topic} are not known: they cannot be compared with the plan.")
            : null;
    }

    /// <summary>A broker that would carry much more or less than was said, over the mean, or more of its capacity than it should.</summary>
    private static Denial? WhyOther(RebalancePlan plan, List<PlannedMove> moves, Dictionary<string, Carried> after, RebalancerOptions options)
    {
        var expected = plan.Brokers.Where(b => b.OverMeanAfter is not null).ToDictionary(b => b.BrokerId, StringComparer.Ordinal);
        var targets = moves.Select(m => m.To).ToHashSet(StringComparer.Ordinal);
        foreach (var id in moves.SelectMany(m => (string[])[m.From, m.To]).Distinct(StringComparer.Ordinal))
        {
            if (!expected.TryGetValue(id, out var said) || said.OverMeanAfter is not { } then || !after.TryGetValue(id, out var carried))
                continue;
            var slack = options.MaxDrift * Math.Max(1, then);
            if (carried.OverMean is { } over && Math.Abs(over - then) > slack)
                return new Denial(ReasonCode.Drift, string.Create(CultureInfo.InvariantCulture,
                    $"Broker {id} would end at {over:0.00} times the mean of {plan.Before.Cause}; the plan said {then:0.00}, allowed are {Math.Max(0, then - slack):0.00} to {then + slack:0.00}."));
            var limit = Math.Max(ImbalancePolicy.Get(options.Policy).MaxOverCapacity, (1 + options.MaxDrift) * said.OverCapacityAfter ?? 0);
            if (targets.Contains(id) && carried.OverCapacity > limit)
                return new Denial(ReasonCode.Drift, string.Create(CultureInfo.InvariantCulture,
                    $"Broker {id} would end with {carried.OverCapacity:P0} of its capacity in use; the plan said {said.OverCapacityAfter ?? 0:P0}, allowed are {limit:P0}."));
        }

        return null;
    }

    /// <summary>
    /// What active brokers would carry with the plan's topics where it puts them. Empty for a plan that says of nothing that it is uneven. Once moves have begun nothing is told of what is measured of a host as a whole: its figure
    /// is of a time in which it carried what has left, and is shared out among the topics that are left.
    /// </summary>
    private static Dictionary<string, Carried> After(RebalancePlan plan, Snapshot snapshot, HashSet<string> landed, bool begun)
    {
        var result = new Dictionary<string, Carried>(StringComparer.Ordinal);
        if (ResourceNames.Parse(plan.Before.Cause) is not { } cause)
            return result;
        var active = Enumerable.Range(0, snapshot.Brokers.Count).Where(b => snapshot.Brokers[b].State == Planning.BrokerState.Active).ToList();
        bool Told(Resource resource) => !begun || resource is Resource.Throughput or Resource.Messages or Resource.TopicCount;
        var load = Load(plan, snapshot, cause, landed);
        var mean = active.Sum(b => load[b]) / active.Sum(b => snapshot.Capacity(b, cause));
        var balanced = plan.PredictedAfter.Resources.Select(r => ResourceNames.Parse(r.Resource)).OfType<Resource>().Where(Told).Select(r => (Resource: r, Load: Load(plan, snapshot, r, landed))).ToList();
        foreach (var b in active)
        {
            result[snapshot.Brokers[b].Id] = new Carried(
                !Told(cause) ? null : mean > 0 ? load[b] / snapshot.Capacity(b, cause) / mean : 0,
                balanced.Select(r => snapshot.Brokers[b].Capacity[r.Resource] is > 0 and var capacity ? r.Load[b] / capacity : (double?)null).Max());
        }

        return result;
    }

    private static double[] Load(RebalancePlan plan, Snapshot snapshot, Resource resource, HashSet<string> landed)
    {
        var load = Enumerable.Range(0, snapshot.Brokers.Count).Select(b => snapshot.BrokerLoad(b, resource)).ToArray();
        foreach (var move in plan.Moves)
        {
            var (topic, to) = (snapshot.TopicIndex(move.Topic), snapshot.BrokerIndex(move.To));
            if (to < 0)
                continue;
            var measured = topic < 0 ? 0 : snapshot.TopicLoad(topic, resource);
            if (topic >= 0 && snapshot.OwnerOf(topic) is >= 0 and var owner)
                load[owner] -= measured;
            load[to] += topic >= 0 && !landed.Contains(move.Topic) ? measured : resource switch
            {
                Resource.Throughput => move.BytesPerSecond,
                Resource.Messages => move.MessagesPerSecond,
                _ => measured,
            };
        }

        return load;
    }

    /// <summary>What a broker carries: over the mean of the active brokers, and the highest share of a known capacity; null where that cannot be told.</summary>
    private sealed record Carried(double? OverMean, double? OverCapacity);
}
