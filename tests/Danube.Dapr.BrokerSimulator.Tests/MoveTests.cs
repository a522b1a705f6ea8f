using Danube.Dapr.BrokerClient;

namespace Danube.Dapr.BrokerSimulator.Tests;

public sealed class MoveTests
{
    [Fact]
    public async Task UnloadTopic_AllOthersMasked_LandsOnTheUnmaskedBroker()
    {
        await using var arena = await Arena.StartAsync(brokers: 4);
        await arena.CreateOnAsync(arena.Ids[0], "/default/t1");

        foreach (var target in new[] { 3, 1, 2, 0 })
            await arena.MoveAsync("/default/t1", arena.Ids[target]);

        Assert.Equal(LookupOutcome.Connect, (await arena.Client.LookupTopicAsync(arena.Ids[0], "/default/t1")).Outcome);
        Assert.Equal(LookupOutcome.Redirect, (await arena.Client.LookupTopicAsync(arena.Ids[1], "/default/t1")).Outcome);
        Assert.All((await arena.Client.DiscoverAsync()).Brokers, broker => Assert.Equal(BrokerStatus.Active, broker.Status));
    }

    [Fact]
    public async Task UnloadTopic_NoMask_LandsOnTheFirstActiveRankedBrokerOtherThanTheSource()
    {
        await using var arena = await Arena.StartAsync("skew", brokers: 4, topics: 40);
        for (var move = 0; move < 5; move++)
        {
            var topic = arena.Cluster.Truth().Topics.First(topic => topic.AssignedTo[0] == arena.Ids[0]).Name;
            var before = await arena.Client.GetClusterBalanceAsync();
            await arena.Client.UnloadTopicAsync(topic);
            // A load report that came in between changes the ranking: either may have counted.
            var after = await arena.Client.GetClusterBalanceAsync();
            // Accepted is not yet begun: until then its source has it.
            await arena.UntilAsync(() => arena.Topic(topic).AssignedTo is [var owner] && owner != arena.Ids[0], "landed");

            var landed = arena.Topic(topic).AssignedTo.Single();
            Assert.True(IsFirst(landed, before) || IsFirst(landed, after), $"It landed on broker {landed}.");
        }

        bool IsFirst(string broker, ClusterBalance balance) =>
            balance.Brokers.Single(b => b.Id == broker).Load == balance.Brokers.First(b => b.Id != arena.Ids[0]).Load;
    }

    /// <param name="earlyMs">How much too early timers are: their coarse clock is behind when they begin, the more so on a loaded machine.</param>
    [Theory]
    [InlineData(0)]
    [InlineData(15)]
    public async Task MoveDuration_EachUnload_TakesAboutAsLongAsOnARealCluster(int earlyMs)
    {
        await using var arena = await Arena.StartAsync(new EarlyTimers(TimeSpan.FromMilliseconds(earlyMs)), TimeSpan.FromSeconds(1.5));
        await arena.CreateOnAsync(arena.Ids[0], "/default/t1");
        for (var move = 0; move < 10; move++)
            await arena.MoveAsync("/default/t1", arena.Ids[1 + move % 2]);

        var events = arena.Cluster.Events().Where(entry => entry.Topic == "/default/t1").ToList();
        var durations = events.Where(entry => entry.Event == "unload-posted")
            .Select(posted => events.First(entry => entry.Event == "assign" && entry.Seq > posted.Seq).Ms - posted.Ms).Order().ToList();
        // 21 to 48 ms are drawn until it is assigned, and its load takes up to 12 more; above, only the shortest is bounded, and with room for a machine that has better things to do.
        Assert.InRange(durations[0], 20, 500);
    }

    [Fact]
    public async Task UnloadBroker_SomeTopics_GivesReliableOnesAwayAndEndsDrained()
    {
        await using var arena = await Arena.StartAsync("skew", brokers: 3, topics: 20);
        var source = arena.Ids[0];
        var stub = new Danube.Dapr.BrokerClient.Protocol.Admin.BrokerAdmin.BrokerAdminClient(arena.Channel(arena.Broker(source).Admin));
        var count = arena.Cluster.Truth().Topics.Count(topic => topic.AssignedTo[0] == source);

        var dry = await stub.UnloadBrokerAsync(new() { BrokerId = source, DryRun = true });
        Assert.Equal(((uint)count, (uint)count, false), (dry.Total, dry.Pending, dry.Started));
        var answer = await stub.UnloadBrokerAsync(new() { BrokerId = source });
        Assert.Equal(((uint)count, (uint)count, true), (answer.Total, answer.Succeeded, answer.Started));

        await arena.UntilAsync(async () => (await arena.Client.DiscoverAsync()).Find(source)!.Status == BrokerStatus.Drained, "drained");
        await arena.UntilAsync(() => arena.Cluster.Truth().Stranded.Count == 0, "all topics owned");
        Assert.Empty(await arena.Client.ListBrokerTopicsAsync(source));
    }

    [Fact]
    public async Task UnloadBroker_RefusedCalls_CarryDanubesStatus()
    {
        await using var arena = await Arena.StartAsync(brokers: 2);
        var stub = new Danube.Dapr.BrokerClient.Protocol.Admin.BrokerAdmin.BrokerAdminClient(arena.Channel(arena.Cluster.Seeds[0]));

        var empty = await Assert.ThrowsAsync<Grpc.Core.RpcException>(async () => await stub.UnloadBrokerAsync(new()));
        Assert.Equal(Grpc.Core.StatusCode.InvalidArgument, empty.StatusCode);
        Assert.Equal("broker_id must be provided to unload a broker", empty.Status.Detail);
        Assert.Equal(MaskOutcome.Masked, (await arena.Client.MaskBrokerAsync(arena.Ids[0])).Outcome);
        Assert.Equal(MaskOutcome.Refused, (await arena.Client.MaskBrokerAsync(arena.Ids[1])).Outcome);
    }

    /// <summary>The system's time, with timers that are early.</summary>
    private sealed class EarlyTimers(TimeSpan early) : TimeProvider
    {
        private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(1);

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            base.CreateTimer(callback, state, dueTime < Shortest ? dueTime : dueTime - early > Shortest ? dueTime - early : Shortest, period);
    }
}
