using System.Globalization;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Actors;
using Danube.Dapr.Rebalancer.Options;

namespace Danube.Dapr.Rebalancer.Control;

/// <summary>A refusal with its reason and one sentence.</summary>
public sealed record Denial(ReasonCode Reason, string Detail);

/// <summary>The rules of the control loop as functions of its state: what may start, what may go on, what is published.</summary>
internal static class ControlRules
{
    /// <summary>Why a plan ends that nobody approved.</summary>
    public const string NotApproved = "Nobody approved in time.";

    private const int MaxRefusals = 20;

    /// <summary>How long a topic does not go back to the broker that it left: six cool-downs, so that noise and delay of the reports do not make it bounce; at least a minute, at most a week.</summary>
    public static TimeSpan NoReturn(RebalancerOptions options) => TimeSpan.FromSeconds(Math.Clamp(6 * options.CoolDownSeconds, 60, 604_800));

    /// <summary>Why an automatic plan may not start now; null when it may.</summary>
    public static Denial? WhyNotStart(ControlState state, RebalancerOptions options, DateTimeOffset now)
    {
        if (WhyStopped(state) is { } stopped)
            return stopped;
        if (options.ModeValue == RebalancerMode.Observe)
            return new Denial(ReasonCode.ObserveMode, "Mode is observe: plans are made and shown, nothing is moved.");
        if (state.Pause is { } pause && !IsOver(pause, now))
            return new Denial(ReasonCode.Paused, Describe(pause));
        return WhyQuiet(options, now) ?? WhyBuiltInRest(state, now) ?? (options.StorageKeepsHistory ? null : StorageDenial(options));
    }

    /// <summary>Why moves rest because Danube's own rebalancer was seen to move topics; null when they need not. Only what an operator insists on goes on.</summary>
    public static Denial? WhyBuiltInRest(ControlState state, DateTimeOffset now) => state.BuiltIn?.SeenAt is { } seen && now - seen < BuiltInRest
        ? new Denial(ReasonCode.BuiltInRebalancing, string.Create(CultureInfo.InvariantCulture,
            $"Danube's own rebalancer moved topics at {seen:u}: switch it off. Moves rest for {BuiltInRest.TotalMinutes:0} minutes."))
        : null;

    /// <summary>Why topics may not be repaired by itself now; null when they may.</summary>
    public static Denial? WhyNotRepair(ControlState state, RebalancerOptions options, DateTimeOffset now)
    {
        if (options.RepairValue != RepairPolicy.Auto)
            return new Denial(ReasonCode.PolicyForbids, $"Rebalancer:Repair is {options.Repair}.");
        if (options.ModeValue == RebalancerMode.Observe)
            return new Denial(ReasonCode.ObserveMode, "Mode is observe: nothing is changed.");
        return WhyStopped(state) ?? (state.Pause is { } pause && !IsOver(pause, now) ? new Denial(ReasonCode.Paused, Describe(pause)) : null);
    }

    /// <summary>How long after Danube's own rebalancer was seen to move nothing starts by itself.</summary>
    public static readonly TimeSpan BuiltInRest = TimeSpan.FromMinutes(10);

    /// <summary>Takes in the counter of Danube's own rebalancer, as its leader shows it. It counts from 0 on each leader.</summary>
    public static BuiltInWatch Watch(BuiltInWatch? before, string leader, double moves, DateTimeOffset now) =>
        before is { } was && was.Leader == leader && moves > was.Moves ? new BuiltInWatch(leader, moves, now) : new BuiltInWatch(leader, moves, before?.SeenAt);

    /// <summary>
    /// Why an operator's command may not start now; null when it may. Pause, quiet hours and mode are the operator's own and do not hold it back, and a plan that only waits for approval
    /// gives way.
    /// </summary>
    /// <param name="state">What the loop remembers.</param>
    /// <param name="options">The configuration.</param>
    /// <param name="now">Now.</param>
    /// <param name="forced">True for what does not rest when Danube's own rebalancer moves topics: a move by force, a repair.</param>
    /// <param name="repairs">True for a repair: the topic serves nobody where it is, so the storage mode does not hold it back, as it does not when it is repaired by itself.</param>
    public static Denial? WhyNotStartManually(ControlState state, RebalancerOptions options, DateTimeOffset now, bool forced = false, bool repairs = false)
    {
        if (state.KillSwitch is { } kill)
            return new Denial(ReasonCode.KillSwitch, Describe(kill));
        if (state.Active is { AwaitsApproval: false } active)
            return new Denial(ReasonCode.PlanRunning, $"Plan {active.PlanId} is running.");
        if (!forced && WhyBuiltInRest(state, now) is { } rest)
            return rest;
        return repairs || options.StorageKeepsHistory ? null : StorageDenial(options);
    }

