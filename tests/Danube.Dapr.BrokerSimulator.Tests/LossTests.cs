using Danube.Dapr.BrokerClient;
using Microsoft.Extensions.Time.Testing;

namespace Danube.Dapr.BrokerSimulator.Tests;

/// <summary>What it looks like when brokers and leaders die.</summary>
public sealed class LossTests
{
    [Fact]
    public async Task BrokerKilled_PortsRefuseAtOnceAndItStaysListedUntilItsTimeIsOver()
    {
        // Listed for long enough to look at it.
        await using var arena = await Arena.StartAsync(12, TimeSpan.FromSeconds(10));
        var victim = arena.Ids[0];
        var topics = arena.Cluster.Truth().Topics.Where(topic => topic.AssignedTo[0] == victim).Select(topic => topic.Name).ToList();
        await arena.Client.DiscoverAsync();

        await arena.Cluster.KillBrokerAsync(victim);

        Assert.NotNull((await arena.Client.DiscoverAsync()).Find(victim));
        Assert.Equal(topics.Count, (await arena.Client.ListBrokerTopicsAsync(victim)).Count);
        await Assert.ThrowsAsync<DanubeUnreachableException>(() => arena.Client.GetMetricsTextAsync(victim));
        await Assert.ThrowsAsync<DanubeUnreachableException>(() => arena.Client.LookupTopicAsync(victim, topics[0]));
        await arena.UntilAsync(async () => (await arena.Client.DiscoverAsync()).Find(victim) is null, "dropped");
        await arena.UntilAsync(() => arena.Cluster.Truth().Topics.All(topic => topic.ServedBy is not null), "its topics are served by others");
        Assert.Empty((await arena.Client.GetOwnershipAsync()).Stranded);
    }

    [Fact]
    public async Task BrokerKilled_DefaultTimes_IsDroppedAfter26To32Seconds()
    {
        var time = new FakeTimeProvider();
        await using var cluster = await SimulatedCluster.StartAsync(new SimulatorOptions { Case = "steady", Brokers = 3, Topics = 6, Time = time });
        await cluster.KillSlotAsync(0);

        time.Advance(TimeSpan.FromSeconds(25.9));
        Assert.True(cluster.Truth().Brokers[0].Registered);
        for (var tick = 0; tick < 100; tick++)
            time.Advance(TimeSpan.FromMilliseconds(62));
        await SoonAsync(() => !cluster.Truth().Brokers[0].Registered);
    }

    [Fact]
    public async Task LeaderKilled_NoWritesUntilAnElectionThenANewTerm()
    {
        // A fifth of it passes at least before the election, time for what is tried meanwhile.
        await using var arena = await Arena.StartAsync(TimeSpan.FromSeconds(25), "steady", 5, 10);
        var before = await arena.Client.GetRaftStatusAsync();

        var killed = await arena.Cluster.KillLeaderAsync();

        Assert.Equal(before.LeaderId, killed!.Id);
        // A follower forwards nothing while there is no leader; the dead one is still the one that is named.
        Assert.Equal(killed.Id, (await arena.Client.DiscoverAsync()).Leader!.Id);
        await Assert.ThrowsAsync<DanubeUnreachableException>(() => arena.Client.UnloadTopicAsync("/default/orders-001"));
        var follower = new Danube.Dapr.BrokerClient.Protocol.Admin.TopicAdmin.TopicAdminClient(arena.Channel(arena.Broker(arena.Ids[0]).Admin));
        var refused = await Assert.ThrowsAsync<Grpc.Core.RpcException>(async () =>
            await follower.UnloadTopicAsync(new() { Name = arena.Cluster.Truth().Topics[0].Name }));
        Assert.Equal(Grpc.Core.StatusCode.NotFound, refused.StatusCode);
        Assert.Contains("Unknown error", refused.Status.Detail, StringComparison.Ordinal);

        await arena.UntilAsync(async () => (await arena.Client.DiscoverAsync()).Leader!.Id != killed.Id, "a new leader");
        var after = await arena.Client.GetRaftStatusAsync();
        Assert.Equal((before.Term + 1, after.SelfId), (after.Term, after.LeaderId!));
        await arena.UntilAsync(async () => (await arena.Client.GetClusterBalanceAsync()).Brokers.Count >= 4, "the new leader ranks");
    }

    [Fact]
    public async Task LeaderKilledDuringUnloads_FaultOff_TheNewLeaderMakesUpForIt()
    {
        await using var arena = await Arena.StartAsync("skew", brokers: 5, topics: 20);
        var topics = arena.Cluster.Truth().Topics.Take(5).Select(topic => topic.Name).ToList();
        await Task.WhenAll(topics.Select(topic => arena.Client.UnloadTopicAsync(topic)));
        await arena.Cluster.KillLeaderAsync();

        await arena.UntilAsync(() => arena.Cluster.Truth().Topics.All(topic => topic.ServedBy is not null), "all are served again");
    }

    [Fact]
    public async Task MajorityLost_NobodyIsElectedUntilOneComesBack()
    {
        await using var arena = await Arena.StartAsync("steady", 3, 6);
        await arena.Cluster.KillSlotAsync(0);
        await arena.Cluster.KillLeaderAsync();
        await arena.UntilAsync(() => arena.Cluster.Truth().LeaderId is null, "no leader");

        await arena.Cluster.ReviveSlotAsync(0);

        await arena.UntilAsync(() => arena.Cluster.Truth().LeaderId is not null, "a leader");
    }

    [Fact]
    public async Task FollowerAsked_Balance_IsEmptyAndNamesTheStrategy()
    {
        await using var arena = await Arena.StartAsync("steady", 3, 6);
        var topology = await arena.Client.DiscoverAsync();
        var follower = topology.Brokers.First(broker => broker.Role == BrokerRole.Follower);
        var stub = new Danube.Dapr.BrokerClient.Protocol.Admin.BrokerAdmin.BrokerAdminClient(arena.Channel(follower.AdminAddress));

        var answer = await stub.GetClusterBalanceAsync(new());

        Assert.Equal((0u, "Fair"), (answer.BrokerCount, answer.AssignmentStrategy));
        Assert.Equal(3, (await arena.Client.GetClusterBalanceAsync()).Brokers.Count);
    }

    private static async Task SoonAsync(Func<bool> condition)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (!condition())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(started) < TimeSpan.FromSeconds(20), "not in time");
            await Task.Delay(10);
        }
    }
}
