using System.Globalization;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Options;

namespace Danube.Dapr.Rebalancer.Control;

/// <summary>What holds back a move that an operator asks for. Force overrides the rules of comfort, never those of safety.</summary>
internal static class ManualMoveRules
{
    /// <summary>Why the topic may not be moved; null when it may.</summary>
    public static Denial? WhyNot(ClusterSnapshot snapshot, TopicSnapshot topic, MoveRequest request, RebalancerOptions options, DateTimeOffset now)
    {
        if (topic.BrokerId is not { } owner)
            return new Denial(ReasonCode.Stranded, $"Nobody owns {topic.Name}: repair it instead.");
        if (owner == request.To)
            return new Denial(ReasonCode.AlreadyThere, $"Broker {request.To} owns {topic.Name} already.");
        if (topic.Reliable is null)
            return new Denial(ReasonCode.DeliveryUnknown, $"The delivery mode of {topic.Name} is not known: an unload would orphan a NonReliable topic.");
        if (topic.Reliable is false && RecreateRules.WhyNot(topic.Name, options) is { } recreate)
            return recreate;
        var rules = snapshot.Rules ?? new PlacementRules();
        foreach (var broker in (string[])[owner, request.To])
        {
            if (rules.ExcludedBrokers.Contains(broker))
                return new Denial(ReasonCode.BrokerExcluded, $"Broker {broker} takes no part: it is excluded, or an unload stuck there.");
            if (snapshot.Brokers.FirstOrDefault(b => b.Id == broker) is not { Reachable: true })
                return new Denial(ReasonCode.BrokerUnreachable, $"Broker {broker} does not answer.");
        }

        if (snapshot.Brokers.First(b => b.Id == request.To) is { State: not BrokerState.Active } target)
            return new Denial(ReasonCode.BrokerNotActive, $"Broker {request.To} is {target.State}.");
        if (rules.Banned.Contains(new TopicPin(topic.Name, request.To)))
            return new Denial(ReasonCode.DeadCopy, $"Broker {request.To} failed to let {topic.Name} go and may hold a dead copy.");
        return request.Force ? null : WhyNotInComfort(rules, topic, request, options, now);
    }

    private static Denial? WhyNotInComfort(PlacementRules rules, TopicSnapshot topic, MoveRequest request, RebalancerOptions options, DateTimeOffset now)
    {
        if (topic.LoadedTwice)
            return new Denial(ReasonCode.LoadedTwice, $"{topic.Name} was loaded twice: its next unload may lose messages. Stop its producers, let its consumers empty the backlog, then move it with force.");
        if (TopicGlobs.IsMatch(rules.DeniedTopics, topic.Name))
            return new Denial(ReasonCode.Denied, $"{topic.Name} is on the deny list.");
        if (rules.Pins.FirstOrDefault(p => p.Topic == topic.Name && p.BrokerId != request.To) is { } pin)
            return new Denial(ReasonCode.Pinned, $"{topic.Name} is pinned to broker {pin.BrokerId}.");
        if (topic.LastMoved is { } moved && (now - moved).TotalSeconds < options.CoolDownSeconds)
            return new Denial(ReasonCode.CoolDown, string.Create(CultureInfo.InvariantCulture, $"{topic.Name} moved {(now - moved).TotalSeconds:0} s ago; it rests {options.CoolDownSeconds:0} s."));
        if (topic.FirstSeen is { } seen && (now - seen).TotalSeconds < options.MinTopicAgeSeconds)
            return new Denial(ReasonCode.TopicTooYoung, string.Create(CultureInfo.InvariantCulture, $"{topic.Name} was seen first {(now - seen).TotalSeconds:0} s ago; the least age is {options.MinTopicAgeSeconds:0} s."));
        return null;
    }
}
