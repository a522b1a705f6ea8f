using System.Net;
using System.Net.Sockets;
using Danube.Dapr.BrokerSimulator;

namespace Danube.Dapr.BrokerClient.Tests;

/// <summary>The client on a whole (simulated) cluster.</summary>
public sealed class ClusterTests : IDisposable
{
    private readonly Socket _deaf = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);

    private static readonly SimulatorOptions Small = new()
    {
        Case = "steady",
        Brokers = 3,
        Topics = 9,
        ElectionTime = TimeSpan.FromSeconds(1),
        BrokerTtl = TimeSpan.FromSeconds(1),
        LoadReportInterval = TimeSpan.FromMilliseconds(100),
    };

    [Fact]
    public async Task Discover_FirstSeedIsDead_TheNextAnswers()
    {
        await using var simulated = await SimulatedCluster.StartAsync(Small);
        using var cluster = new DanubeCluster(new DanubeClientOptions { Seeds = [Refusing(), simulated.Seeds[1]] });

        var topology = await cluster.DiscoverAsync();

        Assert.Equal(simulated.Brokers.Select(broker => broker.Id).Order(), topology.Brokers.Select(broker => broker.Id).Order());
        Assert.Single(topology.Brokers, broker => broker.Role == BrokerRole.Leader);
        Assert.All(topology.Brokers, broker => Assert.Equal(BrokerStatus.Active, broker.Status));
    }

    [Fact]
    public async Task Discover_NoSeedAnswers_NamesThem()
    {
        var seed = Refusing();
        using var cluster = new DanubeCluster(new DanubeClientOptions { Seeds = [seed] });

        var error = await Assert.ThrowsAsync<DanubeUnreachableException>(() => cluster.DiscoverAsync());

        Assert.Contains(seed.ToString(), error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Addresses_AdvertisedAsBindAddresses_AreDialable()
    {
        await using var simulated = await SimulatedCluster.StartAsync(Small with { AdvertiseBindAddress = true });
        using var cluster = new DanubeCluster(new DanubeClientOptions { Seeds = [simulated.Seeds[0]] });

        foreach (var broker in (await cluster.DiscoverAsync()).Brokers)
        {
            Assert.Equal(broker.Id, (await cluster.GetRaftStatusAsync(broker.Id)).SelfId);
            Assert.Contains("danube_broker_topics_owned", (await cluster.GetMetricsTextAsync(broker.Id))!.Decode(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Ownership_AllServed_EveryTopicHasOneOwnerAndNoneIsStranded()
    {
        await using var simulated = await SimulatedCluster.StartAsync(Small);
        using var cluster = new DanubeCluster(new DanubeClientOptions { Seeds = simulated.Seeds });

        var ownership = await cluster.GetOwnershipAsync();

        Assert.Equal(
            simulated.Truth().Topics.ToDictionary(topic => topic.Name, topic => topic.AssignedTo.Single()),
            ownership.OwnersByTopic.ToDictionary(entry => entry.Key, entry => entry.Value.Single()));
        Assert.Empty(ownership.Stranded);
        Assert.Equal(9, ownership.Topics.Count);
    }

    [Fact]
    public async Task Ownership_SplitBrainInTheKeys_ShowsBothOwners()
    {
        await using var broker = await ScriptedBroker.StartAsync();
        broker.Answer("ListBrokers", _ =>
        {
            var both = broker.Listing("1");
            both.Brokers.Add(broker.Listing("2").Brokers);
            return both;
        });
        broker.Answer("ListNamespaces", _ => new Protocol.Admin.NamespaceListResponse { Namespaces = { "default", "default" } });
        broker.Answer("ListNamespaceTopics", _ => new Protocol.Admin.TopicInfoListResponse { Topics = { Info("/default/a"), Info("/default/b") } });
        broker.Answer("ListBrokerTopics", _ => new Protocol.Admin.TopicInfoListResponse { Topics = { Info("/default/a") } });
        using var cluster = broker.Connect();

        var ownership = await cluster.GetOwnershipAsync();

        Assert.Equal(["1", "2"], ownership.OwnersByTopic["/default/a"]);
        Assert.Equal(["/default/b"], ownership.Stranded);
        Assert.Equal(1, broker.CallsOf("ListNamespaceTopics"));

        static Protocol.Admin.TopicInfo Info(string name) => new() { Name = name, Delivery = "Reliable" };
    }

    [Fact]
    public async Task Describe_SubscriptionsRepeatedByDanube_AreNamedOnce()
    {
        await using var simulated = await SimulatedCluster.StartAsync(Small);
        using var cluster = new DanubeCluster(new DanubeClientOptions { Seeds = simulated.Seeds });
        var topic = simulated.Truth().Topics[0];

        var described = await cluster.DescribeTopicAsync(topic.Name);

        Assert.Equal(described.Subscriptions.Distinct(), described.Subscriptions);
        Assert.Equal((topic.AssignedTo[0], TopicDelivery.Reliable), (described.ResolvedOwner, described.Delivery));
        Assert.Equal(described.Subscriptions, await cluster.ListSubscriptionsAsync(topic.Name));
        Assert.Null((await cluster.DescribeTopicAsync("/default/nope")).ResolvedOwner);
    }

    [Fact]
    public async Task LeaderDies_ClientFindsTheNewOneByItself()
    {
        await using var simulated = await SimulatedCluster.StartAsync(Small with { Brokers = 5 });
        using var cluster = new DanubeCluster(new DanubeClientOptions { Seeds = simulated.Seeds, TopologyMaxAge = TimeSpan.FromMilliseconds(100) });
        Assert.Equal(5, (await cluster.GetClusterBalanceAsync()).Brokers.Count);

        await simulated.KillLeaderAsync();

        // Reads go on through a follower at once; what needs the leader comes back after the election.
        Assert.Equal(["default", "system"], await cluster.ListNamespacesAsync());
        var started = TimeProvider.System.GetTimestamp();
        ClusterBalance? balance = null;
        while (balance is null)
        {
            Assert.True(TimeProvider.System.GetElapsedTime(started) < TimeSpan.FromSeconds(30), "no leader in time");
            try
            {
                balance = await cluster.GetClusterBalanceAsync();
            }
            catch (DanubeUnreachableException)
            {
                await Task.Delay(50);
            }
        }

        Assert.NotEmpty(balance.Brokers);
    }

    [Fact]
    public async Task LeaderStepsDown_StaleTopology_BalanceIsAskedOfTheNewLeader()
    {
        await using var simulated = await SimulatedCluster.StartAsync(Small);
        using var cluster = new DanubeCluster(new DanubeClientOptions { Seeds = simulated.Seeds, TopologyMaxAge = TimeSpan.FromMinutes(1) });
        var old = (await cluster.DiscoverAsync()).Leader!.Id;
        simulated.StepDown();
        var started = TimeProvider.System.GetTimestamp();
        while (simulated.Events().Count(entry => entry.Event == "leader") < 2)
        {
            Assert.True(TimeProvider.System.GetElapsedTime(started) < TimeSpan.FromSeconds(20), "no leader in time");
            await Task.Delay(20);
        }

        // The old leader still answers, with its last ranking; after a new look the new one is asked.
        await cluster.DiscoverAsync();
        var raft = await cluster.GetRaftStatusAsync();
        Assert.NotEqual(old, raft.SelfId);
        Assert.Equal(3, (await cluster.GetClusterBalanceAsync()).Brokers.Count);
    }

    [Fact]
    public async Task Changes_OnACluster_HaveTypedOutcomes()
    {
        await using var simulated = await SimulatedCluster.StartAsync(Small);
        using var cluster = new DanubeCluster(new DanubeClientOptions { Seeds = simulated.Seeds });

        Assert.Equal(CreateTopicOutcome.Accepted, (await cluster.CreateTopicAsync("/default/new", TopicDelivery.Reliable)).Outcome);
        Assert.Equal(CreateTopicOutcome.AlreadyExists, (await cluster.CreateTopicAsync("/default/new", TopicDelivery.Reliable)).Outcome);
        Assert.Equal(CreateTopicOutcome.NamespaceMissing, (await cluster.CreateTopicAsync("/nope/new", TopicDelivery.Reliable)).Outcome);
        Assert.Equal(CreateTopicOutcome.Refused, (await cluster.CreateTopicAsync("new", TopicDelivery.Reliable)).Outcome);
        Assert.Equal(UnloadOutcome.NotFound, (await cluster.UnloadTopicAsync("/default/nope")).Outcome);
        Assert.Equal(DeleteTopicOutcome.NotFound, (await cluster.DeleteTopicAsync("/default/nope")).Outcome);
        Assert.Equal(DeleteTopicOutcome.IsPartition, (await cluster.DeleteTopicAsync("/default/x-part-1")).Outcome);
        Assert.Equal(LookupOutcome.NotFound, (await cluster.LookupTopicAsync(simulated.Brokers[0].Id, "/default/nope")).Outcome);
    }

    public void Dispose() => _deaf.Dispose();

    /// <summary>A port that is taken, so that nobody else gets it meanwhile, and on which nobody listens.</summary>
    private Uri Refusing()
    {
        _deaf.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return new Uri($"http://127.0.0.1:{((IPEndPoint)_deaf.LocalEndPoint!).Port}");
    }
}
