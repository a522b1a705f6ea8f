using System.Globalization;
using Danube.Dapr.Contracts;
using Danube.Dapr.Planning;
using Danube.Dapr.Rebalancer.Control;
using Danube.Dapr.Rebalancer.Findings;
using Danube.Dapr.Rebalancer.Options;
using Microsoft.Extensions.Options;
using Refusal = Danube.Dapr.Contracts.Refusal;

namespace Danube.Dapr.Rebalancer.Cycle;

/// <summary>What a cycle found, and the plan to start or to propose, if any.</summary>
/// <param name="State">The state with what the cycle learned.</param>
/// <param name="Record">The decision.</param>
/// <param name="Plan">The plan to start or propose; null for none.</param>
/// <param name="Snapshot">The cluster that it saw; null when it did not look.</param>
/// <param name="Unowned">Topics that nobody owns, with the time since when; null when it did not look.</param>
/// <param name="Judged">Moves of earlier plans of which it found out what they did; null when it did not look.</param>
internal sealed record CycleResult(
    ControlState State, CycleRecord Record, RebalancePlan? Plan, ClusterSnapshot? Snapshot = null, IReadOnlyList<UnownedTopic>? Unowned = null, IReadOnlyList<JudgedMove>? Judged = null);

/// <summary>One pass of the control loop: snapshot, plan, decision. It changes nothing but its answer.</summary>
internal sealed class CycleRunner(
    RankingClient ranking, PlanMaker planner, Drains drains, BuiltInProbe builtIn, IOptionsMonitor<RebalancerOptions> monitor, TimeProvider time)
{
    /// <summary>A drain of a broker that nobody lists is forgotten after this long.</summary>
    private static readonly TimeSpan Gone = TimeSpan.FromMinutes(10);

    public async Task<CycleResult> RunAsync(ControlState state, string? traceId, CancellationToken cancellationToken = default)
    {
        var options = monitor.CurrentValue;
        var started = time.GetTimestamp();
        var now = time.GetUtcNow();
        CycleResult result;
        try
        {
            result = await DecideAsync(state, options, now, cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            result = new CycleResult(state, Record(now, CycleOutcome.Failed, ReasonCode.Timeout, string.Create(CultureInfo.InvariantCulture,
                $"The cycle was given up after {options.MaxCycleSeconds:0.#} s: ranking or Danube answers too slowly.")), null);
        }

        var record = result.Record with
        {
            DurationMs = time.GetElapsedTime(started).TotalMilliseconds,
            TraceId = traceId,
            Refusals = ControlRules.WorthNaming(result.Record.Refusals),
        };
        return result with { Record = record, State = result.State with { LastCycle = record } };
    }

    /// <summary>The record of a cycle that waited too long for somebody.</summary>
    /// <param name="why">For whom.</param>
    /// <param name="begun">The plan that it had given the floor before; null when it had not come so far.</param>
    /// <param name="now">Now.</param>
    /// <param name="after">After what time.</param>
    /// <param name="traceId">Its trace.</param>
    public static CycleRecord GivenUp(string why, ActivePlan? begun, DateTimeOffset now, TimeSpan after, string? traceId) => (begun is null
        ? Record(now, CycleOutcome.Failed, ReasonCode.Timeout, why)
        : Record(now, begun.AwaitsApproval ? CycleOutcome.Proposed : CycleOutcome.Started, begun.AwaitsApproval ? ReasonCode.AwaitingApproval : null, $"Plan {begun.PlanId} has the floor. {why}") with { PlanId = begun.PlanId })
        with { DurationMs = after.TotalMilliseconds, TraceId = traceId };

    /// <summary>A plan on an operator's request. A dry run shows all moves; a real one keeps the limits.</summary>
    public async Task<PlanMade> MakeManualAsync(ControlState state, RebalanceRequest request, CancellationToken cancellationToken = default)
    {
        var options = monitor.CurrentValue;
        var now = time.GetUtcNow();
        var left = ControlRules.MovesLeft(state, options, now);
        if (!request.DryRun && left == 0)
            return new PlanMade(null, ReasonCode.HourlyLimit, UsedUp(state, options, now), null, false, []);
        ClusterSnapshot snapshot;
        try
        {
            snapshot = await EnrichedSnapshotAsync(state, cancellationToken);
        }
        catch (SnapshotUnavailableException error)
        {
            return new PlanMade(null, ReasonCode.StaleReports, error.Message, null, false, []);
        }

        return planner.Make(snapshot, new PlanRequest
        {
            Policy = request.Policy ?? options.Policy,
            MaxMoves = request.DryRun ? request.MaxMoves ?? 10_000 : Math.Min(request.MaxMoves ?? options.MaxMovesPerCycle, Math.Min(options.MaxMovesPerCycle, left)),
            UntilTarget = true,
            Trigger = PlanTrigger.Manual,
            Resting = MoveWatch.Resting(state),
            Ledger = state.Ledger,
            WithoutHourlyLimit = request.DryRun,
            Now = now,
        });
    }

    /// <summary>Ranking's snapshot with what only the control loop knows.</summary>
    public async Task<ClusterSnapshot> EnrichedSnapshotAsync(ControlState state, CancellationToken cancellationToken = default) =>
        SnapshotEnricher.Enrich(await ranking.GetSnapshotAsync(cancellationToken), state, monitor.CurrentValue);

    /// <summary>Topics that nobody owns are named with every cycle, whatever the planner had to look at.</summary>
    private static IEnumerable<Refusal> Stranded(ClusterSnapshot snapshot, IReadOnlyList<Refusal> named) => snapshot.Topics
        .Where(t => t.BrokerId is null && named.All(r => r.Subject != t.Name))
        .Select(t => new Refusal(Contracts.SubjectKind.Topic, t.Name, ReasonCode.Stranded, "Nobody owns it."));

    private static string UsedUp(ControlState state, RebalancerOptions options, DateTimeOffset now) =>
        string.Create(CultureInfo.InvariantCulture, $"{state.Ledger.Total(now)} moves in the last hour; the limit is {options.MaxMovesPerHour}.");

    private async Task<CycleResult> DecideAsync(ControlState state, RebalancerOptions options, DateTimeOffset now, CancellationToken cancellationToken)
    {
        ClusterSnapshot snapshot;
        IReadOnlyList<UnownedTopic> unowned = [];
        try
        {
            snapshot = await EnrichedSnapshotAsync(state, cancellationToken);
            if (snapshot.Topics.Any(t => t.BrokerId is null))
                unowned = await ranking.GetUnownedAsync(cancellationToken);
        }
        catch (SnapshotUnavailableException error)
        {
            return new CycleResult(state, Busy(state, now) ?? Record(now, CycleOutcome.Failed, ReasonCode.StaleReports, error.Message), null);
        }

        // Findings are looked for whatever else goes on.
        state = ClusterLearning.Learn(state, snapshot);
        (state, var judged) = MoveWatch.Look(state, snapshot, options, now);
        var result = state.Active is { AwaitsApproval: false }
            ? new CycleResult(state, Busy(state, now)!, null)
            : await DecideAsync(state, snapshot, unowned, options, now, cancellationToken);
        return result with { Snapshot = snapshot, Unowned = unowned, Judged = judged };
    }

    /// <summary>The record of a cycle for which a plan leaves nothing to do; null when no plan has the floor.</summary>
    private static CycleRecord? Busy(ControlState state, DateTimeOffset now) => state.Active switch
    {
        null => null,
        { AwaitsApproval: true } waiting => Record(now, CycleOutcome.Skipped, ReasonCode.AwaitingApproval, $"Plan {waiting.PlanId} waits for approval."),
        { } running => Record(now, CycleOutcome.Skipped, ReasonCode.PlanRunning, $"Plan {running.PlanId} is running."),
    };

    private async Task<CycleResult> DecideAsync(
        ControlState state, ClusterSnapshot snapshot, IReadOnlyList<UnownedTopic> unowned, RebalancerOptions options, DateTimeOffset now, CancellationToken cancellationToken)
    {
        if (Repair(state, snapshot, unowned, options, now) is { } repair)
            return repair;
        state = state with { BuiltIn = await builtIn.LookAsync(state.BuiltIn, now, cancellationToken) };
        (state, var drain) = await ResumeDrainAsync(state, snapshot, options, now, cancellationToken);
        if (drain is not null)
            return drain;
        if (Busy(state, now) is { } waits)
            return new CycleResult(state, waits, null);
        var made = planner.Make(snapshot, new PlanRequest
        {
            Policy = options.Policy,
            MaxMoves = Math.Min(options.MaxMovesPerCycle, ControlRules.MovesLeft(state, options, now)),
            // Once out of the band, plans go on until the cluster has settled at the target, not only until the trigger is no longer exceeded.
            UntilTarget = state.BreachSince is not null,
            Trigger = PlanTrigger.Imbalance,
            Resting = MoveWatch.Resting(state),
            Ledger = state.Ledger,
            Now = now,
        });
        var breach = ControlRules.Breach(state, made.OutOfBand, now);
        state = state with { BreachSince = breach };
        var record = Record(now, CycleOutcome.NoAction, made.Reason, made.Detail) with
        {
            Balance = made.Balance,
            Refusals = [.. Stranded(snapshot, made.Refusals), .. made.Refusals],
            LowerBoundMoves = made.Plan?.LowerBoundMoves ?? 0,
        };
        if (made.Plan is not { Moves.Count: > 0 } plan)
            return new CycleResult(state, record with { Outcome = Outcome(made.Reason) }, null);

        record = record with { Moves = plan.Moves.Count };
        if (ControlRules.WhyNotSustained(breach, options, now) is { } early)
            return new CycleResult(state, record with { Outcome = CycleOutcome.Skipped, Reason = early.Reason, Detail = early.Detail }, null);
        if (ControlRules.MovesLeft(state, options, now) == 0)
            return new CycleResult(state, record with { Outcome = CycleOutcome.Skipped, Reason = ReasonCode.HourlyLimit, Detail = UsedUp(state, options, now) }, null);

        if (ControlRules.WhyNotStart(state, options, now) is { } denial)
            return new CycleResult(state, record with { Outcome = CycleOutcome.Skipped, Reason = denial.Reason, Detail = $"{denial.Detail} {plan.Summary}" }, null);

        return options.ModeValue == RebalancerMode.Advise
            ? new CycleResult(state, record with { Outcome = CycleOutcome.Proposed, Reason = ReasonCode.AwaitingApproval, Detail = plan.Summary, PlanId = plan.Id }, plan)
            : new CycleResult(state, record with { Outcome = CycleOutcome.Started, Reason = null, Detail = plan.Summary, PlanId = plan.Id }, plan);
    }

    /// <summary>Topics that nobody owns come first, where the policy lets them be repaired by itself.</summary>
    private static CycleResult? Repair(ControlState state, ClusterSnapshot snapshot, IReadOnlyList<UnownedTopic> unowned, RebalancerOptions options, DateTimeOffset now)
    {
        if (ControlRules.WhyNotRepair(state, options, now) is not null)
            return null;

        // Others tell since when nobody owns a topic, by a clock that jumped: how long that is can be told anew once it has lasted that long since, and ranking has heard of it.
        if (state.SetForwardAt is { } jumped && (now - jumped).TotalSeconds is >= 0 and var since && since < options.StrandedAfterSeconds + options.MaxReportAgeSeconds)
            return null;

        // Ranking's view is some seconds old: what was repaired since it saw the topic without owner has one. A move that is older than any view is none of those, whatever a clock that was set makes of the two times.
        var repaired = state.RecentMoves.ToLookup(m => m.Topic, m => m.At, StringComparer.Ordinal);
        var due = unowned
            .Where(t => RepairRules.WhyNotYet(t, options, now) is null && RepairRules.WhyNever(t) is null && !state.RepairFailed.Contains(t.Name) && repaired[t.Name].All(at => at < t.Since || (now - at).TotalSeconds > options.MaxReportAgeSeconds))
            .ToList();
        if (due.Count == 0)
            return null;
        try
        {
            var plan = PlanMaker.Repair(snapshot, due, now, options.Policy);
            return new CycleResult(state, Record(now, CycleOutcome.Started, null, plan.Summary) with { PlanId = plan.Id, Moves = plan.Moves.Count, Balance = plan.Before }, plan);
        }
        catch (SnapshotException error)
        {
            return new CycleResult(state, Record(now, CycleOutcome.Failed, ReasonCode.InvalidSnapshot, error.Message), null);
        }
    }

    /// <summary>Goes on with what an operator began: a drained broker that still owns topics which can be moved.</summary>
    private async Task<(ControlState State, CycleResult? Drain)> ResumeDrainAsync(
        ControlState state, ClusterSnapshot snapshot, RebalancerOptions options, DateTimeOffset now, CancellationToken cancellationToken)
    {
        if (state.Drains.Count == 0)
            return (state, null);
        // Activated elsewhere: then it is not drained any more, whoever wanted it. Gone for good: it comes back under another id, if at all.
        var listed = snapshot.Brokers.Select(b => b.Id).ToHashSet(StringComparer.Ordinal);
        var active = await drains.ActiveAsync(cancellationToken);
        var kept = state.Drains.Where(d => (listed.Contains(d.BrokerId) || now - d.Since < Gone) && !(d.Closed && active.Contains(d.BrokerId))).ToList();
        var looked = new List<DrainIntent>();
        PlanMade? next = null;
        foreach (var intent in kept)
        {
            if (snapshot.Topics.All(t => t.BrokerId != intent.BrokerId))
            {
                looked.Add(intent.Looked(0, []));
                continue;
            }

            var look = drains.Look(snapshot, state, intent.BrokerId, now);
            looked.Add(intent.Looked(look.TopicsLeft, look.Refusals));
            if (next is null && intent is { Closed: true, Held: false } && look.Made.Plan is { Moves.Count: > 0 } && !(intent.NotBefore > now))
                next = look.Made;
        }

        state = state with { Drains = looked };
        if (next?.Plan is not { } plan || ControlRules.WhyNotResumeDrain(state, options, now) is not null)
            return (state, null);
        return (state, new CycleResult(
            state, Record(now, CycleOutcome.Started, null, plan.Summary) with { PlanId = plan.Id, Moves = plan.Moves.Count, Balance = plan.Before }, plan));
    }

    private static CycleOutcome Outcome(ReasonCode? reason) => reason switch
    {
        null or ReasonCode.Balanced or ReasonCode.NoBenefit => CycleOutcome.NoAction,
        ReasonCode.InvalidSnapshot or ReasonCode.Fault => CycleOutcome.Failed,
        _ => CycleOutcome.Skipped,
    };

    private static CycleRecord Record(DateTimeOffset now, CycleOutcome outcome, ReasonCode? reason, string detail) => new()
    {
        Id = $"c-{Guid.CreateVersion7(now):n}",
        Time = now,
        Outcome = outcome,
        Reason = reason,
        Detail = detail,
    };
}
