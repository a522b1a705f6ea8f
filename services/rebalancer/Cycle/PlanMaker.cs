using System.Globalization;
using Danube.Dapr.Contracts;
using Danube.Dapr.Planning;
using Danube.Dapr.Planning.Mapping;
using Danube.Dapr.Rebalancer.Control;
using Danube.Dapr.Rebalancer.Options;
using Microsoft.Extensions.Options;
using Refusal = Danube.Dapr.Contracts.Refusal;
using SubjectKind = Danube.Dapr.Contracts.SubjectKind;

namespace Danube.Dapr.Rebalancer.Cycle;

/// <summary>Asks the planner, in its words, and gives its answer in those of the wire.</summary>
internal sealed class PlanMaker(IOptionsMonitor<RebalancerOptions> monitor)
{
    /// <summary>Moves of one plan, at most: a plan is one value of the state store, about 0.6 KB a move and more with long names, and etcd takes 1.5 MiB.</summary>
    public const int MostMoves = 1_000;

    /// <summary>Refusals that a plan keeps, for the same reason.</summary>
    private const int MostRefusals = 200;

    public PlanMade Make(ClusterSnapshot snapshot, PlanRequest request)
    {
        var options = monitor.CurrentValue;
        var policy = ImbalancePolicy.Get(request.Policy);
        Snapshot planning;
        try
        {
            planning = ToPlanning(Movable(Rested(snapshot, request.Resting), options), request);
        }
        catch (SnapshotException error)
        {
            return new PlanMade(null, ReasonCode.InvalidSnapshot, error.Message, null, false, []);
        }

        var plan = Planner.Plan(planning, Options(snapshot, request, options, policy));
        var wire = Drift.Expect(WithTopics(PlanMapping.ToContract(plan, request.Now, request.Trigger, snapshot.Generation), snapshot), planning);
        IReadOnlyList<Refusal> refusals = [.. wire.Refusals.Select(r => Explained(r, request.Resting))];
        // The planner names equal plans alike. Made again, after the first was cancelled or failed, it is another run.
        wire = wire with { Refusals = [.. refusals.Take(MostRefusals)], Id = string.Create(CultureInfo.InvariantCulture, $"{wire.Id}-{request.Now.UtcTicks:x}") };
        var outOfBand = plan.Moves.Count > 0 || policy.IsTriggeredBy(plan.Before) || (request.UntilTarget && !policy.IsSettled(plan.Before));
        if (plan.Moves.Count > 0)
            return new PlanMade(wire, null, wire.Summary, wire.Before, outOfBand, refusals);
        var why = refusals.FirstOrDefault(r => r.Kind == SubjectKind.Cluster)
            ?? new Refusal(SubjectKind.Cluster, "", outOfBand ? ReasonCode.NoBenefit : ReasonCode.Balanced, wire.Summary);
        return new PlanMade(wire, why.Reason, why.Detail, wire.Before, outOfBand, refusals);
    }

    /// <summary>A plan of one move that an operator asked for, with what it does to the balance.</summary>
    /// <exception cref="SnapshotException">The snapshot contradicts itself.</exception>
    public static RebalancePlan Single(ClusterSnapshot snapshot, TopicSnapshot topic, string target, bool force, string reason, DateTimeOffset now, string policy)
    {
        var after = snapshot with { Topics = [.. snapshot.Topics.Select(t => t.Name == topic.Name ? t with { BrokerId = target } : t)] };
        var move = new Contracts.PlannedMove
        {
            Topic = topic.Name,
            From = topic.BrokerId ?? "",
            To = target,
            Cause = Contracts.MoveCause.Manual,
            Force = force,
            Reason = reason,
            BytesPerSecond = topic.BytesInPerSecond + topic.BytesOutPerSecond,
            MessagesPerSecond = topic.MessagesInPerSecond + topic.MessagesOutPerSecond,
            MessagesOutPerSecond = topic.MessagesOutPerSecond,
            Clients = topic.Producers + topic.Consumers,
            FirstSeen = topic.FirstSeen,
            BacklogMessages = topic.BacklogMessages,
        };
        var hash = ManualHash.Of(now, snapshot.Generation, [move]);
        return new RebalancePlan
        {
            Id = $"m-{hash[..16]}",
            Hash = hash,
            CreatedAt = now,
            Trigger = PlanTrigger.ManualMove,
            Policy = policy,
            SnapshotGeneration = snapshot.Generation,
            Moves = [move],
            Before = Measure(snapshot, now),
            PredictedAfter = Measure(after, now),
            LowerBoundMoves = 1,
            Summary = $"Move {topic.Name} from {move.From} to {target}: {reason}",
        };
    }

    /// <summary>A plan that gives topics an owner again. It moves nothing that has one.</summary>
    /// <exception cref="SnapshotException">The snapshot contradicts itself.</exception>
    public static RebalancePlan Repair(ClusterSnapshot snapshot, IReadOnlyList<UnownedTopic> topics, DateTimeOffset now, string policy)
    {
        var balance = Measure(snapshot, now);
        Contracts.PlannedMove[] moves =
        [
            // A topic comes after those whose names begin with its own: Danube finds their owner for its name.
            .. topics.OrderByDescending(t => t.Name, StringComparer.Ordinal).Take(MostMoves).Select(t => new Contracts.PlannedMove
            {
                Topic = t.Name,
                From = "",
                To = "",
                Cause = Contracts.MoveCause.Repair,
                // Only what was seen to be NonReliable may be deleted and created again.
                Force = t.Reliable is false,
                Reason = $"Nobody owns it since {t.Since:u}.",
            }),
        ];
        var hash = ManualHash.Of(now, snapshot.Generation, moves);
        return new RebalancePlan
        {
            Id = $"r-{hash[..16]}",
            Hash = hash,
            CreatedAt = now,
            Trigger = PlanTrigger.Repair,
            Policy = policy,
            SnapshotGeneration = snapshot.Generation,
            Moves = moves,
            Before = balance,
            PredictedAfter = balance,
            Summary = $"Repair {moves.Length} topics that nobody owns.{(topics.Count > moves.Length ? $" The other {topics.Count - moves.Length} are left for a further repair." : "")}",
        };
    }

