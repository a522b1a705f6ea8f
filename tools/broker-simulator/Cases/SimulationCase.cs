using System.Globalization;

namespace Danube.Dapr.BrokerSimulator.Cases;

/// <summary>A topic at the start of a case.</summary>
/// <param name="Name">Full name.</param>
/// <param name="Reliable">Whether it keeps a log.</param>
/// <param name="MessagesPerSecond">Base rate.</param>
/// <param name="MessageBytes">Payload of a message.</param>
/// <param name="Producers">Producers.</param>
/// <param name="Subscriptions">Subscriptions with a consumer each.</param>
internal sealed record PlannedTopic(string Name, bool Reliable, double MessagesPerSecond, int MessageBytes, int Producers, int Subscriptions)
{
    public double Cost => BrokerUsage.Cost(MessagesPerSecond, MessageBytes, Subscriptions);
}

/// <summary>The start of a case: which topic is on which broker, and how much brokers can bear.</summary>
/// <param name="Placement">Topic and index of its broker.</param>
/// <param name="CapacityPerBroker">Cost per second that fills a broker's CPU.</param>
internal sealed record ClusterPlan(IReadOnlyList<(PlannedTopic Topic, int Broker)> Placement, double CapacityPerBroker);

/// <summary>Something a case does to the cluster.</summary>
/// <param name="AfterSeconds">Latest time after the start.</param>
/// <param name="What">What it does, for the event log.</param>
/// <param name="Do">Does it.</param>
/// <param name="AfterMoves">Does it already when so many unloads have ended; null waits for the time.</param>
/// <param name="SettlesAfterSeconds">How much longer it takes until its consequences show, at most.</param>
internal sealed record CaseStep(
    double AfterSeconds, string What, Func<SimulatedCluster, Task> Do, int? AfterMoves = null, double SettlesAfterSeconds = 0);

/// <summary>A named situation: its start, what happens, and what must have become of it.</summary>
internal abstract class SimulationCase
{
    /// <summary>Balanced means below this coefficient of variation.</summary>
    public const double BalancedCv = 0.20;

    /// <summary>And no broker above this multiple of the mean.</summary>
    public const double BalancedMaxOverMean = 1.2;

    public abstract string Name { get; }

    public abstract string Description { get; }

    public virtual int Brokers => 5;

    public virtual int Topics => 300;

    public virtual int Seed => 20260;

    public virtual TimeSpan BrokerTtl => TimeSpan.FromSeconds(32);

    public virtual int LeaderEventCapacity => 256;

    public virtual IReadOnlyList<Fault> Faults => [];

    public virtual IReadOnlyList<CaseStep> Steps(int brokers) => [];

    /// <summary>Seconds after the start at which the last event of the case has shown its consequences, at most; 0 when nothing happens.</summary>
    public double SettledAfterSeconds(int brokers) => Steps(brokers).Select(step => step.AfterSeconds + step.SettlesAfterSeconds).DefaultIfEmpty().Max();

    public abstract ClusterPlan Plan(Random random, int brokers, int topics);

    /// <summary>What is wrong by now; nothing when the case has passed.</summary>
    public virtual IEnumerable<string> Wrong(ClusterTruth truth, IReadOnlyList<SimulatedEvent> events) => Unbalanced(truth).Concat(Unserved(truth));

    public CaseVerdict Judge(ClusterTruth truth, IReadOnlyList<SimulatedEvent> events)
    {
        IReadOnlyList<string> wrong = [.. Wrong(truth, events)];
        return new CaseVerdict(
            Name,
            wrong.Count == 0,
            wrong,
            truth.Balance.CoefficientOfVariation,
            truth.Balance.MaxOverMean,
            events.Count(entry => entry.Event == "unload-end"),
            truth.Stranded.Count);
    }

    protected static IEnumerable<string> Unbalanced(ClusterTruth truth)
    {
        if (truth.Balance.CoefficientOfVariation >= BalancedCv)
            yield return string.Create(CultureInfo.InvariantCulture, $"coefficient of variation is {truth.Balance.CoefficientOfVariation:F3}, must be below {BalancedCv}");
        if (truth.Balance.MaxOverMean > BalancedMaxOverMean)
            yield return string.Create(CultureInfo.InvariantCulture, $"max over mean is {truth.Balance.MaxOverMean:F3}, must be at most {BalancedMaxOverMean}");
    }

    /// <summary>Every topic has one owner, and that owner serves it.</summary>
    protected static IEnumerable<string> Unserved(ClusterTruth truth)
    {
        foreach (var topic in truth.Topics)
        {
            if (topic.AssignedTo.Count == 0)
                yield return $"{topic.Name} is owned by nobody";
            else if (topic.AssignedTo.Count > 1)
                yield return $"{topic.Name} is owned by {topic.AssignedTo.Count} brokers";
            else if (topic.ServedBy != topic.AssignedTo[0])
                yield return $"{topic.Name} is owned by {topic.AssignedTo[0]} and served by {topic.ServedBy ?? "nobody"}";
        }
    }
}
