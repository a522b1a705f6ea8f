using System.Globalization;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Options;

namespace Danube.Dapr.Rebalancer.Control;

/// <summary>Which of the topics that nobody owns may be repaired.</summary>
internal static class RepairRules
{
    /// <summary>
    /// Why a topic does not count as stranded yet; null when it does. Danube gives away the topics of a broker that it dropped one after the other: until then nobody owns them, and one that a repair loads meanwhile is loaded twice.
    /// </summary>
    public static Denial? WhyNotYet(UnownedTopic topic, RebalancerOptions options, DateTimeOffset now) =>
        (now - topic.Since).TotalSeconds is var age && age >= options.StrandedAfterSeconds
            ? null
            : new Denial(ReasonCode.NotSustained, string.Create(CultureInfo.InvariantCulture,
                $"Nobody has owned it for {Math.Max(age, 0):0} s only: Danube may still give it an owner. It counts as stranded after {options.StrandedAfterSeconds:0} s."));

    /// <summary>Why no repair can help a topic, by what is known of it; null when one may.</summary>
    public static Denial? WhyNever(UnownedTopic topic) => topic.Reliable switch
    {
        true => null,
        null => new Denial(ReasonCode.DeliveryUnknown, "Its delivery mode was not seen while it was owned; a NonReliable topic is repaired by deleting it."),
        false when TopicNames.IsPartition(topic.Name) => new Denial(ReasonCode.IsPartition, "A single partition of a NonReliable topic cannot be created again."),
        false => null,
    };
}
