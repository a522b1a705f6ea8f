using System.Globalization;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Control;

namespace Danube.Dapr.Rebalancer.Findings;

/// <summary>Topics that have not come back since their move, with the figures before and after.</summary>
internal static class NotBackFindings
{
    public static IEnumerable<Finding> Of(ControlState state) => state.Watched.Where(w => w.JudgedAt is not null).Select(w =>
    {
        var grows = w.Sign == MoveVerdict.BacklogGrows;
        return new Finding
        {
            Kind = FindingKind.NotBackSinceMove,
            Severity = grows ? FindingSeverity.Warning : FindingSeverity.Critical,
            About = SubjectKind.Topic,
            Subject = w.Topic,
            Since = w.At,
            Evidence = string.Create(CultureInfo.InvariantCulture,
                $"Plan {w.PlanId} moved it; it is on broker {w.BrokerId}. Messages/s before: {Rates(w.MessagesBefore, w.OutBefore)}; now: {w.In:0.#} in, {w.Out:0.#} out. Backlog before: {Backlog(w.BacklogBefore)}; now: {Backlog(w.Backlog)}."),
            Advice = grows
                ? "Its consumers get less than comes in since the move: look at them and at the load of its broker. It is not moved by itself as long as this is open; by hand it can be."
                : "Its producers or its consumers, whichever figure is 0, have not looked it up again: restart them. It is not moved by itself as long as this is open; by hand it can be.",
        };
    });

    private static string Rates(double messages, double? messagesOut) => messagesOut is { } o
        ? string.Create(CultureInfo.InvariantCulture, $"{messages - o:0.#} in, {o:0.#} out")
        : string.Create(CultureInfo.InvariantCulture, $"{messages:0.#} in and out");

    private static string Backlog(long? messages) => messages?.ToString(CultureInfo.InvariantCulture) ?? "not known";
}
