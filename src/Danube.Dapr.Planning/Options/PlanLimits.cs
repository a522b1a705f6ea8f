namespace Danube.Dapr.Planning;

/// <summary>How much may be moved, and what may be moved at all. The defaults are those of production.</summary>
public sealed record PlanLimits
{
    /// <summary>Moves of one plan, 1 to 1,000,000. Default 3.</summary>
    public int MaxMovesPerCycle { get; init; } = 3;

    /// <summary>Moves of one plan away from or onto one broker, 1 to 1,000,000. Default: no limit of its own.</summary>
    public int MaxMovesPerBroker { get; init; } = 1_000_000;

    /// <summary>Moves in the cluster in an hour, those before the snapshot included, 1 to 1,000,000. Default 10.</summary>
    public int MaxMovesPerHour { get; init; } = 10;

    /// <summary>Moves of one plan in one namespace, 1 to 1,000,000. Default: no limit of its own.</summary>
    public int MaxMovesPerNamespace { get; init; } = 1_000_000;

    /// <summary>Own limits of single namespaces, instead of <see cref="MaxMovesPerNamespace"/>; 0 = none of it moves.</summary>
    public IReadOnlyDictionary<string, int> NamespaceBudgets { get; init; } = new Dictionary<string, int>();

    /// <summary>A topic moved less than this ago stays; 0 s to 7 days. Default 10 minutes.</summary>
    public TimeSpan CoolDown { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>A topic does not go back to the broker that it left less than this ago (<see cref="TopicInfo.MovedFrom"/>), unless a rule asks for it; 0 s to 7 days. Default 1 hour.</summary>
    public TimeSpan NoReturnWithin { get; init; } = TimeSpan.FromHours(1);

    /// <summary>A topic first seen less than this ago stays; 0 s to 7 days. Default 5 minutes.</summary>
    public TimeSpan MinTopicAge { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>A broker whose report is older than this takes no part; above 0 s, up to 24 h. Default 3 minutes.</summary>
    public TimeSpan MaxReportAge { get; init; } = TimeSpan.FromMinutes(3);

    /// <summary>Fewer taking part than this give an empty plan; 2 to 1,000. Default 2.</summary>
    public int MinBrokers { get; init; } = 2;

    /// <summary>Daily times in which nothing moves.</summary>
    public IReadOnlyList<QuietHours> QuietHours { get; init; } = [];

    /// <summary>True: NonReliable topics may be moved too (the executor re-creates them). Default false.</summary>
    public bool MoveNonReliable { get; init; }

    /// <summary>No limit on numbers, no cool-down, no minimum age: for offline questions and benchmarks.</summary>
    public static PlanLimits None { get; } = new()
    {
        MaxMovesPerCycle = 1_000_000, MaxMovesPerHour = 1_000_000, CoolDown = TimeSpan.Zero, NoReturnWithin = TimeSpan.Zero, MinTopicAge = TimeSpan.Zero, MaxReportAge = TimeSpan.FromHours(24),
    };

    internal void AddFaults(List<string> faults)
    {
        void Check(bool ok, string name, object value, string allowed)
        {
            if (!ok) faults.Add(FormattableString.Invariant($"limits.{name} must be {allowed}, is {value}."));
        }

        Check(MaxMovesPerCycle is >= 1 and <= 1_000_000, "maxMovesPerCycle", MaxMovesPerCycle, "1 to 1,000,000");
        Check(MaxMovesPerBroker is >= 1 and <= 1_000_000, "maxMovesPerBroker", MaxMovesPerBroker, "1 to 1,000,000");
        Check(MaxMovesPerHour is >= 1 and <= 1_000_000, "maxMovesPerHour", MaxMovesPerHour, "1 to 1,000,000");
        Check(MaxMovesPerNamespace is >= 1 and <= 1_000_000, "maxMovesPerNamespace", MaxMovesPerNamespace, "1 to 1,000,000");
        foreach (var (name, budget) in NamespaceBudgets) Check(budget >= 0, $"namespaceBudgets[\"{name}\"]", budget, "0 or more");
        Check(CoolDown >= TimeSpan.Zero && CoolDown <= TimeSpan.FromDays(7), "coolDown", CoolDown, "0 s to 7 days");
        Check(NoReturnWithin >= TimeSpan.Zero && NoReturnWithin <= TimeSpan.FromDays(7), "noReturnWithin", NoReturnWithin, "0 s to 7 days");
        Check(MinTopicAge >= TimeSpan.Zero && MinTopicAge <= TimeSpan.FromDays(7), "minTopicAge", MinTopicAge, "0 s to 7 days");
        Check(MaxReportAge > TimeSpan.Zero && MaxReportAge <= TimeSpan.FromHours(24), "maxReportAge", MaxReportAge, "above 0 s, up to 24 h");
        Check(MinBrokers is >= 2 and <= 1000, "minBrokers", MinBrokers, "2 to 1,000");
        for (var i = 0; i < QuietHours.Count; i++)
            Check(QuietHours[i].From != QuietHours[i].To, $"quietHours[{i}]", $"{QuietHours[i].From:HH:mm} to {QuietHours[i].To:HH:mm}", "two different times");
    }
}

/// <summary>A daily time, in UTC, in which nothing moves.</summary>
/// <param name="From">Start, included.</param>
/// <param name="To">End, excluded; before <paramref name="From"/> when the time goes over midnight.</param>
public sealed record QuietHours(TimeOnly From, TimeOnly To)
{
    /// <summary>True when a moment lies in this time.</summary>
    public bool Contains(DateTimeOffset time) => TimeOnly.FromDateTime(time.UtcDateTime).IsBetween(From, To);
}
