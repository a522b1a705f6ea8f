using System.Globalization;
using Danube.Dapr.BrokerClient;
using Danube.Dapr.Contracts;

namespace Danube.Dapr.Rebalancer.Execution;

/// <summary>Looks what became of a topic under repair: who owns it, and whether that broker serves it.</summary>
internal sealed class RepairWatch(DanubeCluster danube, TimeProvider time)
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(25);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(8);

    /// <summary>
    /// Right before it is loaded or deleted: Danube gives topics away one after the other, so by the time the helper has an owner the topic may have one too, and would be loaded twice.
    /// </summary>
    public async Task NotOwnedAsync(string topic, CancellationToken cancellationToken)
    {
        if ((await danube.GetOwnershipAsync(cancellationToken)).OwnersByTopic.TryGetValue(topic, out var owners))
            throw new OwnedMeanwhileException(owners[0]);
    }

    /// <summary>Waits until a broker owns and serves it, and names that broker.</summary>
    public async Task<string> OwnedAsync(string topic, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        while (time.GetElapsedTime(started) < Patience)
        {
            // By the brokers' own lists: the resolution of names is the very thing that is bent here.
            foreach (var broker in (await danube.GetTopologyAsync(cancellationToken)).Brokers)
            {
                if ((await danube.ListBrokerTopicsAsync(broker.Id, cancellationToken)).Any(t => t.Name == topic)
                    && await ServesAsync(broker.Id, topic, cancellationToken))
                    return broker.Id;
            }

            await Task.Delay(Poll, time, cancellationToken);
        }

        throw new RepairException(ReasonCode.Timeout, string.Create(CultureInfo.InvariantCulture, $"{topic} has no owner that serves it {Patience.TotalSeconds:0} s later. Left to do: look at the brokers' logs."));
    }

    /// <summary>The owner after an unload from its carrier. A carrier that did not let it go has a dead copy from now on: the next repair must not go on there.</summary>
    public async Task<string> GivenAwayAsync(string topic, string carrier, CancellationToken cancellationToken)
    {
        try
        {
            return await OwnedAsync(topic, cancellationToken);
        }
        catch (RepairException late) when (late.Reason == ReasonCode.Timeout)
        {
            if (!await ServesAsync(carrier, topic, cancellationToken))
                throw;
            throw new RepairException(ReasonCode.Timeout, $"Broker {carrier} did not let it go and may hold a dead copy. Left to do: delete the helper topic {topic}{TopicRepairer.HelperSuffix} when it exists, then repair it again.")
            {
                FailedOn = carrier,
            };
        }
    }

    /// <summary>
    /// The new owner must refuse no publishes: one with a dead copy that we know nothing of looks as if it served the topic. One that refused some is looked at again: they may be from before, and only more
    /// of them mean something. One that refused none yet is looked at once more, as its clients may not be back; not when it has never served the topic, since it then has no dead copy.
    /// </summary>
    public async Task RefusesNothingAsync(string topic, string owner, CancellationToken cancellationToken)
    {
        if (await TargetScan.ReadAsync(danube, owner, cancellationToken) is not { } first)
            return;
        var before = first.Refused.GetValueOrDefault(topic);
        if (before == 0 && first.Sent.GetValueOrDefault(topic) == 0 && !first.Logged.Contains(topic))
            return;
        for (var look = before == 0 ? Verification.Looks : 1; look <= Verification.Looks; look++)
        {
            await Task.Delay(Verification.BetweenLooks, time, cancellationToken);
            if (await TargetScan.ReadAsync(danube, owner, cancellationToken) is { } scan && scan.Refused.GetValueOrDefault(topic) is var now && now > before)
            {
                throw new RepairException(ReasonCode.DeadCopy, string.Create(CultureInfo.InvariantCulture,
                    $"Broker {owner} owns it but refused {now - before:0} publishes: it holds a dead copy. Left to do: replace that broker; Danube then gives the topic to another, with all that was stored."), owner);
            }
        }
    }

    /// <summary>Waits whether it gets an owner without more being done.</summary>
    public async Task ComesByItselfAsync(string topic, CancellationToken cancellationToken)
    {
        try
        {
            await OwnedAsync(topic, cancellationToken);
        }
        catch (RepairException)
        {
            // It did not: it is repaired from the beginning.
        }
    }

    public async Task<bool> ServesAsync(string broker, string topic, CancellationToken cancellationToken)
    {
        try
        {
            return (await danube.LookupTopicAsync(broker, topic, cancellationToken)).Outcome == LookupOutcome.Connect;
        }
        catch (DanubeUnreachableException)
        {
            return false;
        }
    }
}

/// <summary>Danube gave the topic an owner while its repair was at work.</summary>
internal sealed class OwnedMeanwhileException(string owner) : Exception
{
    public string Owner => owner;
}
