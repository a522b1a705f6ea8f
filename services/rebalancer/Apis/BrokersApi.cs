using System.Diagnostics;
using Danube.Dapr.BrokerClient;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Actors;
using Danube.Dapr.Rebalancer.Control;
using Danube.Dapr.Rebalancer.Cycle;
using Danube.Dapr.Rebalancer.Options;
using Danube.Dapr.ServiceDefaults;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Options;

namespace Danube.Dapr.Rebalancer.Apis;

/// <summary>Taking brokers out and in.</summary>
internal static class BrokersApi
{
    public static void MapBrokersApi(this IEndpointRouteBuilder app)
    {
        app.MapPost("/brokers/{id}/drain", Drain).AddEndpointFilter<Validation<DrainRequest>>();
        app.MapPost("/brokers/{id}/activate", Activate);
    }

    /// <summary>Takes a broker out: it gets no more topics, and those that can be moved safely are. The rest is listed.</summary>
    internal static async Task<Results<Ok<CommandResponse>, Accepted<CommandResponse>, ProblemHttpResult>> Drain(
        string id, DrainRequest? request, CycleRunner runner, PlanMaker planner, ActorDirectory actors, DanubeCluster danube,
        IOptionsMonitor<RebalancerOptions> options, TimeProvider time, CancellationToken cancellationToken, [FromHeader(Name = Answers.IdempotencyKey)] string? key = null)
    {
        var state = await actors.Control.GetStateAsync();
        ClusterSnapshot snapshot;
        try
        {
            snapshot = await runner.EnrichedSnapshotAsync(state, cancellationToken);
        }
        catch (SnapshotUnavailableException error)
        {
            return Answers.Refused(ReasonCode.StaleReports, error.Message);
        }

        if (snapshot.Brokers.All(b => b.Id != id))
            return ApiProblem.NotFound("broker", id);
        var made = planner.Make(snapshot, new PlanRequest
        {
            Policy = options.CurrentValue.Policy,
            MaxMoves = 10_000,
            UntilTarget = true,
            Trigger = PlanTrigger.Drain,
            DrainBroker = id,
            Ledger = state.Ledger,
            WithoutHourlyLimit = true,
            Now = time.GetUtcNow(),
        });
        if (made.Plan is not { } plan)
            return Answers.Refused(made.Reason ?? ReasonCode.InvalidSnapshot, made.Detail);
        var refused = made.Refusals.Where(r => r.Kind == SubjectKind.Topic && snapshot.Topics.Any(t => t.Name == r.Subject && t.BrokerId == id)).ToList();
        if (request is { DryRun: true })
            return TypedResults.Ok(new CommandResponse(false, plan.Summary, null, plan, refused));
        if (ControlRules.WhyNotStartManually(state, options.CurrentValue) is { } denial)
            return Answers.Refused(denial.Reason, denial.Detail);

        // First remembered, then closed for new topics, then emptied: a crash in between leaves a broker that is known to be drained on purpose.
        await actors.Control.MarkDrainedAsync(new DrainMark(id, true));
        var masked = await danube.MaskBrokerAsync(id, cancellationToken);
        if (masked.Outcome == MaskOutcome.Refused)
        {
            await actors.Control.MarkDrainedAsync(new DrainMark(id, false));
            return Answers.Refused(ReasonCode.Refused, $"Danube refused: {masked.Detail}");
        }

        if (plan.Moves.Count == 0)
            return TypedResults.Ok(new CommandResponse(true, $"Broker {id} takes no more topics. {made.Detail}", null, null, refused));
        var answer = await actors.Control.SubmitAsync(new PlanSubmission(plan, request?.Reason ?? "operator", key, Activity.Current?.Id));
        return answer.Reason is { } reason
            ? Answers.Refused(reason, $"Broker {id} takes no more topics, but its plan was not started: {answer.Detail}")
            : TypedResults.Accepted($"/plans/{answer.PlanId}", new CommandResponse(true, answer.Detail, answer.PlanId, null, refused));
    }

    /// <summary>Lets a broker take topics again.</summary>
    internal static async Task<Results<Ok<CommandResponse>, ProblemHttpResult>> Activate(string id, ActorDirectory actors, DanubeCluster danube, CancellationToken cancellationToken)
    {
        // Danube takes any id and remembers it, so it is looked up first.
        if ((await danube.DiscoverAsync(cancellationToken)).Find(id) is null)
            return ApiProblem.NotFound("broker", id);
        if (await actors.Mask.GetAsync() is { } window && window.Masked.Any(m => m.Id == id))
            return Answers.Refused(ReasonCode.PlanRunning, $"Broker {id} is masked by plan {window.PlanId} for a moment; it is activated when that batch ends.");
        await danube.ActivateBrokerAsync(id, "operator", cancellationToken);
        await actors.Control.MarkDrainedAsync(new DrainMark(id, false));
        return TypedResults.Ok(new CommandResponse(true, $"Broker {id} takes topics."));
    }
}
