using System.Diagnostics;
using Danube.Dapr.Contracts;
using Danube.Dapr.Planning;
using Danube.Dapr.Rebalancer.Actors;
using Danube.Dapr.Rebalancer.Control;
using Danube.Dapr.Rebalancer.Cycle;
using Danube.Dapr.Rebalancer.Findings;
using Danube.Dapr.Rebalancer.Options;
using Danube.Dapr.ServiceDefaults;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;
using Refusal = Danube.Dapr.Contracts.Refusal;

namespace Danube.Dapr.Rebalancer.Apis;

/// <summary>What is wrong, and what can be done for single topics.</summary>
internal static class TopicsApi
{
    public static void MapTopicsApi(this IEndpointRouteBuilder app)
    {
        app.MapGet("/findings", Findings);
        app.MapPost("/topics/repair", RepairAll);
        app.MapPost("/topics/{ns}/{name}/repair", Repair);
        app.MapPost("/topics/{ns}/{name}/pin", Pin);
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
        RepairRequest? request, IdempotencyHeader header, Repairs repairs, CancellationToken cancellationToken) =>
        repairs.StartAsync(null, request ?? new RepairRequest(), header.Key, cancellationToken);

    internal static Task<Results<Ok<CommandResponse>, Accepted<CommandResponse>, ProblemHttpResult>> Repair(
        [AsParameters] TopicPath path, RepairRequest? request, IdempotencyHeader header, Repairs repairs, CancellationToken cancellationToken) =>
        repairs.StartAsync(path.Topic, request ?? new RepairRequest(), header.Key, cancellationToken);

    internal static async Task<Results<Ok<CommandResponse>, ProblemHttpResult>> Pin(
        [AsParameters] TopicPath path, PinRequest request, CycleRunner runner, ActorDirectory actors, CancellationToken cancellationToken)
    {
        var topic = path.Topic;
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
        var command = $"repair {topic ?? "all"}{(request.Force ? " by force" : "")}";
        if (!request.DryRun && key is not null && await actors.Control.FindCommandAsync(new CommandKey(key, command)) is { } known)
            return Answer(known, null);
        if (!request.DryRun && monitor.CurrentValue.RepairValue == RepairPolicy.Off)
            return Answers.Refused(ReasonCode.PolicyForbids, "Rebalancer:Repair is off: allow it with advise or auto.");
        try
        {
            var unowned = await ranking.GetUnownedAsync(cancellationToken);
            var wanted = topic is null ? unowned : [.. unowned.Where(t => t.Name == topic)];
            if (topic is null && wanted.Count == 0)
                return TypedResults.Ok(new CommandResponse(false, "Every topic has an owner: nothing to repair."));
            var state = await actors.Control.GetStateAsync();
            var snapshot = await runner.EnrichedSnapshotAsync(state, cancellationToken);
            if (wanted.Count == 0)
            {
                return snapshot.Topics.FirstOrDefault(t => t.Name == topic) is { } owned
                    ? Answers.Refused(ReasonCode.AlreadyThere, $"Broker {owned.BrokerId} owns {topic}: nothing to repair.")
                    : ApiProblem.NotFound("topic", topic!);
            }

            // A topic that is named alone is tried whatever is known of it: its end then says why it cannot be.
            if (topic is not null && WhyNotYet(wanted[0], request) is { } tooEarly)
                return Answers.Refused(tooEarly.Reason, tooEarly.Detail);
            IReadOnlyList<Refusal>? leftOut = null;
            if (topic is null && await LeftOutAsync(wanted, state, request) is { Count: > 0 } left)
            {
                leftOut = left;
                var names = left.Select(r => r.Subject).ToHashSet(StringComparer.Ordinal);
                wanted = [.. wanted.Where(t => !names.Contains(t.Name))];
                if (wanted.Count == 0)
                    return TypedResults.Ok(new CommandResponse(false, $"Nothing started: none of the {left.Count} topics that nobody owns can be repaired with the others now.", null, null, left));
            }

            var plan = PlanMaker.Repair(snapshot, wanted, time.GetUtcNow(), monitor.CurrentValue.Policy);
            if (request.DryRun)
                return TypedResults.Ok(new CommandResponse(false, Told(plan.Summary, leftOut), null, plan, leftOut));
            return Answer(await actors.Control.SubmitAsync(new PlanSubmission(plan, request.Reason ?? "operator", key, Activity.Current?.Id, command)), leftOut);
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

    private Denial? WhyNotYet(UnownedTopic topic, RepairRequest request) => request.Force ? null : RepairRules.WhyNotYet(topic, monitor.CurrentValue, time.GetUtcNow());

    /// <summary>Topics that a repair of all leaves out, each with its reason: one of them would end it before it came to the others.</summary>
    private async Task<IReadOnlyList<Refusal>> LeftOutAsync(IReadOnlyList<UnownedTopic> unowned, ControlState state, RepairRequest request)
    {
        var left = new List<Refusal>();
        foreach (var topic in unowned)
        {
            var why = RepairRules.WhyNever(topic) ?? WhyNotYet(topic, request)
                ?? (state.RepairFailed.Contains(topic.Name) ? await WhyFailedAsync(topic.Name) : null);
            if (why is not null)
                left.Add(new Refusal(Contracts.SubjectKind.Topic, topic.Name, why.Reason, why.Detail));
        }

        return left;
    }

    private async Task<Denial> WhyFailedAsync(string topic)
    {
        var end = (await actors.Topic(topic).GetAsync())?.LastEnd;
        return new Denial(end?.Reason ?? ReasonCode.Stranded, $"Its last repair failed{(end is null ? "" : $": {end.Detail}")} It is tried again when it is named alone.");
    }

    private static string Told(string detail, IReadOnlyList<Refusal>? leftOut) => leftOut is null ? detail : $"{detail} Left out: {leftOut.Count}.";

    private static Results<Ok<CommandResponse>, Accepted<CommandResponse>, ProblemHttpResult> Answer(CommandResult answer, IReadOnlyList<Refusal>? leftOut) =>
        answer.Reason is { } reason
            ? Answers.Refused(reason, answer.Detail)
            : TypedResults.Accepted($"/plans/{answer.PlanId}", new CommandResponse(true, Told(answer.Detail, leftOut), answer.PlanId, null, leftOut));
}
