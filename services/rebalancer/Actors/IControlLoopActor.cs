using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Control;
using Dapr.Actors;

namespace Danube.Dapr.Rebalancer.Actors;

/// <summary>The control loop of the cluster. Public because Dapr implements it at run time.</summary>
public interface IControlLoopActor : IActor
{
    /// <summary>Sees to it that the loop runs, and undoes what a dead process left masked.</summary>
    Task StartAsync();

    /// <summary>Asks for a cycle now, because something changed.</summary>
    Task NudgeAsync();

    /// <summary>What the loop remembers.</summary>
    Task<ControlState> GetStateAsync();

    /// <summary>Plans now; starts the plan unless it is a dry run.</summary>
    Task<RebalanceResponse> RebalanceAsync(ManualRebalance request);

    /// <summary>Starts a plan that an operator put together.</summary>
    Task<CommandResult> SubmitAsync(PlanSubmission submission);

    /// <summary>Lets the waiting plan run.</summary>
    Task<CommandResult> ApproveAsync(Approval approval);

    /// <summary>Stops the plan before its next step.</summary>
    Task<CommandResult> CancelAsync(string planId);

    /// <summary>Turns a switch.</summary>
    Task<ControlState> SwitchAsync(SwitchCommand command);

    /// <summary>Pins a topic to a broker, or frees it.</summary>
    Task PinAsync(TopicPin pin);

    /// <summary>Takes a broker out: it gets no more topics, and those that can be moved safely are.</summary>
    Task<DrainAnswer> DrainAsync(DrainCommand command);

    /// <summary>Lets a broker take topics again, and stops its drain.</summary>
    Task<CommandResult> ActivateAsync(string brokerId);

    /// <summary>What a command with this idempotency key made before; null when the key is new.</summary>
    Task<CommandResult?> FindCommandAsync(CommandKey key);

    /// <summary>Whether a running plan may take its next step.</summary>
    Task<Continuation> MayContinueAsync(string planId);

    /// <summary>Takes in what a batch did to clients. Telling it again changes nothing.</summary>
    /// <returns>Why the plan must stop; null when it may go on.</returns>
    Task<Denial?> TakeImpactAsync(BatchImpact impact);

    /// <summary>Takes in how a plan ended and frees the floor. Telling it again changes nothing.</summary>
    Task FinishedAsync(PlanResult result);
}

/// <summary>An operator asks for a plan.</summary>
/// <param name="Request">What is asked.</param>
/// <param name="IdempotencyKey">Key of the request, or null.</param>
/// <param name="TraceParent">W3C traceparent of the request.</param>
public sealed record ManualRebalance(RebalanceRequest Request, string? IdempotencyKey = null, string? TraceParent = null);

/// <summary>A plan that an operator put together: one move, or a drain.</summary>
/// <param name="Plan">The plan.</param>
/// <param name="RequestedBy">Who asks.</param>
/// <param name="IdempotencyKey">Key of the request, or null.</param>
/// <param name="TraceParent">W3C traceparent of the request.</param>
/// <param name="Command">What was asked, in words that are the same for the same request; only looked at with a key.</param>
public sealed record PlanSubmission(RebalancePlan Plan, string RequestedBy, string? IdempotencyKey = null, string? TraceParent = null, string Command = "");

/// <summary>Idempotency key of a command.</summary>
/// <param name="Key">The key.</param>
/// <param name="Command">What is asked, in words that are the same for the same request.</param>
public sealed record CommandKey(string Key, string Command);

/// <summary>An operator takes a broker out.</summary>
/// <param name="BrokerId">The broker.</param>
/// <param name="Reason">Why, or null.</param>
/// <param name="IdempotencyKey">Key of the request, or null.</param>
/// <param name="TraceParent">W3C traceparent of the request.</param>
public sealed record DrainCommand(string BrokerId, string? Reason = null, string? IdempotencyKey = null, string? TraceParent = null);

/// <summary>Answer to a drain.</summary>
/// <param name="Result">Taken or refused; without a plan when nothing is to be moved.</param>
/// <param name="Refusals">Topics of the broker that cannot be moved safely.</param>
public sealed record DrainAnswer(CommandResult Result, IReadOnlyList<Refusal> Refusals);

/// <summary>Approval of a plan.</summary>
/// <param name="PlanId">The plan.</param>
/// <param name="Hash">Hash of the plan that was looked at.</param>
/// <param name="Approver">Who approves.</param>
public sealed record Approval(string PlanId, string? Hash, string Approver);

/// <summary>Answer to a command.</summary>
/// <param name="Reason">Why it was refused; null when it was taken.</param>
/// <param name="Detail">One sentence.</param>
/// <param name="PlanId">The plan that it is about.</param>
public sealed record CommandResult(ReasonCode? Reason, string Detail, string? PlanId = null);

/// <summary>What an operator switches.</summary>
public enum ControlSwitch
{
    /// <summary>Pauses moves.</summary>
    Pause,

    /// <summary>Ends the pause.</summary>
    Resume,

    /// <summary>Stops everything, also what was asked by hand.</summary>
    Kill,

    /// <summary>Takes the kill switch back.</summary>
    Revive,

    /// <summary>Closes the circuit breaker and forgives the brokers where something stuck.</summary>
    CloseCircuit,
}

/// <summary>An operator turns a switch.</summary>
/// <param name="Switch">Which.</param>
/// <param name="Minutes">For how long, for a pause; null until told.</param>
/// <param name="Reason">Why.</param>
public sealed record SwitchCommand(ControlSwitch Switch, int? Minutes = null, string? Reason = null);

/// <summary>How a plan ended.</summary>
/// <param name="PlanId">The plan.</param>
/// <param name="Reason">Why it was stopped early; null when all moves ended.</param>
/// <param name="Detail">One sentence.</param>
/// <param name="Ends">The moves that had an effect or went wrong.</param>
/// <param name="NotMoved">The moves that were not made: their budget is given back.</param>
public sealed record PlanResult(string PlanId, ReasonCode? Reason, string Detail, IReadOnlyList<MoveRecord> Ends, IReadOnlyList<MoveRecord> NotMoved)
{
    /// <summary>Topics that it deleted to create them again, and that are not there.</summary>
    public IReadOnlyList<DeletedTopic> Deleted { get; init; } = [];
}
