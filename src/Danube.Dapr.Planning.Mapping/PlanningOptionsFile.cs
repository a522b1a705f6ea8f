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
    /// <exception cref="SnapshotException">Values are out of range or names unknown; carries every fault with its JSON path in this file.</exception>
    public PlannerOptions ToOptions(PlacementRules? snapshotRules = null, string? policy = null)
    {
        var faults = new List<SnapshotFault>();
        var name = policy ?? Policy ?? ImbalancePolicy.Balanced.Name;
        if (!ImbalancePolicy.Names.Contains(name)) faults.Add(new("$.policy", $"must be one of {string.Join(", ", ImbalancePolicy.Names)}, is \"{name}\"."));
        var based = faults.Count == 0 ? ImbalancePolicy.Get(name) : ImbalancePolicy.Balanced;
        var defaults = new PlannerOptions();
        var limits = new PlanLimits();
        for (var i = 0; i < Resources?.Count; i++)
            if (ResourceNames.Parse(Resources[i]) is null) faults.Add(new($"$.resources[{i}]", $"must be one of {string.Join(", ", Enum.GetValues<Resource>().Select(ResourceNames.Of))}, is \"{Resources[i]}\"."));
        var resources = Resources is null || faults.Any(f => f.Path.StartsWith("$.resources", StringComparison.Ordinal)) ? defaults.Resources : [.. Resources.Select(r => ResourceNames.Parse(r)!.Value)];
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
            Resources = resources,
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
                CoolDown = Seconds(CoolDownSeconds, limits.CoolDown, "coolDownSeconds", faults),
                NoReturnWithin = Seconds(NoReturnWithinSeconds, limits.NoReturnWithin, "noReturnWithinSeconds", faults),
                MinTopicAge = Seconds(MinTopicAgeSeconds, limits.MinTopicAge, "minTopicAgeSeconds", faults),
                MaxReportAge = Seconds(MaxReportAgeSeconds, limits.MaxReportAge, "maxReportAgeSeconds", faults),
                MinBrokers = MinBrokers ?? limits.MinBrokers,
                QuietHours = QuietHours ?? limits.QuietHours,
                MoveNonReliable = MoveNonReliable ?? limits.MoveNonReliable,
            },
            Rules = SnapshotMapping.ToRules(Rules ?? snapshotRules),
            PaybackHorizon = Seconds(PaybackHorizonSeconds, defaults.PaybackHorizon, "paybackHorizonSeconds", faults),
            OverloadSecondsPerCost = OverloadSecondsPerCost ?? defaults.OverloadSecondsPerCost,
            Seed = Seed ?? defaults.Seed,
            WorkBudget = WorkBudget ?? defaults.WorkBudget,
        };
        faults.AddRange(options.Faults().Select(ToFault));
        return faults.Count == 0 ? options : throw new SnapshotException(faults);
    }

    /// <summary>A fault of the planner's options with the path of the member that it comes from.</summary>
    internal static SnapshotFault ToFault(string sentence)
    {
        var cut = sentence.IndexOf(" must ", StringComparison.Ordinal);
        var name = sentence[..cut];
        var member = name switch
        {
            "limits.coolDown" or "limits.noReturnWithin" or "limits.minTopicAge" or "limits.maxReportAge" => name["limits.".Length..] + "Seconds",
            "paybackHorizon" => "paybackHorizonSeconds",
            _ when name.StartsWith("cost.per", StringComparison.Ordinal) => "costPer" + name["cost.per".Length..],
            _ when name.StartsWith("rules.affinity", StringComparison.Ordinal) => "rules.affinityGroups" + name["rules.affinity".Length..],
            _ => name.StartsWith("policy.", StringComparison.Ordinal) || name.StartsWith("limits.", StringComparison.Ordinal) ? name["policy.".Length..] : name,
        };
        return new("$." + member, sentence[(cut + 1)..]);
    }

    private static TimeSpan Seconds(double? value, TimeSpan otherwise, string name, List<SnapshotFault> faults)
    {
        if (value is not { } seconds) return otherwise;
        if (Math.Abs(seconds) <= 1e9) return TimeSpan.FromSeconds(seconds);
        faults.Add(new("$." + name, FormattableString.Invariant($"must be within ± 10^9, is {seconds}.")));
        return otherwise;
    }
}
