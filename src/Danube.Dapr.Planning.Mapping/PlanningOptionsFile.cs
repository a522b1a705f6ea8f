using Danube.Dapr.Contracts;

namespace Danube.Dapr.Planning.Mapping;

/// <summary>Planner options as a file (<c>--options</c>). Every member may be left out and then keeps its default.</summary>
public sealed record PlanningOptionsFile
{
    /// <summary>Name of the policy that the other members change: conservative, balanced (default) or aggressive.</summary>
    public string? Policy { get; init; }

    /// <summary>See <see cref="ImbalancePolicy.TriggerCoefficientOfVariation"/>.</summary>
    public double? TriggerCoefficientOfVariation { get; init; }

    /// <summary>See <see cref="ImbalancePolicy.TriggerMaxOverMean"/>.</summary>
    public double? TriggerMaxOverMean { get; init; }

    /// <summary>See <see cref="ImbalancePolicy.TargetCoefficientOfVariation"/>.</summary>
    public double? TargetCoefficientOfVariation { get; init; }

    /// <summary>See <see cref="ImbalancePolicy.TargetMaxOverMean"/>.</summary>
    public double? TargetMaxOverMean { get; init; }

    /// <summary>See <see cref="ImbalancePolicy.TargetMinOverMean"/>.</summary>
    public double? TargetMinOverMean { get; init; }

    /// <summary>See <see cref="ImbalancePolicy.MaxOverCapacity"/>.</summary>
    public double? MaxOverCapacity { get; init; }

    /// <summary>See <see cref="PlannerOptions.Goal"/>.</summary>
    public PlanGoal? Goal { get; init; }

    /// <summary>See <see cref="PlannerOptions.Brokers"/>.</summary>
    public IReadOnlyList<string>? Brokers { get; init; }

    /// <summary>Resources by their names on the wire: cpu, memory, diskIo, networkIo, bytes, topics, diskUsage, messages.</summary>
    public IReadOnlyList<string>? Resources { get; init; }

    /// <summary>See <see cref="PlannerOptions.OnlyWhenTriggered"/>.</summary>
    public bool? OnlyWhenTriggered { get; init; }

    /// <summary>See <see cref="PlannerOptions.AlreadyTriggered"/>.</summary>
    public bool? AlreadyTriggered { get; init; }

    /// <summary>α of <see cref="MoveCost"/>.</summary>
    public double? CostPerMove { get; init; }

    /// <summary>β of <see cref="MoveCost"/>.</summary>
    public double? CostPerClient { get; init; }

    /// <summary>γ of <see cref="MoveCost"/>.</summary>
    public double? CostPerUnexportedByte { get; init; }

    /// <summary>See <see cref="PlanLimits.MaxMovesPerCycle"/>.</summary>
    public int? MaxMovesPerCycle { get; init; }

    /// <summary>See <see cref="PlanLimits.MaxMovesPerBroker"/>.</summary>
    public int? MaxMovesPerBroker { get; init; }

    /// <summary>See <see cref="PlanLimits.MaxMovesPerHour"/>.</summary>
    public int? MaxMovesPerHour { get; init; }

    /// <summary>See <see cref="PlanLimits.MaxMovesPerNamespace"/>.</summary>
    public int? MaxMovesPerNamespace { get; init; }

    /// <summary>See <see cref="PlanLimits.NamespaceBudgets"/>.</summary>
    public IReadOnlyDictionary<string, int>? NamespaceBudgets { get; init; }

    /// <summary>See <see cref="PlanLimits.CoolDown"/>, in seconds.</summary>
    public double? CoolDownSeconds { get; init; }

    /// <summary>See <see cref="PlanLimits.NoReturnWithin"/>, in seconds.</summary>
    public double? NoReturnWithinSeconds { get; init; }

    /// <summary>See <see cref="PlanLimits.MinTopicAge"/>, in seconds.</summary>
    public double? MinTopicAgeSeconds { get; init; }

    /// <summary>See <see cref="PlanLimits.MaxReportAge"/>, in seconds.</summary>
    public double? MaxReportAgeSeconds { get; init; }

    /// <summary>See <see cref="PlanLimits.MinBrokers"/>.</summary>
    public int? MinBrokers { get; init; }

    /// <summary>See <see cref="PlanLimits.QuietHours"/>.</summary>
    public IReadOnlyList<QuietHours>? QuietHours { get; init; }

    /// <summary>See <see cref="PlanLimits.MoveNonReliable"/>.</summary>
    public bool? MoveNonReliable { get; init; }

    /// <summary>See <see cref="PlannerOptions.PaybackHorizon"/>, in seconds.</summary>
    public double? PaybackHorizonSeconds { get; init; }

    /// <summary>See <see cref="PlannerOptions.OverloadSecondsPerCost"/>.</summary>
    public double? OverloadSecondsPerCost { get; init; }

    /// <summary>See <see cref="PlannerOptions.Seed"/>.</summary>
    public int? Seed { get; init; }

