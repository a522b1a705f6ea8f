namespace Danube.Dapr.Planning;

/// <summary>How unevenly one resource lies on the brokers that take part.</summary>
/// <param name="Resource">The resource.</param>
/// <param name="Mean">Total load over total capacity (or weight), the utilisation of a perfectly even cluster.</param>
/// <param name="CoefficientOfVariation">Population standard deviation of the utilisations divided by their arithmetic mean; 0 when there is no load.</param>
/// <param name="MaxOverMean">Highest utilisation over <paramref name="Mean"/>; 1 when there is no load.</param>
/// <param name="MinOverMean">Lowest utilisation over <paramref name="Mean"/>; 1 when there is no load.</param>
/// <param name="MaxOverCapacity">Highest share of a known capacity in use; null when no capacity is known.</param>
/// <param name="MaxBroker">Id of the broker with the highest utilisation; empty without brokers.</param>
public sealed record ResourceImbalance(
    Resource Resource, double Mean, double CoefficientOfVariation, double MaxOverMean, double MinOverMean, double? MaxOverCapacity, string MaxBroker);

/// <summary>How uneven a cluster is, per resource, and which resource is the worst.</summary>
public sealed class ImbalanceMeasure
{
    private ImbalanceMeasure(int brokers, IReadOnlyList<ResourceImbalance> resources)
    {
        Brokers = brokers;
        Resources = resources;
        foreach (var resource in resources)
            if (Worst is null || resource.MaxOverMean > Worst.MaxOverMean) Worst = resource;
    }

    /// <summary>How many brokers take part.</summary>
    public int Brokers { get; }

    /// <summary>Each measured resource.</summary>
    public IReadOnlyList<ResourceImbalance> Resources { get; }

    /// <summary>The resource with the highest max/mean: the cause of the imbalance; null when nothing is measured.</summary>
    public ResourceImbalance? Worst { get; }

    /// <summary>Coefficient of variation of <see cref="Worst"/>; 0 when nothing is measured.</summary>
    public double CoefficientOfVariation => Worst?.CoefficientOfVariation ?? 0;

    /// <summary>Max/mean of <see cref="Worst"/>; 1 when nothing is measured.</summary>
    public double MaxOverMean => Worst?.MaxOverMean ?? 1;

    /// <summary>Min/mean of <see cref="Worst"/>; 1 when nothing is measured.</summary>
    public double MinOverMean => Worst?.MinOverMean ?? 1;

    /// <summary>Measures a snapshot over its active brokers.</summary>
    /// <param name="snapshot">The snapshot.</param>
    /// <param name="resources">Which resources; null = every one that has load on some broker.</param>
    public static ImbalanceMeasure Of(Snapshot snapshot, IReadOnlyList<Resource>? resources = null)
    {
        var brokers = Enumerable.Range(0, snapshot.Brokers.Count).Where(b => snapshot.Brokers[b].State == BrokerState.Active).ToArray();
        return Of(snapshot, brokers, resources ?? Enum.GetValues<Resource>(), snapshot.BrokerLoad);
    }

    /// <summary>Measures arbitrary loads of one resource on brokers of equal size.</summary>
    /// <param name="resource">What the loads are of.</param>
    /// <param name="brokerIds">Ids, one per load.</param>
    /// <param name="loads">Loads, 0 or more.</param>
    /// <exception cref="ArgumentException">There is not one id per load.</exception>
    public static ResourceImbalance Of(Resource resource, IReadOnlyList<string> brokerIds, ReadOnlySpan<double> loads)
    {
        if (brokerIds.Count != loads.Length) throw new ArgumentException($"{loads.Length} loads need as many ids, got {brokerIds.Count}.", nameof(brokerIds));
        double total = 0;
        foreach (var load in loads) total += load;
        return Measure(resource, loads, loads.Length == 0 ? 0 : total / loads.Length, brokerIds, null);
    }

    internal static ImbalanceMeasure Of(Snapshot snapshot, int[] brokers, IReadOnlyList<Resource> resources, Func<int, Resource, double> load)
    {
        var ids = brokers.Select(b => snapshot.Brokers[b].Id).ToArray();
        var measured = new List<ResourceImbalance>();
        var utilization = new double[brokers.Length];
        foreach (var resource in resources)
        {
            double total = 0, capacity = 0;
            double? overCapacity = null;
            for (var i = 0; i < brokers.Length; i++)
            {
                var value = load(brokers[i], resource);
                total += value;
                capacity += snapshot.Capacity(brokers[i], resource);
                utilization[i] = value / snapshot.Capacity(brokers[i], resource);
                var limit = snapshot.Brokers[brokers[i]].Capacity[resource];
                if (limit > 0) overCapacity = Math.Max(overCapacity ?? 0, value / limit);
            }

            if (total > 0) measured.Add(Measure(resource, utilization, total / capacity, ids, overCapacity));
        }

        return new ImbalanceMeasure(brokers.Length, measured);
    }

    private static ResourceImbalance Measure(Resource resource, ReadOnlySpan<double> values, double mean, IReadOnlyList<string> ids, double? overCapacity)
    {
        if (values.Length == 0 || mean <= 0) return new(resource, 0, 0, 1, 1, overCapacity, ids.Count > 0 ? ids[0] : "");
        double sum = 0, squares = 0;
        int max = 0, min = 0;
        for (var i = 0; i < values.Length; i++)
        {
            sum += values[i];
            if (values[i] > values[max]) max = i;
            if (values[i] < values[min]) min = i;
        }

        var average = sum / values.Length;
        foreach (var value in values) squares += (value - average) * (value - average);
        return new(resource, mean, Math.Sqrt(squares / values.Length) / average, values[max] / mean, values[min] / mean, overCapacity, ids[max]);
    }
}
