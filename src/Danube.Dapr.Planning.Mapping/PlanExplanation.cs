using Danube.Dapr.Contracts;

namespace Danube.Dapr.Planning.Mapping;

/// <summary>Answers "why topic T?" and "why not broker B?" from a plan alone.</summary>
public static class PlanExplanation
{
    /// <summary>Everything that a plan says about a topic or broker, one sentence per line.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="subject">Full topic name or broker id.</param>
    public static IReadOnlyList<string> Why(RebalancePlan plan, string subject)
    {
        ArgumentNullException.ThrowIfNull(plan);
        var lines = new List<string>();
        foreach (var move in plan.Moves)
        {
            if (move.Topic == subject)
            {
                lines.Add(FormattableString.Invariant($"{move.Topic} moves from broker {move.From} to broker {move.To} ({move.Cause}, cost {move.Cost:0.##}). {move.Reason}"));
                if (move.LimitingRule is { } rule) lines.Add($"A rule limited the choice of the target: {rule}.");
                lines.AddRange(move.Alternatives.Select(a => $"Not to broker {a.BrokerId}: {a.Reason}. {a.Detail}"));
            }
            else if (move.From == subject || move.To == subject)
            {
                lines.Add($"{move.Topic} moves from broker {move.From} to broker {move.To} ({move.Cause}).");
            }
            else if (move.Alternatives.FirstOrDefault(a => a.BrokerId == subject) is { } rejected)
            {
                lines.Add($"{move.Topic} does not go to broker {subject}: {rejected.Reason}. {rejected.Detail}");
            }
        }

        lines.AddRange(plan.Refusals.Where(r => r.Subject == subject).Select(r => $"{r.Reason}: {r.Detail}"));
        var broker = plan.Brokers.FirstOrDefault(b => b.BrokerId == subject);
        if (broker is not null)
        {
            lines.Add(FormattableString.Invariant($"Broker {subject}: topics {broker.TopicsBefore} to {broker.TopicsAfter}."));
            lines.AddRange(broker.LoadBefore.Select(l => FormattableString.Invariant($"Broker {subject}, {l.Key}: {l.Value:0.###} to {broker.LoadAfter.GetValueOrDefault(l.Key):0.###}.")));
        }

        if (lines.Count == 0)
        {
            lines.Add(plan.Moves.Count == 0
                ? $"Nothing in this plan names \"{subject}\". {plan.Summary}"
                : $"Nothing in this plan names \"{subject}\". A topic that is not named stays where it is: either its broker is within its limits, or the plan reaches what it can at less cost without it (of the topics that could move, only the heaviest of each broker are named).");
        }

        return lines;
    }
}
