using Danube.Dapr.BrokerClient;
using Danube.Dapr.BrokerClient.Protocol.Admin;

namespace Danube.Dapr.BrokerSimulator.Tests;

/// <summary>Danube's own defects, D1 to D12: the simulator must have them, or nothing that guards against them is tested.</summary>
public sealed class DefectTests
{
    [Fact]
    public async Task D1_NonReliableTopicUnloaded_BecomesAnOrphanThatNothingCanTouch()
    {
        await using var arena = await Arena.StartAsync();
        await arena.CreateOnAsync(arena.Ids[0], "/default/n1", TopicDelivery.NonReliable);

        Assert.Equal(UnloadOutcome.Accepted, (await arena.Client.UnloadTopicAsync("/default/n1")).Outcome);
        await arena.UntilEventAsync("orphan", "/default/n1");

        Assert.Equal(["/default/n1"], (await arena.Client.GetOwnershipAsync()).Stranded);
        Assert.Equal(UnloadOutcome.NotFound, (await arena.Client.UnloadTopicAsync("/default/n1")).Outcome);
        Assert.Equal(DeleteTopicOutcome.NotFound, (await arena.Client.DeleteTopicAsync("/default/n1")).Outcome);
        Assert.Equal(CreateTopicOutcome.AlreadyExists, (await arena.Client.CreateTopicAsync("/default/n1", TopicDelivery.NonReliable)).Outcome);
        Assert.Equal(
            CreateProducerOutcome.NotServedHere,
            (await arena.Client.CreateProducerAsync(arena.Ids[0], "/default/n1", "p", TopicDelivery.NonReliable)).Outcome);
    }

    [Fact]
    public async Task D2_BuiltInRebalancerOnReliableTopic_DestroysItsLog()
    {
        await using var arena = await Arena.StartAsync("skew", brokers: 3, topics: 30);
        var leader = (await arena.Client.DiscoverAsync()).Leader!;
        var stub = new BrokerAdmin.BrokerAdminClient(arena.Channel(leader.AdminAddress));

        var dry = await stub.TriggerRebalanceAsync(new RebalanceRequest { DryRun = true });
        Assert.Single(dry.ProposedMoves);
        Assert.DoesNotContain(arena.Cluster.Events(), entry => entry.Event == "built-in-move");
        await stub.TriggerRebalanceAsync(new RebalanceRequest { MaxMoves = 1 });
        await arena.UntilEventAsync("log-destroyed", dry.ProposedMoves[0].TopicName);

        Assert.Equal(1, await arena.MetricAsync(leader.Id, "danube_rebalancing_moves_total", "reason=\"LoadImbalance\""));
        await arena.UntilAsync(() => arena.Cluster.Truth().Stranded.Count == 0, "the topic is owned again");
    }

    [Fact]
    public async Task D3_NameIsThePrefixOfAnother_UnloadReachesTheWrongBroker()
    {
        await using var arena = await Arena.StartAsync();
        var sorted = arena.Ids.Order(StringComparer.Ordinal).ToList();
        await arena.CreateOnAsync(sorted[2], "/default/e1");
        await arena.CreateOnAsync(sorted[0], "/default/e10");

        Assert.Equal(sorted[0], (await arena.Client.DescribeTopicAsync("/default/e1")).ResolvedOwner);
        Assert.Equal(UnloadOutcome.Accepted, (await arena.Client.UnloadTopicAsync("/default/e1")).Outcome);
        await arena.UntilEventAsync("unload-posted", "/default/e1");
        Assert.Equal([sorted[2]], arena.Topic("/default/e1").AssignedTo);
        Assert.Equal("Unload", arena.Topic("/default/e1").Marker);
    }

    [Fact]
    public async Task D3_ProducerKnocksAtTheWrongBroker_TopicIsLoadedOnBoth()
    {
        await using var arena = await Arena.StartAsync();
        var sorted = arena.Ids.Order(StringComparer.Ordinal).ToList();
        await arena.CreateOnAsync(sorted[2], "/default/e1");
        await arena.CreateOnAsync(sorted[0], "/default/e10");

        var knock = await arena.Client.CreateProducerAsync(sorted[0], "/default/e1", "p", TopicDelivery.Reliable);

        Assert.Equal(CreateProducerOutcome.Created, knock.Outcome);
        Assert.Equal(new[] { sorted[0], sorted[2] }.Order(), arena.Topic("/default/e1").LoadedOn.Order());
        Assert.Contains(arena.Cluster.Events(), entry => entry is { Event: "split-brain", Topic: "/default/e1" });
    }

