using Danube.Dapr.Planning.Search;

namespace Danube.Dapr.Planning;

/// <summary>
/// Decides which topics move where: hard rules first, then the target band for every resource, then least cost, then best balance. A pure function: the same snapshot,
/// options and seed give the same plan, byte for byte, on any machine.
/// </summary>
public static class Planner
{
    /// <summary>Makes a plan. An empty plan says in its refusals why nothing moves.</summary>
    /// <exception cref="ArgumentException">The options are invalid; the message names every fault.</exception>
    public static Plan Plan(Snapshot snapshot, PlannerOptions options)
    {
        ArgumentNullException.ThrowIfNull(snapshot);
        ArgumentNullException.ThrowIfNull(options);
        var faults = options.Faults();
        if (faults.Count > 0) throw new ArgumentException(string.Join(" ", faults), nameof(options));

        var problem = ProblemBuilder.Build(snapshot, options);
        var bound = LowerBound.Of(problem);
        var (reason, detail) = Obstacle(problem);
        if (reason is not null)
        {
            problem.Notes.Insert(0, new(SubjectKind.Cluster, "", reason.Value, detail));
            return PlanWriter.Write(problem, bound, Schedule.Of(problem, new Placement(problem)), []);
        }

        var optimizer = new Optimizer(problem, bound);
        var placement = optimizer.Run();
        var evened = optimizer.Even(options.Policy.TargetCoefficientOfVariation);
        return PlanWriter.Write(problem, bound, Schedule.Of(problem, placement), evened);
    }

    private static (Reason? Reason, string Detail) Obstacle(Problem p)
    {
        var limits = p.Options.Limits;
        if (p.Participants.Length < limits.MinBrokers)
            return (Reason.TooFewBrokers, $"{p.Participants.Length} broker(s) take part; {limits.MinBrokers} are needed.");
        var quiet = limits.QuietHours.FirstOrDefault(q => q.Contains(p.Snapshot.Time));
        if (quiet is not null)
            return (Reason.QuietHours, FormattableString.Invariant($"Nothing moves from {quiet.From:HH:mm} to {quiet.To:HH:mm} UTC."));
        if (p.Snapshot.MovesInLastHour >= limits.MaxMovesPerHour)
            return (Reason.HourlyLimit, $"{p.Snapshot.MovesInLastHour} moves in the last hour; {limits.MaxMovesPerHour} are allowed.");
        return (null, "");
    }
}
