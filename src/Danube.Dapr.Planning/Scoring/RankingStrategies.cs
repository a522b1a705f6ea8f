namespace Danube.Dapr.Planning;

/// <summary>Turns a snapshot into one score per broker; lower is less loaded.</summary>
public interface IRankingStrategy
{
    /// <summary>The name by which it is configured.</summary>
    string Name { get; }

    /// <summary>One score per broker, in the order of <see cref="Snapshot.Brokers"/>.</summary>
    double[] Score(Snapshot snapshot);
}

/// <summary>The ranking strategies by name.</summary>
public static class RankingStrategies
{
    /// <summary>Number of topics.</summary>
    public const string Fair = "fair";

    /// <summary>Danube's default: topic load, CPU and memory in percent.</summary>
    public const string Balanced = "balanced";

    /// <summary>Danube's strategy that weighs the worst metric most.</summary>
    public const string WeightedLoad = "weighted_load";

    /// <summary>The roadmap's weighted sum of utilisations.</summary>
    public const string WeightedComposite = "weighted_composite";

    /// <summary>Every name that <see cref="Get"/> knows.</summary>
    public static IReadOnlyList<string> Names { get; } = [Fair, Balanced, WeightedLoad, WeightedComposite];

    /// <summary>The strategy of a name.</summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <param name="weights">For <c>weighted_composite</c>; null = the roadmap's.</param>
    /// <exception cref="ArgumentException">The name is unknown (the message lists those known) or the weights are invalid.</exception>
    public static IRankingStrategy Get(string name, RankingWeights? weights = null)
    {
        var faults = (weights ??= new()).Faults();
        if (faults.Count > 0) throw new ArgumentException(string.Join(" ", faults), nameof(weights));
        return name switch
        {
            Fair => new FairStrategy(),
            Balanced => new BalancedStrategy(),
            WeightedLoad => new WeightedLoadStrategy(),
            WeightedComposite => new WeightedCompositeStrategy(weights),
            _ => throw new ArgumentException($"Unknown ranking strategy \"{name}\"; known are {string.Join(", ", Names)}.", nameof(name)),
        };
    }
}