    [Fact]
    public async Task D4_NoOtherActiveBroker_UnloadStrandsTheTopic()
    {
        await using var arena = await Arena.StartAsync();
        await arena.CreateOnAsync(arena.Ids[0], "/default/t1");
        await arena.WithMaskAsync([arena.Ids[0]], async () =>
        {
            Assert.Equal(UnloadOutcome.Accepted, (await arena.Client.UnloadTopicAsync("/default/t1")).Outcome);
            await arena.UntilEventAsync("assign-failed", "/default/t1");
        });

        Assert.Equal(["/default/t1"], (await arena.Client.GetOwnershipAsync()).Stranded);
        Assert.Equal("Unload ready", arena.Topic("/default/t1").Marker);
    }

    [Fact]
    public async Task D5_LeaderDiesDuringUnloads_AllInFlightAreStrandedAndTheSealedOneLeavesADeadCopy()
    {
        // Time enough for seals while there is no leader.
        await using var arena = await Arena.StartAsync(TimeSpan.FromSeconds(10), "steady", 5, 0, Fault.LeaderLossStrands);
        var leader = (await arena.Client.DiscoverAsync()).Leader!.Id;
        var source = arena.Ids.First(id => id != leader);
        string[] topics = [.. Enumerable.Range(1, 6).Select(number => $"/default/t{number}")];
        foreach (var topic in topics)
            await arena.CreateOnAsync(source, topic);

        arena.Cluster.SetFault(Fault.HangingWatcher, on: true, source);
        await Task.WhenAll(topics.Select(topic => arena.Client.UnloadTopicAsync(topic)));
        await arena.Cluster.KillLeaderAsync();
        arena.Cluster.SetFault(Fault.HangingWatcher, on: false, source);
        await arena.UntilEventAsync("dead-copy");
        await arena.UntilAsync(() => arena.Cluster.Events().Count(entry => entry.Event == "leader") == 2, "a new leader");
        await arena.UntilAsync(() => arena.Cluster.Events().Count(entry => entry.Event is "unload-begin") == topics.Length, "all unloads begun");

        Assert.Contains(arena.Cluster.Truth().Topics, topic => topic.DeadCopyOn.Contains(source));
        Assert.NotEmpty(arena.Cluster.Truth().Stranded);
        var dead = arena.Cluster.Truth().Topics.First(topic => topic.DeadCopyOn.Count > 0).Name;
        Assert.Equal(LookupOutcome.Connect, (await arena.Client.LookupTopicAsync(source, dead)).Outcome);
    }

    [Fact]
    public async Task D6_LeaderOfADroppedBrokerDiesToo_TheGhostIsGivenTopics()
    {
        await using var arena = await Arena.StartAsync("skew", brokers: 5, topics: 30);
        await arena.UntilAsync(async () => (await arena.Client.GetClusterBalanceAsync()).Brokers.Count == 5, "all brokers ranked");
        var ghost = arena.Ids[4];
        await arena.Cluster.KillBrokerAsync(ghost);
        await arena.UntilEventAsync("deregister");
        await arena.Cluster.KillLeaderAsync();
        await arena.UntilAsync(() => arena.Cluster.Events().Count(entry => entry.Event == "leader") == 2, "a new leader");

        // The ghost's last report says that it is empty: it ranks among the first.
        for (var number = 0; number < 12; number++)
            await arena.Client.CreateTopicAsync($"/default/new-{number:D2}", TopicDelivery.Reliable);
        await arena.UntilAsync(() => arena.Cluster.Events().Any(entry => entry.Event == "assign" && entry.Broker == ghost), "a topic is assigned to the ghost");

        Assert.NotEmpty((await arena.Client.GetOwnershipAsync()).Stranded);
    }

