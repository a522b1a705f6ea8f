using Danube.Dapr.BrokerClient;

namespace Danube.Dapr.BrokerSimulator.Tests;

/// <summary>What the public interface can do about topics that Danube has lost.</summary>
public sealed class RepairTests
{
    [Fact]
    public async Task StrandedReliableTopic_HelperProducerUnload_IsOwnedAgain()
    {
        await using var arena = await Arena.StartAsync();
        await arena.CreateOnAsync(arena.Ids[0], "/default/t1");
        await StrandAsync(arena, "/default/t1");

        var helperOn = arena.Ids[1];
        await arena.CreateOnAsync(helperOn, "/default/t1-helper");
        Assert.Equal(CreateProducerOutcome.Created, (await arena.Client.CreateProducerAsync(helperOn, "/default/t1", "repair", TopicDelivery.Reliable)).Outcome);
        Assert.Equal(UnloadOutcome.Accepted, (await arena.Client.UnloadTopicAsync("/default/t1")).Outcome);
        await arena.UntilAsync(() => arena.Topic("/default/t1").AssignedTo.Count == 1, "owned again");
        Assert.Equal(DeleteTopicOutcome.Deleted, (await arena.Client.DeleteTopicAsync("/default/t1-helper")).Outcome);

        Assert.Empty((await arena.Client.GetOwnershipAsync()).Stranded);
        var owner = arena.Topic("/default/t1").AssignedTo.Single();
        Assert.NotEqual(helperOn, owner);
        await arena.UntilServedByAsync("/default/t1", owner);
    }

    [Fact]
    public async Task OrphanedNonReliableTopic_HelperDeleteCreate_IsOwnedAgain()
    {
        await using var arena = await Arena.StartAsync();
        await arena.CreateOnAsync(arena.Ids[0], "/default/n1", TopicDelivery.NonReliable);
        await arena.Client.UnloadTopicAsync("/default/n1");
        await arena.UntilEventAsync("orphan", "/default/n1");

        await arena.CreateOnAsync(arena.Ids[1], "/default/n1-helper", TopicDelivery.NonReliable);
        Assert.Equal(DeleteTopicOutcome.Deleted, (await arena.Client.DeleteTopicAsync("/default/n1")).Outcome);
        Assert.Equal(DeleteTopicOutcome.Deleted, (await arena.Client.DeleteTopicAsync("/default/n1-helper")).Outcome);
        Assert.Equal(CreateTopicOutcome.Accepted, (await arena.Client.CreateTopicAsync("/default/n1", TopicDelivery.NonReliable)).Outcome);

        await arena.UntilAsync(() => arena.Topic("/default/n1").ServedBy is not null, "served again");
        Assert.Empty((await arena.Client.GetOwnershipAsync()).Stranded);
    }

    [Fact]
    public async Task NonReliableTopic_DeletedAndCreatedUnderAMask_LandsOnTheUnmaskedBroker()
    {
        await using var arena = await Arena.StartAsync();
        await arena.CreateOnAsync(arena.Ids[0], "/default/n1", TopicDelivery.NonReliable);
        await arena.WithMaskAsync([arena.Ids[2]], async () =>
        {
            await arena.Client.DeleteTopicAsync("/default/n1");
            await arena.Client.CreateTopicAsync("/default/n1", TopicDelivery.NonReliable);
            await arena.UntilServedByAsync("/default/n1", arena.Ids[2]);
        });
    }

    [Fact]
    public async Task TopicWithClients_DeletedAndCreatedAgain_ItsClientsComeBack()
    {
        await using var arena = await Arena.StartAsync("steady", 2, 60);
        var topic = arena.Cluster.Truth().Topics.First(topic => !topic.Reliable);
        await arena.Client.DeleteTopicAsync(topic.Name);
        await arena.Client.CreateTopicAsync(topic.Name, TopicDelivery.NonReliable);

        await arena.UntilAsync(() => arena.Topic(topic.Name).ServedBy is not null, "served again");
        var owner = arena.Topic(topic.Name).ServedBy!;
        await arena.UntilAsync(async () => await arena.MetricAsync(owner, "danube_topic_active_producers", topic.Name) > 0, "its producers are back");
        Assert.InRange(arena.Topic(topic.Name).MessagesPerSecond, topic.MessagesPerSecond * 0.8, topic.MessagesPerSecond * 1.2);
        Assert.NotEmpty(await arena.Client.ListSubscriptionsAsync(topic.Name));
    }

    [Fact]
    public async Task TopicAssignedToItsDeadCopy_LooksServedButCannotBeUnloaded()
    {
        await using var arena = await Arena.StartAsync();
        var source = arena.Ids[0];
        await arena.CreateOnAsync(source, "/default/t1");
        arena.Cluster.SetFault(Fault.SealFails, on: true, source);
        await arena.Client.UnloadTopicAsync("/default/t1");
        await arena.UntilEventAsync("seal-failed", "/default/t1");
        arena.Cluster.SetFault(Fault.SealFails, on: false, source);

        // A helper elsewhere brings it back, and only the broker with the dead copy can take it.
        await arena.CreateOnAsync(arena.Ids[1], "/default/t1-helper");
        await arena.Client.CreateProducerAsync(arena.Ids[1], "/default/t1", "repair", TopicDelivery.Reliable);
        await arena.WithMaskAsync([source, arena.Ids[1]], async () =>
        {
            await arena.Client.UnloadTopicAsync("/default/t1");
            await arena.UntilEventAsync("load-refused", "/default/t1");
        });
        Assert.Equal(LookupOutcome.Connect, (await arena.Client.LookupTopicAsync(source, "/default/t1")).Outcome);
        await arena.Client.DeleteTopicAsync("/default/t1-helper");
        await arena.Client.UnloadTopicAsync("/default/t1");
        await arena.UntilAsync(() => arena.Cluster.Events().Count(entry => entry is { Event: "seal-failed", Topic: "/default/t1" }) == 2, "the seal fails again");
    }

    private static async Task StrandAsync(Arena arena, string topic) => await arena.WithMaskAsync([arena.Topic(topic).AssignedTo.Single()], async () =>
    {
        await arena.Client.UnloadTopicAsync(topic);
        await arena.UntilEventAsync("assign-failed", topic);
    });
}
