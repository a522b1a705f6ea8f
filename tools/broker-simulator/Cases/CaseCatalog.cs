namespace Danube.Dapr.BrokerSimulator.Cases;

/// <summary>The cases by name.</summary>
public static class CaseCatalog
{
    internal static IReadOnlyList<SimulationCase> All { get; } =
    [
        new SkewCase(), new HotTopicCase(), new ScaleOutCase(), new BrokerLossCase(), new SteadyCase(), new UnsplittableCase(), new LossyFailoverCase(),
    ];

    /// <summary>Every case's name and what it is, in the order in which they are listed.</summary>
    public static IReadOnlyList<(string Name, string Description)> List() => [.. All.Select(entry => (entry.Name, entry.Description))];

    /// <exception cref="ArgumentException">There is no such case.</exception>
    internal static SimulationCase Find(string name) =>
        All.FirstOrDefault(entry => entry.Name == name)
        ?? throw new ArgumentException($"Case is '{name}': allowed are {string.Join(", ", All.Select(entry => entry.Name))}.");
}