    /// <summary>Why a drain may not go on by itself now; null when it may. Quiet hours and mode do not hold back what an operator began.</summary>
    public static Denial? WhyNotResumeDrain(ControlState state, RebalancerOptions options, DateTimeOffset now) =>
        WhyStopped(state)
        ?? (state.Pause is { } pause && !IsOver(pause, now) ? new Denial(ReasonCode.Paused, Describe(pause)) : null)
        ?? WhyBuiltInRest(state, now)
        ?? (options.StorageKeepsHistory ? null : StorageDenial(options));

    /// <summary>What a command's idempotency key was used for before.</summary>
    /// <returns>The command when it is the same, a denial when the key was used for another one, or neither when the key is new or none was given.</returns>
    public static (KeyedCommand? Same, Denial? Other) Keyed(ControlState state, string? key, string command) =>
        key is null || state.Commands.FirstOrDefault(c => c.Key == key) is not { } known
            ? (null, null)
            : known.Body == command
                ? (known, null)
                : (null, new Denial(ReasonCode.KeyReused, $"Idempotency key '{key}' was used for another command: {known.Body}."));

    /// <summary>Whether the running plan may take its next step.</summary>
    public static Continuation MayContinue(ControlState state, string planId, RebalancerOptions options, DateTimeOffset now)
    {
        // These first: they also end a plan that waits for approval, whatever else holds it back.
        if (state.Active is not { } active || active.PlanId != planId)
            return Continuation.Stop(ReasonCode.Cancelled, $"Plan {planId} no longer has the floor.");
        if (active.Cancelled)
            return Continuation.Stop(ReasonCode.Cancelled, "An operator cancelled the plan.");
        if (active.Drifted is { } drift)
            return Continuation.Stop(ReasonCode.Drift, drift);
        // Its workflow has a timer for this, which a clock that was set back makes late.
        if (active.AwaitsApproval && now > active.ApprovalDeadline)
            return Continuation.Stop(ReasonCode.ApprovalExpired, NotApproved);
        if (state.KillSwitch is { } kill)
            return Continuation.Stop(ReasonCode.KillSwitch, Describe(kill));
        if (!active.AwaitsApproval && (now - (active.ApprovedAt ?? active.Since)).TotalMinutes > options.MaxPlanMinutes)
            return Continuation.Stop(ReasonCode.Timeout, string.Create(CultureInfo.InvariantCulture, $"The plan has run for {options.MaxPlanMinutes:0.#} minutes, the most that a plan may."));
        if (state.Circuit is { } circuit && !active.Manual)
            return Continuation.Stop(ReasonCode.CircuitOpen, circuit.Detail);
        // A drain goes on: it is an operator's command, whoever resumes it.
        if (options.ModeValue == RebalancerMode.Observe && active is { Manual: false, Trigger: not PlanTrigger.Drain })
            return Continuation.Stop(ReasonCode.ObserveMode, "Mode is observe: what no operator commanded is not moved.");
        if (state.Pause is { } pause && !active.Manual && !IsOver(pause, now))
            return Continuation.Wait(ReasonCode.Paused, Describe(pause));
        // Topics without owner do not wait for the morning, and who approved a plan knows what time it is.
        return active is { Manual: false, ApprovedBy: null, Trigger: null or PlanTrigger.Imbalance } && WhyQuiet(options, now) is { } quiet
            ? Continuation.Wait(quiet.Reason, quiet.Detail)
            : Continuation.Go;
    }

