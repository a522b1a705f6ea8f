using System.Globalization;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Control;
using Danube.Dapr.Rebalancer.Plans;

namespace Danube.Dapr.Rebalancer.Topics;

/// <summary>A move asks for a topic.</summary>
public sealed record Reservation
{
    public required string MoveId { get; init; }

    public required string Topic { get; init; }

    public required string From { get; init; }

    public required string To { get; init; }

    /// <summary>Time after which the holder counts as dead.</summary>
    public required double LeaseSeconds { get; init; }

    public double CoolDownSeconds { get; init; }

    public double MinTopicAgeSeconds { get; init; }

    /// <summary>First seen by the control plane, where known.</summary>
    public DateTimeOffset? FirstSeen { get; init; }

    /// <summary>An operator insists: cool-down, age and pin do not hold it back. A dead copy and another move do.</summary>
    public bool Force { get; init; }
}

/// <summary>Answer to a reservation.</summary>
/// <param name="Denial">Why not; null when the topic is held now.</param>
/// <param name="End">Set when the move has already ended.</param>
/// <param name="Lease">How the move holds it now, and how far it had come when it asked again; null when it does not.</param>
public sealed record ReservationResult(Denial? Denial, MoveEnd? End = null, Lease? Lease = null);

/// <summary>The gate in front of every move of one topic, as functions of the topic's state.</summary>
internal static class TopicGate
{
    private const int MaxFailures = 8;

    /// <summary>Less than this is left as it is.</summary>
    private static readonly TimeSpan Tolerance = TimeSpan.FromSeconds(1);

    /// <summary>Gives the topic to a move, or says why not. The same move asking again gets it again.</summary>
    public static (TopicState State, ReservationResult Result) Reserve(TopicState state, Reservation request, DateTimeOffset now)
    {
        state = Present(state, now);
        if (state.LastEnd is { } end && end.MoveId == request.MoveId)
            return (state, new ReservationResult(null, end));
        if (state.Lease is { } lease && lease.MoveId == request.MoveId)
        {
            var renewed = lease with { ExpiresAt = now.AddSeconds(request.LeaseSeconds), Seconds = request.LeaseSeconds, Asks = lease.Asks + 1 };
            return (state with { Lease = renewed }, new ReservationResult(null, Lease: renewed));
        }

        // Seen first after now, by ranking's clock: it counts as seen now, and that is remembered, so that it is old enough one day.
        if (request.FirstSeen > now && state.FirstSeen is null)
            state = state with { FirstSeen = now };
        if (WhyNot(state, request, now) is { } denial)
            return (state, new ReservationResult(denial));
        var held = new Lease(request.MoveId, request.From, request.To, LeaseStep.Reserved, now.AddSeconds(request.LeaseSeconds), null, request.LeaseSeconds);
        return (state with
        {
            Owner = request.From,
            FirstSeen = Earlier(state.FirstSeen, request.FirstSeen),
            Lease = held,
            // A move is only of a topic that exists; a repair may be of one that was deleted.
            DeletedAt = request.From.Length > 0 ? null : state.DeletedAt,
        }, new ReservationResult(null, Lease: held));
    }

    /// <summary>
    /// Writes down that the unload is about to be sent. Null when the move does not hold the topic (any more), or another run of the same step was faster: after a crash a step may be given
    /// out again while its first run still goes on, and one unload too many would move the topic away from its target.
    /// </summary>
    /// <param name="state">The topic.</param>
    /// <param name="moveId">The move.</param>
    /// <param name="sends">How often it had been sent when the caller decided to send it.</param>
    /// <param name="now">Now.</param>
    /// <param name="deletes">True: it is deleted, to be created again, instead of unloaded.</param>
    public static TopicState? BeginUnload(TopicState state, string moveId, int sends, DateTimeOffset now, bool deletes = false) =>
        state.Lease is { } lease && lease.MoveId == moveId && lease.Sends == sends
            ? state with { DeletedAt = deletes ? now : state.DeletedAt, Lease = lease with { Step = LeaseStep.Unloading, UnloadSentAt = lease.UnloadSentAt ?? now, Sends = sends + 1, LastSentAt = now } }
            : null;

