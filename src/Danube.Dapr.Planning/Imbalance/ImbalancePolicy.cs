namespace Danube.Dapr.Planning;

/// <summary>
/// When a cluster counts as imbalanced and where planning stops. The trigger lies above the target, so that what was just balanced is not planned again
/// (hysteresis). Override single values with <c>with</c>.
/// </summary>
public sealed record ImbalancePolicy
{
    private const double Settling = .25;

    /// <summary>Name for people and records.</summary>
    public required string Name { get; init; }

    /// <summary>Trigger when the coefficient of variation of any planned resource is above this; 0.01 to 10.</summary>
    public required double TriggerCoefficientOfVariation { get; init; }

    /// <summary>Trigger when the highest load of any planned resource is above this multiple of the mean; 1.01 to 100. The coefficient of variation alone hides one hot broker in a large cluster.</summary>
    public required double TriggerMaxOverMean { get; init; }

    /// <summary>Plan until the coefficient of variation is at most this; not above the trigger. 0 = only <see cref="TargetMaxOverMean"/> decides.</summary>
    public required double TargetCoefficientOfVariation { get; init; }

    /// <summary>Plan until no broker is above this multiple of the mean; above 1, not above the trigger.</summary>
    public required double TargetMaxOverMean { get; init; }

    /// <summary>Plan until no broker is below this multiple of the mean; 0 to below 1. 0 (default) = no lower limit.</summary>
    public double TargetMinOverMean { get; init; }

    /// <summary>Share of a known capacity that no broker may exceed, and that triggers when exceeded; above 0, at most 1. Default 0.85.</summary>
    public double MaxOverCapacity { get; init; } = .85;

    /// <summary>How long the trigger must hold before it counts; 0 s to 24 h. Default 60 s.</summary>
    public TimeSpan SustainedFor { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>CV 0.40 or max/mean 1.8; target CV 0.25, max/mean 1.3; sustained 120 s.</summary>
    public static ImbalancePolicy Conservative { get; } = new()
    {
        Name = "conservative", TriggerCoefficientOfVariation = .40, TriggerMaxOverMean = 1.8, TargetCoefficientOfVariation = .25,
        TargetMaxOverMean = 1.3, SustainedFor = TimeSpan.FromSeconds(120),
    };

    /// <summary>CV 0.30 or max/mean 1.5; target CV 0.20, max/mean 1.2; sustained 60 s.</summary>
    public static ImbalancePolicy Balanced { get; } = new()
    {
        Name = "balanced", TriggerCoefficientOfVariation = .30, TriggerMaxOverMean = 1.5, TargetCoefficientOfVariation = .20, TargetMaxOverMean = 1.2,
    };

    /// <summary>CV 0.20 or max/mean 1.2; target CV 0.12, max/mean 1.12; sustained 30 s.</summary>
    public static ImbalancePolicy Aggressive { get; } = new()
    {
        Name = "aggressive", TriggerCoefficientOfVariation = .20, TriggerMaxOverMean = 1.2, TargetCoefficientOfVariation = .12,
        TargetMaxOverMean = 1.12, SustainedFor = TimeSpan.FromSeconds(30),
    };

    /// <summary>The names that <see cref="Get"/> knows.</summary>
    public static IReadOnlyList<string> Names { get; } = ["conservative", "balanced", "aggressive"];

    /// <summary>A policy by its name.</summary>
    /// <exception cref="ArgumentException">The name is unknown; the message lists those known.</exception>
    public static ImbalancePolicy Get(string name) => name switch
    {
        "conservative" => Conservative,
        "balanced" => Balanced,
        "aggressive" => Aggressive,
        _ => throw new ArgumentException($"Unknown policy \"{name}\"; known are {string.Join(", ", Names)}.", nameof(name)),
    };

    /// <summary>True when the cluster is out of the trigger band in any resource.</summary>
    public bool IsTriggeredBy(ImbalanceMeasure measure) => measure.Brokers >= 2 && measure.Resources.Any(r =>
        r.CoefficientOfVariation > TriggerCoefficientOfVariation || r.MaxOverMean > TriggerMaxOverMean || r.MaxOverCapacity > MaxOverCapacity);

    /// <summary>True when the cluster is within the target band in every resource.</summary>
    public bool IsTargetReached(ImbalanceMeasure measure) => measure.Resources.All(r =>
        (TargetCoefficientOfVariation <= 0 || r.CoefficientOfVariation <= TargetCoefficientOfVariation + 1e-9)
        && r.MaxOverMean <= TargetMaxOverMean + 1e-9 && r.MinOverMean >= TargetMinOverMean - 1e-9 && !(r.MaxOverCapacity > MaxOverCapacity + 1e-9));

    /// <summary>
    /// True when a cluster that is being brought to its target is near enough to be left alone: within a quarter of the way from the target to the trigger in every resource.
    /// Plans aim at the target itself; without this slack the noise of the next reports would ask for one move more, and again.
    /// </summary>
    public bool IsSettled(ImbalanceMeasure measure)
    {
        var slack = Settling * (TriggerMaxOverMean - TargetMaxOverMean);
        return measure.Resources.All(r =>
            (TargetCoefficientOfVariation <= 0 || r.CoefficientOfVariation <= TargetCoefficientOfVariation + (Settling * (TriggerCoefficientOfVariation - TargetCoefficientOfVariation)) + 1e-9)
            && r.MaxOverMean <= TargetMaxOverMean + slack + 1e-9 && r.MinOverMean >= TargetMinOverMean - slack - 1e-9 && !(r.MaxOverCapacity > MaxOverCapacity + 1e-9));
    }

    /// <summary>Every fault of the values as a sentence; empty when they are valid.</summary>
    public IReadOnlyList<string> Faults()
    {
        var faults = new List<string>();
        void Check(bool ok, string name, object value, string allowed)
        {
            if (!ok) faults.Add(FormattableString.Invariant($"policy.{name} must be {allowed}, is {value}."));
        }

        Check(!string.IsNullOrWhiteSpace(Name), "name", $"\"{Name}\"", "a name");
        Check(TriggerCoefficientOfVariation is >= .01 and <= 10, "triggerCoefficientOfVariation", TriggerCoefficientOfVariation, "0.01 to 10");
        Check(TriggerMaxOverMean is >= 1.01 and <= 100, "triggerMaxOverMean", TriggerMaxOverMean, "1.01 to 100");
        Check(TargetCoefficientOfVariation >= 0 && TargetCoefficientOfVariation <= TriggerCoefficientOfVariation, "targetCoefficientOfVariation", TargetCoefficientOfVariation, "0 up to triggerCoefficientOfVariation");
        Check(TargetMaxOverMean > 1 && TargetMaxOverMean <= TriggerMaxOverMean, "targetMaxOverMean", TargetMaxOverMean, "above 1, up to triggerMaxOverMean");
        Check(TargetMinOverMean is >= 0 and < 1, "targetMinOverMean", TargetMinOverMean, "0 to below 1");
        Check(MaxOverCapacity is > 0 and <= 1, "maxOverCapacity", MaxOverCapacity, "above 0, up to 1");
        Check(SustainedFor >= TimeSpan.Zero && SustainedFor <= TimeSpan.FromHours(24), "sustainedFor", SustainedFor, "0 s to 24 h");
        return faults;
    }
}
