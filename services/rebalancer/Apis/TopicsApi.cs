using System.Diagnostics;
using Danube.Dapr.Contracts;
using Danube.Dapr.Planning;
using Danube.Dapr.Rebalancer.Actors;
using Danube.Dapr.Rebalancer.Cycle;
using Danube.Dapr.Rebalancer.Findings;
using Danube.Dapr.Rebalancer.Options;
using Danube.Dapr.ServiceDefaults;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Options;

namespace Danube.Dapr.Rebalancer.Apis;

/// <summary>What is wrong, and what can be done for single topics.</summary>
internal static class TopicsApi
{
    public static void MapTopicsApi(this IEndpointRouteBuilder app)
    {
        app.MapGet("/findings", Findings);
        app.MapPost("/topics/repair", RepairAll).AddEndpointFilter<Validation<RepairRequest>>().AddEndpointFilter<IdempotencyKeyCheck>();
        app.MapPost("/topics/{ns}/{name}/repair", Repair).AddEndpointFilter<Validation<RepairRequest>>().AddEndpointFilter<IdempotencyKeyCheck>();
        app.MapPost("/topics/{ns}/{name}/pin", Pin).AddEndpointFilter<Validation<PinRequest>>();
    }

    internal static async Task<Results<Ok<IReadOnlyList<Finding>>, ProblemHttpResult>> Findings(FindingsReader reader, CancellationToken cancellationToken)
    {
        try
        {
            return TypedResults.Ok(await reader.ReadAsync(cancellationToken));
        }
        catch (SnapshotUnavailableException error)
        {
            return Answers.Refused(ReasonCode.StaleReports, error.Message);
        }
    }

    internal static Task<Results<Ok<CommandResponse>, Accepted<CommandResponse>, ProblemHttpResult>> RepairAll(
        RepairRequest? request, Repairs repairs, CancellationToken cancellationToken, [FromHeader(Name = Answers.IdempotencyKey)] string? key = null) =>
        repairs.StartAsync(null, request ?? new RepairRequest(), key, cancellationToken);

    internal static Task<Results<Ok<CommandResponse>, Accepted<CommandResponse>, ProblemHttpResult>> Repair(
        string ns, string name, RepairRequest? request, Repairs repairs, CancellationToken cancellationToken, [FromHeader(Name = Answers.IdempotencyKey)] string? key = null) =>
        repairs.StartAsync($"/{ns}/{name}", request ?? new RepairRequest(), key, cancellationToken);

    internal static async Task<Results<Ok<CommandResponse>, ProblemHttpResult>> Pin(
        string ns, string name, PinRequest request, CycleRunner runner, ActorDirectory actors, CancellationToken cancellationToken)
    {
        var topic = $"/{ns}/{name}";
        if (!Control.TopicNames.IsValid(topic))
            return ApiProblem.NotFound("topic", topic);
        // A pin may be taken away when topic and broker are long gone; a new one with a slip in it would never do anything.
        if (request.BrokerId is { } wanted)
        {
            try
            {
                var snapshot = await runner.EnrichedSnapshotAsync(await actors.Control.GetStateAsync(), cancellationToken);
                if (snapshot.Topics.All(t => t.Name != topic))
                    return ApiProblem.NotFound("topic", topic);
                if (snapshot.Brokers.All(b => b.Id != wanted))
                    return ApiProblem.NotFound("broker", wanted);
            }
            catch (SnapshotUnavailableException error)
            {
                return Answers.Refused(ReasonCode.StaleReports, error.Message);
            }
        }

        await actors.Topic(topic).PinAsync(new TopicPinning(request.BrokerId));
        await actors.Control.PinAsync(new TopicPin(topic, request.BrokerId ?? ""));
        return TypedResults.Ok(new CommandResponse(true, request.BrokerId is { } broker ? $"{topic} belongs on broker {broker}; the next plan takes it there." : $"{topic} is not pinned."));
    }
}

/// <summary>Starts repairs.</summary>
internal sealed class Repairs(RankingClient ranking, CycleRunner runner, ActorDirectory actors, IOptionsMonitor<RebalancerOptions> monitor, TimeProvider time)
{
    /// <param name="topic">The topic; null for all that nobody owns.</param>
    /// <param name="request">What is asked.</param>
    /// <param name="key">Idempotency key, or null.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    public async Task<Results<Ok<CommandResponse>, Accepted<CommandResponse>, ProblemHttpResult>> StartAsync(
        string? topic, RepairRequest request, string? key, CancellationToken cancellationToken)
    {
        var command = $"repair {topic ?? "all"}";
        if (!request.DryRun && key is not null && await actors.Control.FindCommandAsync(new CommandKey(key, command)) is { } known)
            return Answer(known);
        if (!request.DryRun && monitor.CurrentValue.RepairValue == RepairPolicy.Off)
            return Answers.Refused(ReasonCode.PolicyForbids, "Rebalancer:Repair is off: allow it with advise or auto.");
        try
        {
            var unowned = await ranking.GetUnownedAsync(cancellationToken);
            var wanted = topic is null ? unowned : [.. unowned.Where(t => t.Name == topic)];
            if (topic is null && wanted.Count == 0)
                return TypedResults.Ok(new CommandResponse(false, "Every topic has an owner: nothing to repair."));
            var snapshot = await runner.EnrichedSnapshotAsync(await actors.Control.GetStateAsync(), cancellationToken);
            if (wanted.Count == 0)
            {
                return snapshot.Topics.FirstOrDefault(t => t.Name == topic) is { } owned
                    ? Answers.Refused(ReasonCode.AlreadyThere, $"Broker {owned.BrokerId} owns {topic}: nothing to repair.")
                    : ApiProblem.NotFound("topic", topic!);
            }

            var plan = PlanMaker.Repair(snapshot, wanted, time.GetUtcNow(), monitor.CurrentValue.Policy);
            if (request.DryRun)
                return TypedResults.Ok(new CommandResponse(false, plan.Summary, null, plan));
            return Answer(await actors.Control.SubmitAsync(new PlanSubmission(plan, request.Reason ?? "operator", key, Activity.Current?.Id, command)));
        }
        catch (SnapshotUnavailableException error)
        {
            return Answers.Refused(ReasonCode.StaleReports, error.Message);
        }
        catch (SnapshotException error)
        {
            return Answers.Refused(ReasonCode.InvalidSnapshot, error.Message);
        }
    }

    private static Results<Ok<CommandResponse>, Accepted<CommandResponse>, ProblemHttpResult> Answer(CommandResult answer) =>
        answer.Reason is { } reason ? Answers.Refused(reason, answer.Detail) : Answers.Started(answer.Detail, answer.PlanId!);
}
