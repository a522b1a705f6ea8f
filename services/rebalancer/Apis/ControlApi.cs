using System.Diagnostics;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Actors;
using Danube.Dapr.Rebalancer.Control;
using Danube.Dapr.Rebalancer.Cycle;
using Danube.Dapr.Rebalancer.Options;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;

namespace Danube.Dapr.Rebalancer.Apis;

/// <summary>What an operator sees and switches.</summary>
internal static class ControlApi
{
    public static void MapControlApi(this IEndpointRouteBuilder app)
    {
        app.MapGet("/status", Status);
        app.MapGet("/snapshot", Snapshot);
        app.MapPost("/rebalance", Rebalance);
        app.MapPost("/pause", Pause);
        app.MapPost("/resume", Resume);
        app.MapPost("/kill-switch", KillSwitch);
        app.MapPost("/circuit/close", CloseCircuit);
    }

    internal static async Task<Ok<RebalancerStatus>> Status(StatusReader reader) => TypedResults.Ok(await reader.ReadAsync());

    internal static async Task<Results<Ok<ClusterSnapshot>, ProblemHttpResult>> Snapshot(CycleRunner runner, ActorDirectory actors, CancellationToken cancellationToken)
    {
        try
        {
            return TypedResults.Ok(await runner.EnrichedSnapshotAsync(await actors.Control.GetStateAsync(), cancellationToken));
        }
        catch (SnapshotUnavailableException error)
        {
            return Answers.Refused(ReasonCode.StaleReports, error.Message);
        }
    }

    internal static async Task<Results<Ok<RebalanceResponse>, Accepted<RebalanceResponse>, ProblemHttpResult>> Rebalance(
        RebalanceRequest? request, IdempotencyHeader header, ActorDirectory actors)
    {
        var answer = await actors.Control.RebalanceAsync(new ManualRebalance(request ?? new RebalanceRequest(), header.Key, Activity.Current?.Id));
        if (answer.Started)
            return TypedResults.Accepted($"/plans/{answer.Plan!.Id}", answer);
        // "Nothing to do" is an answer; "may not" is a refusal.
        return answer.Reason is null or ReasonCode.Balanced or ReasonCode.NoBenefit or ReasonCode.Unsplittable || request is { DryRun: true } && answer.Plan is not null
            ? TypedResults.Ok(answer)
            : Answers.Refused(answer.Reason.Value, answer.Detail);
    }

    internal static Task<Ok<RebalancerStatus>> Pause(PauseRequest? request, ActorDirectory actors, StatusReader reader) =>
        SwitchAsync(actors, reader, new SwitchCommand(ControlSwitch.Pause, request?.Minutes, request?.Reason));

    internal static Task<Ok<RebalancerStatus>> Resume(ActorDirectory actors, StatusReader reader) =>
        SwitchAsync(actors, reader, new SwitchCommand(ControlSwitch.Resume));

    internal static Task<Ok<RebalancerStatus>> KillSwitch(SwitchRequest? request, ActorDirectory actors, StatusReader reader) =>
        SwitchAsync(actors, reader, new SwitchCommand(request is { On: false } ? ControlSwitch.Revive : ControlSwitch.Kill, null, request?.Reason));

    internal static Task<Ok<RebalancerStatus>> CloseCircuit(SwitchRequest? request, ActorDirectory actors, StatusReader reader) =>
        SwitchAsync(actors, reader, new SwitchCommand(ControlSwitch.CloseCircuit, null, request?.Reason));

    private static async Task<Ok<RebalancerStatus>> SwitchAsync(ActorDirectory actors, StatusReader reader, SwitchCommand command)
    {
        await actors.Control.SwitchAsync(command);
        return TypedResults.Ok(await reader.ReadAsync());
    }
}

/// <summary>Puts the status together.</summary>
internal sealed class StatusReader(ActorDirectory actors, IOptionsMonitor<RebalancerOptions> monitor, TimeProvider time)
{
    public async Task<RebalancerStatus> ReadAsync()
    {
        var state = await actors.Control.GetStateAsync();
        var window = await actors.Mask.GetAsync();
        var options = monitor.CurrentValue;
        var now = time.GetUtcNow();
        var pace = state.Pace ?? Pace.Start(options);
        var paused = state.Pause is { } pause && !ControlRules.IsOver(pause, now) ? pause : null;
        return new RebalancerStatus
        {
            Mode = options.Mode,
            Policy = options.Policy,
            Paused = paused is not null,
            PausedUntil = paused?.Until,
            PauseReason = paused?.Reason,
            CircuitOpen = state.Circuit is not null,
            CircuitReason = state.Circuit?.Detail,
            KillSwitch = state.KillSwitch is not null,
            RunningPlanId = state.Active is { AwaitsApproval: false } running ? running.PlanId : null,
            PendingPlanId = state.Active is { AwaitsApproval: true } pending ? pending.PlanId : null,
            OutOfBandSince = state.BreachSince,
            MaskedBrokers = [.. window?.Masked.Select(m => m.Id) ?? []],
            StuckBrokers = state.StuckBrokers,
            DrainedBrokers = [.. state.Drains.Select(d => d.BrokerId)],
            MovesPerWindow = Math.Min(pace.MovesPerWindow, options.MaxMovesPerMask),
            RestSeconds = pace.RestSeconds,
            UnloadsInFlight = options.UnloadsInFlight,
            LastCycle = state.LastCycle,
            MovesLastHour = state.Ledger.Total(now),
            MaxMovesPerHour = options.MaxMovesPerHour,
        };
    }
}
