namespace Danube.Dapr.Planning;

/// <summary>What a plan is for.</summary>
public enum PlanGoal
{
    /// <summary>Reach the target band on all brokers.</summary>
    Rebalance,

    /// <summary>Empty <see cref="PlannerOptions.Brokers"/>; the others stay within the band or come no further out of it.</summary>
    Drain,

    /// <summary>As <see cref="Drain"/>, and then reach the target band on the others too.</summary>
    Evacuate,

    /// <summary>Reach the target band by moves onto <see cref="PlannerOptions.Brokers"/> alone.</summary>
    AddBroker,
}

/// <summary>Everything besides the snapshot that a plan depends on. Defaults are for production and careful.</summary>
public sealed record PlannerOptions
{
    /// <summary>Trigger and target. Default <see cref="ImbalancePolicy.Balanced"/>.</summary>
    public ImbalancePolicy Policy { get; init; } = ImbalancePolicy.Balanced;

    /// <summary>What the plan is for. Default <see cref="PlanGoal.Rebalance"/>.</summary>
    public PlanGoal Goal { get; init; }

    /// <summary>Ids of the brokers that <see cref="Goal"/> is about; must be empty for <see cref="PlanGoal.Rebalance"/> and not empty otherwise.</summary>
    public IReadOnlyList<string> Brokers { get; init; } = [];

    /// <summary>The resources to balance. Those that topics cause less than 5 % of are left out, with a reason. Default: CPU, memory, disk I/O, network, throughput and messages.</summary>
    public IReadOnlyList<Resource> Resources { get; init; } = [Resource.Cpu, Resource.Memory, Resource.DiskIo, Resource.NetworkIo, Resource.Throughput, Resource.Messages];

    /// <summary>True (default): an empty plan unless the policy's trigger is exceeded or a rule is broken. False: plan until the target is reached.</summary>
    public bool OnlyWhenTriggered { get; init; } = true;

    /// <summary>True: the trigger was exceeded before and <see cref="OnlyWhenTriggered"/> holds until the cluster has settled at its target (<see cref="ImbalancePolicy.IsSettled"/>). Default false.</summary>
    public bool AlreadyTriggered { get; init; }

    /// <summary>Cost of a move.</summary>
    public MoveCost Cost { get; init; } = new();

    /// <summary>Limits.</summary>
    public PlanLimits Limits { get; init; } = new();

    /// <summary>Placement rules.</summary>
    public PlanRules Rules { get; init; } = new();

    /// <summary>
    /// A move that no rule asks for must, over this time, save more overload than it costs; 0 s (= every improvement pays) to 30 days. Saved overload is counted in
    /// mean broker loads × seconds and one unit of cost is worth <see cref="OverloadSecondsPerCost"/> of it. Default 1 hour.
    /// </summary>
    public TimeSpan PaybackHorizon { get; init; } = TimeSpan.FromHours(1);

    /// <summary>How many seconds of one mean broker load above the mean one unit of cost is worth, 0 or more. Default 1.</summary>
    public double OverloadSecondsPerCost { get; init; } = 1;

    /// <summary>Seed of the improvement rounds. The same seed gives the same plan. Default 1.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>
    /// Work for the improvement rounds, in elementary steps (evaluated placements); 0 to 10^12. 0 = the first valid plan. The work, not a clock, ends the search, so that
    /// the plan is the same on every machine. Default 10,000,000: well under a second. A search that finds nothing better for 40 % of it ends early.
    /// </summary>
    public long WorkBudget { get; init; } = 10_000_000;

    /// <summary>
    /// Asked between improvement rounds; true ends the search with the best plan so far, which is always valid. Null (default) = never. A caller that stops by a clock
    /// gives up that the plan depends on snapshot and options alone.
    /// </summary>
    public Func<bool>? StopEarly { get; init; }

    /// <summary>Every fault of the options as a sentence that names the value and what is allowed; empty when they are valid.</summary>
    public IReadOnlyList<string> Faults()
    {
        var faults = new List<string>(Policy.Faults());
        Limits.AddFaults(faults);
        Rules.AddFaults(faults);
        void Check(bool ok, string name, object value, string allowed)
        {
            if (!ok) faults.Add(FormattableString.Invariant($"{name} must be {allowed}, is {value}."));
        }

        Check(Enum.IsDefined(Goal), "goal", Goal, "one of " + string.Join(", ", Enum.GetNames<PlanGoal>()));
        Check(Goal != PlanGoal.Rebalance || Brokers.Count == 0, "brokers", string.Join(", ", Brokers), "empty for the goal rebalance");
        Check(Goal == PlanGoal.Rebalance || Brokers.Count > 0, "brokers", "empty", $"at least one broker id for the goal {Goal}");
        Check(Resources.Count > 0 && Resources.Distinct().Count() == Resources.Count && Resources.All(Enum.IsDefined), "resources", string.Join(", ", Resources), "at least one resource, each once");
        Check(Cost.PerMove > 0 && !double.IsInfinity(Cost.PerMove), "cost.perMove", Cost.PerMove, "above 0");
        Check(Cost.PerClient >= 0 && !double.IsInfinity(Cost.PerClient), "cost.perClient", Cost.PerClient, "0 or more");
        Check(Cost.PerUnexportedByte >= 0 && !double.IsInfinity(Cost.PerUnexportedByte), "cost.perUnexportedByte", Cost.PerUnexportedByte, "0 or more");
        Check(PaybackHorizon >= TimeSpan.Zero && PaybackHorizon <= TimeSpan.FromDays(30), "paybackHorizon", PaybackHorizon, "0 s to 30 days");
        Check(OverloadSecondsPerCost >= 0 && !double.IsInfinity(OverloadSecondsPerCost), "overloadSecondsPerCost", OverloadSecondsPerCost, "0 or more");
        Check(WorkBudget is >= 0 and <= 1_000_000_000_000, "workBudget", WorkBudget, "0 to 10^12");
        return faults;
    }
}
