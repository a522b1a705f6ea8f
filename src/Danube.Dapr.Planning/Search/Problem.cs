namespace Danube.Dapr.Planning.Search;

/// <summary>
/// A snapshot and options as flat arrays: which topics may go where, loads in multiples of the mean broker load, and the limits to reach.
/// Topic and broker numbers are those of the snapshot; resource numbers are positions in <see cref="Resources"/>.
/// </summary>
internal sealed class Problem
{
    /// <summary>Loads are sums of many terms; below this a difference is none. In mean broker loads.</summary>
    public const double Tolerance = 1e-9;

    public required Snapshot Snapshot { get; init; }

    public required PlannerOptions Options { get; init; }

    /// <summary>The planned resources.</summary>
    public required Resource[] Resources { get; init; }

    /// <summary>The mean broker load per planned resource, in its own unit.</summary>
    public required double[] Scale { get; init; }

    public required int B { get; init; }

    public required int T { get; init; }

    public int R => Resources.Length;

    /// <summary>Load of topic t in resource r at t * R + r, in mean broker loads.</summary>
    public required double[] W { get; init; }

    public required int[] Home { get; init; }

    /// <summary>Why a topic may not move at all; null = it may.</summary>
    public required Reason?[] Fixed { get; init; }

    /// <summary>The topic may not stay where it is.</summary>
    public required bool[] MustLeave { get; init; }

    public required double[] Cost { get; init; }

    /// <summary>Load before any move at b * R + r.</summary>
    public required double[] StartLoad { get; init; }

    /// <summary>Upper limit at b * R + r; infinite for brokers that take no part.</summary>
    public required double[] Limit { get; init; }

    /// <summary>Fair share of a broker at b * R + r: the mean, by its capacity or weight.</summary>
    public required double[] Share { get; init; }

    /// <summary>Lower limit at b * R + r; 0 for none.</summary>
    public required double[] Low { get; init; }

    /// <summary>Why a broker takes no part; null = it does.</summary>
    public required Reason?[] Excluded { get; init; }

    public required bool[] CanReceive { get; init; }

    /// <summary>Brokers that must be emptied.</summary>
    public required bool[] Emptied { get; init; }

    /// <summary>For topics with own rules, the brokers that they may be put on; null = all that can receive.</summary>
    public required bool[]?[] Allowed { get; init; }

    /// <summary>Number of the partition group, -1 = none; only groups that a rule spreads.</summary>
    public required int[] Group { get; init; }

    public required int Groups { get; init; }

    public required int PerBroker { get; init; }

    public required int PerZone { get; init; }

    public required int[] Zone { get; init; }

    /// <summary>Topics by home broker, the heaviest (in their heaviest resource) first; of broker b from Start[b] to Start[b + 1].</summary>
    public required int[] ByHome { get; init; }

    public required int[] Start { get; init; }

    /// <summary>What may not be exceeded is exceeded by what cannot move, or no placement is possible: subjects and reasons.</summary>
    public required List<Refusal> Notes { get; init; }

    public required List<RuleConflict> Conflicts { get; init; }

    public required bool Triggered { get; init; }

    public required ImbalanceMeasure Before { get; init; }

    public required int[] Participants { get; init; }

    public bool MayPut(int topic, int broker) => CanReceive[broker] && (Allowed[topic] is not { } allowed || allowed[broker]);

    public ReadOnlySpan<double> Weight(int topic) => W.AsSpan(topic * R, R);

    public ReadOnlySpan<int> HomeTopics(int broker) => ByHome.AsSpan(Start[broker], Start[broker + 1] - Start[broker]);
}