    /// <summary>See <see cref="PlannerOptions.WorkBudget"/>.</summary>
    public long? WorkBudget { get; init; }

    /// <summary>Placement rules, instead of those of the snapshot.</summary>
    public PlacementRules? Rules { get; init; }

    /// <summary>The options that result, with the rules of the snapshot unless the file has its own.</summary>
    /// <param name="snapshotRules">Rules of the snapshot.</param>
    /// <param name="policy">Name of a policy that goes before the file's, as given on a command line; null for none.</param>
    /// <exception cref="ArgumentException">A value is out of range or a name unknown; the message lists every fault.</exception>
    public PlannerOptions ToOptions(PlacementRules? snapshotRules = null, string? policy = null)
    {
        var based = ImbalancePolicy.Get(policy ?? Policy ?? ImbalancePolicy.Balanced.Name);
        var defaults = new PlannerOptions();
        var limits = new PlanLimits();
        var unknown = (Resources ?? []).Where(r => ResourceNames.Parse(r) is null).ToArray();
        if (unknown.Length > 0)
            throw new ArgumentException($"resources: unknown {string.Join(", ", unknown)}; known are {string.Join(", ", Enum.GetValues<Resource>().Select(ResourceNames.Of))}.");
        var options = new PlannerOptions
        {
            Policy = based with
            {
                TriggerCoefficientOfVariation = TriggerCoefficientOfVariation ?? based.TriggerCoefficientOfVariation,
                TriggerMaxOverMean = TriggerMaxOverMean ?? based.TriggerMaxOverMean,
                TargetCoefficientOfVariation = TargetCoefficientOfVariation ?? based.TargetCoefficientOfVariation,
                TargetMaxOverMean = TargetMaxOverMean ?? based.TargetMaxOverMean,
                TargetMinOverMean = TargetMinOverMean ?? based.TargetMinOverMean,
                MaxOverCapacity = MaxOverCapacity ?? based.MaxOverCapacity,
            },
            Goal = Goal ?? defaults.Goal,
            Brokers = Brokers ?? defaults.Brokers,
            Resources = Resources is null ? defaults.Resources : [.. Resources.Select(r => ResourceNames.Parse(r)!.Value)],
            OnlyWhenTriggered = OnlyWhenTriggered ?? defaults.OnlyWhenTriggered,
            AlreadyTriggered = AlreadyTriggered ?? defaults.AlreadyTriggered,
            Cost = new(CostPerMove ?? defaults.Cost.PerMove, CostPerClient ?? defaults.Cost.PerClient, CostPerUnexportedByte ?? defaults.Cost.PerUnexportedByte),
            Limits = new PlanLimits
            {
                MaxMovesPerCycle = MaxMovesPerCycle ?? limits.MaxMovesPerCycle,
                MaxMovesPerBroker = MaxMovesPerBroker ?? limits.MaxMovesPerBroker,
                MaxMovesPerHour = MaxMovesPerHour ?? limits.MaxMovesPerHour,
                MaxMovesPerNamespace = MaxMovesPerNamespace ?? limits.MaxMovesPerNamespace,
                NamespaceBudgets = NamespaceBudgets ?? limits.NamespaceBudgets,
                CoolDown = Seconds(CoolDownSeconds, limits.CoolDown, "coolDownSeconds"),
                NoReturnWithin = Seconds(NoReturnWithinSeconds, limits.NoReturnWithin, "noReturnWithinSeconds"),
                MinTopicAge = Seconds(MinTopicAgeSeconds, limits.MinTopicAge, "minTopicAgeSeconds"),
                MaxReportAge = Seconds(MaxReportAgeSeconds, limits.MaxReportAge, "maxReportAgeSeconds"),
                MinBrokers = MinBrokers ?? limits.MinBrokers,
                QuietHours = QuietHours ?? limits.QuietHours,
                MoveNonReliable = MoveNonReliable ?? limits.MoveNonReliable,
            },
            Rules = SnapshotMapping.ToRules(Rules ?? snapshotRules),
            PaybackHorizon = Seconds(PaybackHorizonSeconds, defaults.PaybackHorizon, "paybackHorizonSeconds"),
            OverloadSecondsPerCost = OverloadSecondsPerCost ?? defaults.OverloadSecondsPerCost,
            Seed = Seed ?? defaults.Seed,
            WorkBudget = WorkBudget ?? defaults.WorkBudget,
        };
        var faults = options.Faults();
        return faults.Count == 0 ? options : throw new ArgumentException(string.Join(" ", faults));
    }

    private static TimeSpan Seconds(double? value, TimeSpan otherwise, string name)
    {
        if (value is not { } seconds) return otherwise;
        return Math.Abs(seconds) <= 1e9 ? TimeSpan.FromSeconds(seconds) : throw new ArgumentException(FormattableString.Invariant($"{name} must be within ± 10^9, is {seconds}."));
    }
}