    /// <summary>Writes down that a repair is about to load the topic on a broker. Null when the repair does not hold the topic, or another run of it asked for the topic since.</summary>
    public static TopicState? BeginLoad(TopicState state, string moveId, int asks, string broker) =>
        state.Lease is { } lease && lease.MoveId == moveId && lease.Asks == asks ? state with { LoadedOn = broker } : null;

    /// <summary>Frees the topic of a move that did nothing to it. Null when the move does not hold it, or has sent its unload.</summary>
    public static TopicState? Release(TopicState state, string moveId) =>
        state.Lease is { Step: LeaseStep.Reserved } lease && lease.MoveId == moveId ? state with { Lease = null } : null;

    /// <summary>
    /// Writes down how a move ended and frees the topic. Ending it again changes nothing, but what is found out later about the brokers is remembered: that it went wrong on one, or that the one which was
    /// suspected when the lease ran out let the topic go.
    /// </summary>
    /// <param name="state">The topic.</param>
    /// <param name="end">How it ended.</param>
    /// <param name="owner">Who owns it now, when known.</param>
    /// <param name="failedOn">The broker on which it went wrong, or null.</param>
    public static TopicState End(TopicState state, MoveEnd end, string? owner, string? failedOn)
    {
        if (state.LastEnd is { } last && last.MoveId == end.MoveId)
            return state with { Failures = FoundLater(state, last, end, owner, failedOn) };
        var lease = state.Lease is { } held && held.MoveId == end.MoveId ? held : null;
        var moved = PlanProgress.HasLanded(end.State) || end.Reason == ReasonCode.LoadedTwice;
        return state with
        {
            Owner = owner ?? state.Owner,
            LastMoved = moved ? end.At : state.LastMoved,
            LastMovedFrom = moved ? lease?.From ?? state.LastMovedFrom : state.LastMovedFrom,
            // Moved all the same, by force, it left both its logs behind.
            LoadedTwice = end.Reason == ReasonCode.LoadedTwice || (state.LoadedTwice && !moved),
            // It left the broker that a repair loaded it on when it has an owner by what was done here.
            LoadedOn = owner is null || end.State == MoveState.Skipped ? state.LoadedOn : null,
            Lease = lease is null ? state.Lease : null,
            DeletedAt = owner is null ? state.DeletedAt : null,
            Failures = Failures(state, end, failedOn),
            LastEnd = end,
        };
    }

    /// <summary>The topic that was loaded twice is gone, or the broker that had both its logs. Null when nothing of it is remembered.</summary>
    public static TopicState? ForgetLoadedTwice(TopicState state) => state.LoadedTwice ? state with { LoadedTwice = false } : null;

    private static IReadOnlyList<BrokerFailure> Failures(TopicState state, MoveEnd end, string? failedOn) => failedOn is null || end.Reason is not { } reason
        ? state.Failures
        : With(state, new BrokerFailure(failedOn, reason, end.At));

    private static IReadOnlyList<BrokerFailure> With(TopicState state, BrokerFailure failure) =>
        [.. state.Failures.Where(f => f.BrokerId != failure.BrokerId).TakeLast(MaxFailures - 1), failure];

    /// <summary>What a look that came after the end <paramref name="last"/> found out: it went wrong on a broker; or another one has the topic, so the one that was suspected with that end let it go.</summary>
    private static IReadOnlyList<BrokerFailure> FoundLater(TopicState state, MoveEnd last, MoveEnd end, string? owner, string? failedOn)
    {
        if (failedOn is not null)
            return state.Failures.Any(f => f.BrokerId == failedOn && !f.Suspected) ? state.Failures : Failures(state, end, failedOn);
        return owner is null ? state.Failures : [.. state.Failures.Where(f => !f.Suspected || f.At != last.At || f.BrokerId == owner)];
    }

    /// <summary>
    /// Frees the topic of a holder that is overdue. Null when there is nothing to free. One that had sent its unload may have left a dead copy on the broker that it came from, and nobody looked: that broker
    /// is suspected until somebody does. Nothing is left of a topic that was deleted to be created again; and a repair has written down where it loaded the topic.
    /// </summary>
    public static TopicState? Expire(TopicState state, DateTimeOffset now)
    {
        if (state.Lease is not { } lease || lease.ExpiresAt > now)
            return null;
        var reason = lease.Step == LeaseStep.Unloading ? ReasonCode.Timeout : ReasonCode.Cancelled;
        var detail = lease.Step == LeaseStep.Unloading
            ? "The move did not come back after its unload was sent; the topic was freed."
            : "The move did not come back; the topic was freed.";
        var end = new MoveEnd(lease.MoveId, lease.Step == LeaseStep.Unloading ? MoveState.Failed : MoveState.Cancelled, reason, detail, now, null);
        var freed = End(state, end, null, null);
        return lease is { Step: LeaseStep.Unloading, From.Length: > 0 } && state.DeletedAt is null && freed.Failures.All(f => f.BrokerId != lease.From)
            ? freed with { Failures = With(freed, new BrokerFailure(lease.From, reason, now, Suspected: true)) }
            : freed;
    }

