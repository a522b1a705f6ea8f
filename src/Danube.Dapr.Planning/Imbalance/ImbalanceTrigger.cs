namespace Danube.Dapr.Planning;

/// <summary>Whether an imbalance has lasted long enough. Pure: keep the value and pass it to the next observation.</summary>
/// <param name="Since">Since when the cluster is out of the trigger band without a break; null while it is within.</param>
public readonly record struct ImbalanceTrigger(DateTimeOffset? Since)
{
    /// <summary>Takes one more measurement.</summary>
    /// <param name="measure">The measurement.</param>
    /// <param name="time">When it was taken; one that is older than <see cref="Since"/> starts the window anew.</param>
    /// <param name="policy">The limits and the window.</param>
    /// <returns>The next state, and whether the imbalance has lasted <see cref="ImbalancePolicy.SustainedFor"/>.</returns>
    public (ImbalanceTrigger Next, bool Sustained) Observe(ImbalanceMeasure measure, DateTimeOffset time, ImbalancePolicy policy)
    {
        if (!policy.IsTriggeredBy(measure)) return (new(null), false);
        var since = Since is { } start && start <= time ? start : time;
        return (new(since), time - since >= policy.SustainedFor);
    }
}
