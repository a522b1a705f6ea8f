using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Options;

namespace Danube.Dapr.Rebalancer.Control;

/// <summary>
/// Which NonReliable topics may be moved by being deleted and created again on the target. Subscriptions and messages in flight are lost, which NonReliable allows; a schema
/// would be lost too, and a partition cannot be created alone, so those are refused whatever the operator allows.
/// </summary>
internal static class RecreateRules
{
    /// <summary>Why the topic may not be created again, as far as its name tells; null when it may.</summary>
    public static Denial? WhyNot(string topic, RebalancerOptions options)
    {
        if (!TopicGlobs.IsMatch(options.RecreateTopics, topic))
            return new Denial(ReasonCode.NonReliable, "NonReliable: an unload would orphan it, and Rebalancer:RecreateTopics does not allow to create it again.");
        return TopicNames.IsPartition(topic)
            ? new Denial(ReasonCode.IsPartition, "A single partition of a NonReliable topic cannot be created again.")
            : null;
    }
}