    /// <summary>Why a plan may not be approved; null when it may.</summary>
    public static Denial? WhyNotApprove(ControlState state, Approval approval, RebalancerOptions options, DateTimeOffset now)
    {
        if (state.Active is not { ApprovalDeadline: { } deadline } active || active.PlanId != approval.PlanId)
            return new Denial(ReasonCode.Cancelled, $"Plan {approval.PlanId} does not wait for approval.");
        if (approval.Hash is { } hash && hash != active.Hash)
            return new Denial(ReasonCode.Drift, $"The approval is for hash {hash}, the plan's is {active.Hash}: look at the plan again.");
        if (active.ApprovedBy is null && now > deadline)
            return new Denial(ReasonCode.ApprovalExpired, string.Create(CultureInfo.InvariantCulture, $"It waited for approval until {deadline:u}."));
        if (active.ApprovedBy is { } other)
            return other == approval.Approver ? null : new Denial(ReasonCode.PlanRunning, $"{other} has approved it already.");
        // What would end at once is not taken: the plan goes on waiting.
        var approved = state with { Active = active with { ApprovedBy = approval.Approver, ApprovedAt = now } };
        if (MayContinue(approved, approval.PlanId, options, now) is { Kind: ContinuationKind.Stop, Reason: { } reason } stop)
            return new Denial(reason, stop.Detail);
        return WhyBuiltInRest(state, now) ?? (options.StorageKeepsHistory ? null : StorageDenial(options));
    }

    /// <summary>Which hourly limit some moves would break; null when they keep all of them.</summary>
    /// <param name="ledger">The moves of the last hour, without these.</param>
    /// <param name="moves">The moves.</param>
    /// <param name="options">The configuration.</param>
    /// <param name="now">Now.</param>
    public static Denial? WhyOverLimit(MoveLedger ledger, IReadOnlyList<CountedMove> moves, RebalancerOptions options, DateTimeOffset now)
    {
        if (moves.Count == 0)
            return null;
        if (ledger.Total(now) + moves.Count > options.MaxMovesPerHour)
            return Over(ReasonCode.HourlyLimit, "", moves.Count, ledger.Total(now), options.MaxMovesPerHour);
        foreach (var broker in moves.SelectMany(m => (string[])[m.From, m.To]).CountBy(b => b))
        {
            if (ledger.OfBroker(now, broker.Key) + broker.Value > options.MaxMovesPerBrokerPerHour)
                return Over(ReasonCode.BrokerLimit, $" of broker {broker.Key}", broker.Value, ledger.OfBroker(now, broker.Key), options.MaxMovesPerBrokerPerHour);
        }

        foreach (var ns in moves.CountBy(m => m.Namespace))
        {
            if (ledger.OfNamespace(now, ns.Key) + ns.Value > options.MaxMovesPerNamespacePerHour)
                return Over(ReasonCode.NamespaceLimit, $" of namespace {ns.Key}", ns.Value, ledger.OfNamespace(now, ns.Key), options.MaxMovesPerNamespacePerHour);
        }

        return null;
    }

    /// <summary>The state after an operator turned a switch.</summary>
    public static ControlState Switch(ControlState state, SwitchCommand command, DateTimeOffset now) => command.Switch switch
    {
        ControlSwitch.Pause => state with { Pause = new Pause(command.Minutes is { } minutes ? now.AddMinutes(minutes) : null, command.Reason) },
        ControlSwitch.Resume => state with { Pause = null },
        ControlSwitch.Kill => state with { KillSwitch = state.KillSwitch ?? new Switched(now, command.Reason) },
        ControlSwitch.Revive => state with { KillSwitch = null },
        // What the operator has seen does not open it again together with the next that goes wrong.
        ControlSwitch.CloseCircuit => state with { Circuit = null, StuckBrokers = [], RepairFailed = [], Watched = [.. state.Watched.Select(w => w with { Excused = w.JudgedAt is not null })], EffectsDue = [.. state.EffectsDue.Select(e => e with { Excused = true })] },
        _ => throw new ArgumentOutOfRangeException(nameof(command), command.Switch, "Unknown switch."),
    };

    /// <summary>True once a pause with an end has ended.</summary>
    public static bool IsOver(Pause pause, DateTimeOffset now) => pause.Until is { } until && until <= now;

    /// <summary>Since when the balance is out of its band, given what the planner just found; null inside the band.</summary>
    public static DateTimeOffset? Breach(ControlState state, bool outOfBand, DateTimeOffset now) => outOfBand ? state.BreachSince ?? now : null;

    /// <summary>Why the imbalance has not lasted long enough; null when it has.</summary>
    public static Denial? WhyNotSustained(DateTimeOffset? breachSince, RebalancerOptions options, DateTimeOffset now)
    {
        var lasted = breachSince is { } since ? (now - since).TotalSeconds : 0;
        return lasted >= options.SustainedValue
            ? null
            : new Denial(ReasonCode.NotSustained, string.Create(CultureInfo.InvariantCulture,
                $"Out of band for {lasted:0} s of the {options.SustainedValue:0} s that it must last."));
    }