    /// <summary>
    /// The state with its waits moved to the clock of now: a lease, the time that a move has taken and the cool-down are as long as they were, whatever was done to the clock since, also while no
    /// process lived. What is told of past events keeps its time.
    /// </summary>
    public static TopicState Follow(TopicState state, ClockReading now, TimeProvider time)
    {
        var step = state.Clock is { } before ? ClockStep.Exactly(before, now, time) : TimeSpan.Zero;
        if (step.Duration() >= Tolerance)
        {
            state = state with
            {
                LastMoved = state.LastMoved + step,
                Lease = state.Lease is { } lease ? lease with { ExpiresAt = lease.ExpiresAt + step, UnloadSentAt = lease.UnloadSentAt + step, LastSentAt = lease.LastSentAt + step } : null,
            };
        }

        return state with { Clock = now };
    }

    /// <summary>
    /// Without what cannot be: times after now come from a clock that was set back since. A move of then counts as made now, and a lease runs no longer than it was given for; so each wait is over
    /// at most its own length after this was noticed.
    /// </summary>
    public static TopicState Present(TopicState state, DateTimeOffset now)
    {
        if (state.LastMoved > now)
            state = state with { LastMoved = now };
        if (state.FirstSeen > now)
            state = state with { FirstSeen = now };
        return state.Lease is { Seconds: > 0 } lease && lease.ExpiresAt > now.AddSeconds(lease.Seconds)
            ? state with { Lease = lease with { ExpiresAt = now.AddSeconds(lease.Seconds) } }
            : state;
    }

    private static Denial? WhyNot(TopicState state, Reservation request, DateTimeOffset now)
    {
        if (state.Lease is { } lease && lease.ExpiresAt > now)
            return new Denial(ReasonCode.Reserved, $"Move {lease.MoveId} holds it.");
        if (state.Failures.FirstOrDefault(f => f.BrokerId == request.To) is { } failure)
            return new Denial(ReasonCode.DeadCopy, Describe(failure));
        if (state.LoadedTwice && !request.Force)
            return new Denial(ReasonCode.LoadedTwice, "It was loaded twice: its next unload may lose what was written between. Stop its producers, let its consumers empty the backlog, then move it by hand with force.");
        if (request.Force)
            return null;
        if (state.Pin is { } pin && pin != request.To)
            return new Denial(ReasonCode.Pinned, $"Pinned to broker {pin}.");
        if (state.LastMoved is { } moved && (now - moved).TotalSeconds < request.CoolDownSeconds)
            return new Denial(ReasonCode.CoolDown, string.Create(CultureInfo.InvariantCulture,
                $"Moved {(now - moved).TotalSeconds:0} s ago; it rests {request.CoolDownSeconds:0} s."));
        if (Earlier(state.FirstSeen, request.FirstSeen) is { } first && (now - first).TotalSeconds < request.MinTopicAgeSeconds)
            return new Denial(ReasonCode.TopicTooYoung, string.Create(CultureInfo.InvariantCulture,
                $"Seen first {(now - first).TotalSeconds:0} s ago; the least age is {request.MinTopicAgeSeconds:0} s."));
        return null;
    }

    private static string Describe(BrokerFailure failure) => failure.Suspected
        ? string.Create(CultureInfo.InvariantCulture, $"A move that took it from broker {failure.BrokerId} did not come back by {failure.At:u}, so nobody saw whether that broker let it go: it may hold a dead copy.")
        : string.Create(CultureInfo.InvariantCulture, $"Broker {failure.BrokerId} failed to let it go at {failure.At:u} ({failure.Reason}) and may hold a dead copy.");

    private static DateTimeOffset? Earlier(DateTimeOffset? a, DateTimeOffset? b) => a is null || b < a ? b : a;
}