    /// <summary>To the planner a topic that may be created again elsewhere is as movable as a Reliable one; the preflight sees what it really is.</summary>
    private static ClusterSnapshot Movable(ClusterSnapshot snapshot, RebalancerOptions options) => options.RecreateTopics.Count == 0
        ? snapshot
        : snapshot with { Topics = [.. snapshot.Topics.Select(t => t.Reliable is false && RecreateRules.WhyNot(t.Name, options) is null ? t with { Reliable = true } : t)] };

    /// <summary>What the plan was made on, for later steps: the gate in front of a topic checks its age again, and the measured backlog is compared.</summary>
    private static RebalancePlan WithTopics(RebalancePlan plan, ClusterSnapshot snapshot)
    {
        if (plan.Moves.Count == 0)
            return plan;
        var moved = plan.Moves.Select(m => m.Topic).ToHashSet(StringComparer.Ordinal);
        var topics = snapshot.Topics.Where(t => moved.Contains(t.Name)).ToDictionary(t => t.Name, StringComparer.Ordinal);
        return plan with
        {
            Moves = [.. plan.Moves.Select(m => topics.GetValueOrDefault(m.Topic) is { } topic ? Of(m, topic) : m)],
        };
    }

    private static Contracts.PlannedMove Of(Contracts.PlannedMove move, TopicSnapshot topic) =>
        move with { FirstSeen = topic.FirstSeen, BacklogMessages = topic.BacklogMessages, MessagesOutPerSecond = topic.MessagesOutPerSecond };

    /// <summary>Topics that have not come back since their last move are left alone as those whose rates are not known; a drain takes them along all the same.</summary>
    private static ClusterSnapshot Rested(ClusterSnapshot snapshot, IReadOnlySet<string> resting) => resting.Count == 0
        ? snapshot
        : snapshot with { Topics = [.. snapshot.Topics.Select(t => resting.Contains(t.Name) ? t with { RatesKnown = false } : t)] };

    private static Refusal Explained(Refusal refusal, IReadOnlySet<string> resting) => refusal.Reason == ReasonCode.RatesUnknown && resting.Contains(refusal.Subject)
        ? refusal with { Detail = $"{refusal.Subject} has not come back since its last move." }
        : refusal;

    internal static BalanceReport Measure(ClusterSnapshot snapshot, DateTimeOffset now) =>
        PlanMapping.ToContract(ImbalanceMeasure.Of(SnapshotMapping.ToPlanning(snapshot)), now);

    private static Snapshot ToPlanning(ClusterSnapshot snapshot, PlanRequest request) =>
        SnapshotMapping.ToPlanning(snapshot, request.WithoutHourlyLimit ? 0 : request.Ledger.Total(request.Now));

    private static PlannerOptions Options(ClusterSnapshot snapshot, PlanRequest request, RebalancerOptions options, ImbalancePolicy policy)
    {
        var rules = SnapshotMapping.ToRules(snapshot.Rules);
        var brokerLeft = snapshot.Brokers.ToDictionary(b => b.Id, b => options.MaxMovesPerBrokerPerHour - request.Ledger.OfBroker(request.Now, b.Id));
        var usedUp = brokerLeft.Where(b => b.Value <= 0).Select(b => b.Key).ToList();
        var namespaces = snapshot.Topics.Select(t => TopicNames.Namespace(t.Name)).Distinct(StringComparer.Ordinal);
        return new PlannerOptions
        {
            Policy = policy,
            Goal = request.DrainBroker is null ? PlanGoal.Rebalance : PlanGoal.Drain,
            Brokers = request.DrainBroker is { } drained ? [drained] : [],
            OnlyWhenTriggered = !request.UntilTarget || request.Trigger == PlanTrigger.Imbalance,
            AlreadyTriggered = request.UntilTarget,
            Rules = request.WithoutHourlyLimit ? rules : rules with { ExcludedBrokers = [.. rules.ExcludedBrokers, .. usedUp] },
            Limits = new PlanLimits
            {
                MaxMovesPerCycle = Math.Max(1, request.MaxMoves),
                MaxMovesPerHour = request.WithoutHourlyLimit ? 1_000_000 : options.MaxMovesPerHour,
                MaxMovesPerBroker = request.WithoutHourlyLimit ? 1_000_000 : Math.Max(1, brokerLeft.Values.Where(left => left > 0).DefaultIfEmpty(1).Min()),
                NamespaceBudgets = request.WithoutHourlyLimit
                    ? new Dictionary<string, int>()
                    : namespaces.ToDictionary(n => n, n => Math.Max(0, options.MaxMovesPerNamespacePerHour - request.Ledger.OfNamespace(request.Now, n))),
                CoolDown = TimeSpan.FromSeconds(options.CoolDownSeconds),
                NoReturnWithin = ControlRules.NoReturn(options),
                MinTopicAge = TimeSpan.FromSeconds(options.MinTopicAgeSeconds),
                MaxReportAge = TimeSpan.FromSeconds(options.MaxReportAgeSeconds),
                MinBrokers = options.MinBrokers,
            },
        };
    }
}