    [Fact]
    public async Task D7_NameIsThePrefixOfAnExistingTopic_CreateIsRefused()
    {
        await using var arena = await Arena.StartAsync();
        await arena.CreateOnAsync(arena.Ids[0], "/default/orders-1");

        var refused = await arena.Client.CreateTopicAsync("/default/order", TopicDelivery.Reliable);

        Assert.Equal(CreateTopicOutcome.PrefixOfExisting, refused.Outcome);
        Assert.Contains("(found 1 partitions)", refused.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task D8_RacingLoads_OwnedGaugeGrowsByTwoAndTheNextSealLosesMessages()
    {
        await using var arena = await Arena.StartAsync("skew", brokers: 3, topics: 10);
        var topic = arena.Cluster.Truth().Topics.First(topic => topic.AssignedTo[0] == arena.Ids[0]).Name;
        var target = arena.Ids[2];
        Assert.Equal(0, await arena.MetricAsync(target, "danube_broker_topics_owned"));
        arena.Cluster.SetFault(Fault.RacingLoads, on: true);
        await arena.MoveAsync(topic, target);

        Assert.Equal(2, await arena.MetricAsync(target, "danube_broker_topics_owned"));
        Assert.Single(await arena.Client.ListBrokerTopicsAsync(target));
        arena.Cluster.SetFault(Fault.RacingLoads, on: false);
        await arena.MoveAsync(topic, arena.Ids[1]);
        Assert.Contains(arena.Cluster.Events(), entry => entry.Event == "messages-lost" && entry.Topic == topic);
        Assert.Equal(0, await arena.MetricAsync(target, "danube_broker_topics_owned"));
    }

    [Fact]
    public async Task D9_WatcherHangs_NothingOnThatBrokerEndsUntilItGoesOn()
    {
        await using var arena = await Arena.StartAsync();
        var source = arena.Ids[0];
        await arena.CreateOnAsync(source, "/default/t1");
        await arena.CreateOnAsync(source, "/default/t2");
        arena.Cluster.SetFault(Fault.HangingWatcher, on: true, source);
        await arena.Client.UnloadTopicAsync("/default/t1");
        await arena.Client.UnloadTopicAsync("/default/t2");
        await arena.UntilEventAsync("watcher-hangs");

        Assert.DoesNotContain(arena.Cluster.Events(), entry => entry.Event == "unload-begin");
        Assert.Equal(2, (await arena.Client.GetOwnershipAsync()).Stranded.Count);
        arena.Cluster.SetFault(Fault.HangingWatcher, on: false, source);
        await arena.UntilAsync(() => arena.Cluster.Truth().Stranded.Count == 0, "both topics are owned again");
    }

    [Fact]
    public async Task D10_BrokerComesBack_IsANewOneWithoutTopicsAndDrained()
    {
        await using var arena = await Arena.StartAsync("steady", 3, 9, Fault.NoRestart);
        var old = arena.Broker(arena.Ids[0]);
        await arena.Cluster.KillSlotAsync(0);
        await arena.UntilEventAsync("deregister");

        var revived = await arena.Cluster.ReviveSlotAsync(0);

        Assert.NotEqual(old.Id, revived.Id);
        Assert.Equal((old.Admin, old.Client, old.Metrics), (revived.Admin, revived.Client, revived.Metrics));
        await arena.UntilAsync(async () => (await arena.Client.DiscoverAsync()).Find(revived.Id) is not null, "it is registered");
        Assert.Equal(BrokerStatus.Drained, (await arena.Client.DiscoverAsync()).Find(revived.Id)!.Status);
        Assert.Empty(await arena.Client.ListBrokerTopicsAsync(revived.Id));
    }

    [Fact]
    public async Task D10_FaultOffAndBackInTime_BrokerKeepsItsIdAndTopicsAndCountsFromZero()
    {
        await using var arena = await Arena.StartAsync(9, TimeSpan.FromSeconds(30));
        var id = arena.Ids[0];
        var topic = arena.Cluster.Truth().Topics.First(topic => topic.AssignedTo[0] == id).Name;
        await arena.UntilAsync(async () => await arena.MetricAsync(id, "danube_topic_messages_in_total", topic) > 1000, "it counts");
        // However long it takes until one looks, it has not come so far again.
        arena.Cluster.SetTopicFactor(topic, 0);
        await arena.Cluster.KillSlotAsync(0);
        await arena.Cluster.ReviveSlotAsync(0);

        Assert.Equal(BrokerStatus.Active, (await arena.Client.DiscoverAsync()).Find(id)!.Status);
        Assert.Equal([id], arena.Topic(topic).LoadedOn);
        Assert.True(await arena.MetricAsync(id, "danube_topic_messages_in_total", topic) < 1000);
    }

    [Fact]
    public async Task D11_ConsumersStall_BacklogGrowsUntilTheTopicMoves()
    {
        await using var arena = await Arena.StartAsync("steady", 3, 9);
        var topic = arena.Cluster.Truth().Topics[0];
        arena.Cluster.SetFault(Fault.StalledConsumers, on: true, topic.Name);
        await arena.UntilAsync(() => arena.Topic(topic.Name).Backlog > 1000, "the backlog grows");
        var owner = topic.AssignedTo[0];
        Assert.True(await arena.MetricAsync(owner, "danube_subscription_lag_messages", topic.Name) > 0);
        Assert.True(await arena.MetricAsync(owner, "danube_topic_active_consumers", topic.Name) > 0);

        await arena.MoveAsync(topic.Name, arena.Ids.First(id => id != owner));

        await arena.UntilAsync(() => arena.Topic(topic.Name).Backlog == 0, "the dispatcher runs again");
    }

    [Fact]
    public async Task D11_ConsumersStallWhereTheTopicLands_UntilItMovesAgain()
    {
        await using var arena = await Arena.StartAsync("steady", 3, 9);
        var topic = arena.Cluster.Truth().Topics[0];
        var (owner, target) = (topic.AssignedTo[0], arena.Ids.First(id => id != topic.AssignedTo[0]));
        arena.Cluster.SetFault(Fault.StallOnLanding, on: true, topic.Name);
        await arena.MoveAsync(topic.Name, target);
        await arena.UntilAsync(() => arena.Topic(topic.Name).Backlog > 1000, "the backlog grows");
        Assert.True(await arena.MetricAsync(target, "danube_topic_active_consumers", topic.Name) > 0);

        arena.Cluster.SetFault(Fault.StallOnLanding, on: false, topic.Name);
        await arena.MoveAsync(topic.Name, owner);

        await arena.UntilAsync(() => arena.Topic(topic.Name).Backlog == 0, "the dispatcher runs again");
    }

    [Fact]
    public async Task Clients_ThatStayAwayAfterAMove_SendNothingUntilTheFaultIsOff()
    {
        await using var arena = await Arena.StartAsync("steady", 3, 9);
        var topic = arena.Cluster.Truth().Topics[0];
        var target = arena.Ids.First(id => id != topic.AssignedTo[0]);
        arena.Cluster.SetFault(Fault.ClientsStayAway, on: true, topic.Name);
        await arena.MoveAsync(topic.Name, target);

        Assert.True(arena.Topic(topic.Name).ClientsAway);
        Assert.Equal(0, arena.Topic(topic.Name).CostPerSecond);

        arena.Cluster.SetFault(Fault.ClientsStayAway, on: false, topic.Name);
        await arena.UntilAsync(async () => await arena.MetricAsync(target, "danube_topic_messages_in_total", topic.Name) > 0, "messages come in again");
        Assert.True(await arena.MetricAsync(target, "danube_topic_active_producers", topic.Name) > 0);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task D12_BrokerWithManyTopicsDies_SomeAreStrandedOnlyWithTheFault(bool lossy)
    {
        await using var cluster = await SimulatedCluster.StartAsync(new SimulatorOptions
        {
            Case = "skew",
            Brokers = 3,
            Topics = 160,
            LeaderEventCapacity = 50,
            BrokerTtl = TimeSpan.FromSeconds(1),
            Faults = lossy ? [Fault.LossyBursts] : [],
        });
        await cluster.KillSlotAsync(0);
        var start = TimeProvider.System.GetTimestamp();
        List<string> Names(string happened) => [.. cluster.Events().Where(entry => entry.Event == happened).Select(entry => entry.Topic!).Order()];
        while (Names("assign").Count + Names("watch-lagged").Count < 80 && TimeProvider.System.GetElapsedTime(start) < TimeSpan.FromSeconds(60))
            await Task.Delay(20);

        // The leader holds 50 events, and at times one more that it has taken from the queue before the burst was over.
        var lost = Names("watch-lagged");
        Assert.InRange(lost.Count, lossy ? 29 : 0, lossy ? 30 : 0);
        Assert.Equal(80, lost.Count + Names("assign").Count);
        Assert.Equal(lost, cluster.Truth().Stranded.Order());
    }

    [Fact]
    public async Task BrokerDrained_ReliableTopicsMoveAndTheNonReliableOneIsOrphaned()
    {
        await using var arena = await Arena.StartAsync();
        var source = arena.Ids[0];
        await arena.CreateOnAsync(source, "/default/t1");
        await arena.CreateOnAsync(source, "/default/n1", TopicDelivery.NonReliable);
        await new BrokerAdmin.BrokerAdminClient(arena.Channel(arena.Broker(source).Admin)).UnloadBrokerAsync(new UnloadBrokerRequest { BrokerId = source });

        await arena.UntilAsync(async () => (await arena.Client.DiscoverAsync()).Find(source)!.Status == BrokerStatus.Drained, "drained");
        await arena.UntilAsync(() => arena.Topic("/default/t1").ServedBy is not null, "the Reliable one is served");
        Assert.Equal(["/default/n1"], (await arena.Client.GetOwnershipAsync()).Stranded);
    }

    [Fact]
    public async Task TargetMaskedBeforeItLoads_TopicBouncesToAnother()
    {
        await using var arena = await Arena.StartAsync();
        var (source, target, other) = (arena.Ids[0], arena.Ids[1], arena.Ids[2]);
        await arena.CreateOnAsync(source, "/default/t1");
        arena.Cluster.SetFault(Fault.HangingWatcher, on: true, target);
        await arena.WithMaskAsync([source, target], async () =>
        {
            await arena.Client.UnloadTopicAsync("/default/t1");
            await arena.UntilAsync(() => arena.Topic("/default/t1").AssignedTo.SequenceEqual([target]), "assigned");
        });
        await arena.WithMaskAsync([other], async () =>
        {
            arena.Cluster.SetFault(Fault.HangingWatcher, on: false, target);
            await arena.UntilServedByAsync("/default/t1", other);
        });

        Assert.Contains(arena.Cluster.Events(), entry => entry is { Event: "bounce", Topic: "/default/t1" });
    }

    [Fact]
    public async Task Disturbances_OfAdminAndMetrics_AreWhatTheClientSees()
    {
        await using var arena = await Arena.StartAsync("steady", 2, 4);
        var options = new DanubeClientOptions
        {
            Seeds = arena.Cluster.Seeds,
            CallTimeout = TimeSpan.FromMilliseconds(500),
            MetricsTimeout = TimeSpan.FromMilliseconds(500),
            TopologyMaxAge = TimeSpan.FromMinutes(5),
            MaxAttempts = 1,
        };
        using var impatient = new DanubeCluster(options);
        // For a call that is to end by its answer, not by its limit.
        using var patient = new DanubeCluster(options with { CallTimeout = TimeSpan.FromSeconds(20) });
        await patient.DiscoverAsync();
        var id = arena.Ids[0];
        await arena.UntilAsync(async () =>
        {
            try
            {
                await impatient.DiscoverAsync();
                return true;
            }
            catch (DanubeUnreachableException)
            {
                return false;
            }
        }, "found");

        arena.Cluster.SetFault(Fault.SlowMetrics, on: true, id, 60_000);
        await Assert.ThrowsAsync<DanubeUnreachableException>(() => impatient.GetMetricsTextAsync(id));
        arena.Cluster.SetFault(Fault.SlowMetrics, on: false, id);
        arena.Cluster.SetFault(Fault.GarbledMetrics, on: true, id);
        Assert.Contains("<html>", (await arena.Client.GetMetricsTextAsync(id))!.Decode(), StringComparison.Ordinal);
        arena.Cluster.SetFault(Fault.SlowAdmin, on: true, value: 60_000);
        await Assert.ThrowsAsync<DanubeUnreachableException>(() => impatient.GetRaftStatusAsync(id));
        arena.Cluster.SetFault(Fault.SlowAdmin, on: false);
        arena.Cluster.SetFault(Fault.DroppedAdmin, on: true, value: 1);
        var dropped = await Assert.ThrowsAsync<DanubeUnreachableException>(() => patient.GetRaftStatusAsync(id));
        Assert.Contains("dropped", dropped.Message, StringComparison.Ordinal);
    }
}