    /// <summary>Moves that the hourly limit leaves.</summary>
    public static int MovesLeft(ControlState state, RebalancerOptions options, DateTimeOffset now) =>
        Math.Max(0, options.MaxMovesPerHour - state.Ledger.Total(now));

    /// <summary>
    /// Whether a cycle is worth publishing: everything that is not a repetition of the last published one, and a repetition only after
    /// <see cref="RebalancerOptions.RepeatedCycleSeconds"/>, so that an idle cluster does not fill the history.
    /// </summary>
    public static bool IsWorthPublishing(ControlState state, CycleRecord cycle, RebalancerOptions options) =>
        cycle.PlanId is not null
        || cycle.Effect is not null
        || state.Published is not { } last
        || last.Signature != Signature(cycle)
        || (cycle.Time - last.At).TotalSeconds >= options.RepeatedCycleSeconds;

    /// <summary>What makes two cycles the same decision.</summary>
    public static string Signature(CycleRecord cycle) =>
        $"{cycle.Outcome}|{cycle.Reason}|{string.Join(',', cycle.Refusals.Where(r => IsFinding(r.Reason)).Select(r => $"{r.Subject}:{r.Reason}"))}";

    /// <summary>The refusals worth naming with a cycle: those that an operator can do something about first, and not too many.</summary>
    public static IReadOnlyList<Refusal> WorthNaming(IReadOnlyList<Refusal> refusals) =>
        [.. refusals.OrderByDescending(r => IsFinding(r.Reason)).ThenBy(r => r.Kind).Take(MaxRefusals)];

    private static bool IsFinding(ReasonCode reason) => reason is ReasonCode.Unsplittable or ReasonCode.Stranded or ReasonCode.Infeasible
        or ReasonCode.LoadedTwice or ReasonCode.DeadCopy or ReasonCode.BrokerStuck or ReasonCode.BrokerUnreachable or ReasonCode.BuiltInRebalancing;

    private static Denial Over(ReasonCode reason, string whose, int moves, int made, int limit) => new(reason, string.Create(CultureInfo.InvariantCulture,
        $"{moves} moves{whose} would follow {made} in the last hour; the limit is {limit}."));

    private static Denial? WhyQuiet(RebalancerOptions options, DateTimeOffset now)
    {
        foreach (var text in options.QuietHours)
        {
            if (QuietHours.TryParse(text, out var quiet) && quiet.Contains(now))
                return new Denial(ReasonCode.QuietHours, $"Quiet hours {quiet}: nothing starts by itself.");
        }

        return null;
    }

    private static Denial? WhyStopped(ControlState state)
    {
        if (state.KillSwitch is { } kill)
            return new Denial(ReasonCode.KillSwitch, Describe(kill));
        if (state.Circuit is { } circuit)
            return new Denial(ReasonCode.CircuitOpen, circuit.Detail);
        return null;
    }

    private static Denial StorageDenial(RebalancerOptions options) => options.StorageValue == StorageMode.Local
        ? new Denial(ReasonCode.StorageMode, "Storage mode local: unread history would stay behind on the old broker. Set Rebalancer:AllowLocalStorage to accept that.")
        : new Denial(ReasonCode.StorageMode, "Rebalancer:StorageMode is unknown: set it to the cluster's mode (shared_fs, object_store or local) first.");

    private static string Describe(Pause pause) =>
        $"Paused {(pause.Until is { } until ? string.Create(CultureInfo.InvariantCulture, $"until {until:u}") : "until told")}{Because(pause.Reason)}.";

    private static string Describe(Switched kill) => string.Create(CultureInfo.InvariantCulture, $"Kill switch on since {kill.Since:u}{Because(kill.Reason)}.");

    private static string Because(string? reason) => string.IsNullOrEmpty(reason) ? "" : ": " + reason;
}

/// <summary>Answer to a running plan that asks whether it may take its next step.</summary>
public enum ContinuationKind
{
    Go,
    Wait,
    Stop,
}

/// <summary>Answer with its reason.</summary>
public sealed record Continuation(ContinuationKind Kind, ReasonCode? Reason = null, string Detail = "")
{
    public static Continuation Go { get; } = new(ContinuationKind.Go);

    public static Continuation Wait(ReasonCode reason, string detail) => new(ContinuationKind.Wait, reason, detail);

    public static Continuation Stop(ReasonCode reason, string detail) => new(ContinuationKind.Stop, reason, detail);
}
