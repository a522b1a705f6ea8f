using Danube.Dapr.BrokerClient.Protocol.Admin;
using Danube.Dapr.BrokerClient.Protocol.Client;
using Grpc.Core;
using Microsoft.Extensions.Time.Testing;

namespace Danube.Dapr.BrokerClient.Tests;

/// <summary>How calls behave when brokers do not.</summary>
public sealed class CallTests
{
    private const string Largest = "18446744073709551615";

    [Fact]
    public async Task Read_UnavailableTwice_IsRepeatedUntilItAnswers()
    {
        await using var broker = await ScriptedBroker.StartAsync();
        broker.Answer("ListNamespaces", call => call < 3
            ? new Status(StatusCode.Unavailable, "busy")
            : new NamespaceListResponse { Namespaces = { "b", "a", "b" } });
        using var cluster = broker.Connect();

        Assert.Equal(["a", "b"], await cluster.ListNamespacesAsync());
        Assert.Equal(3, broker.CallsOf("ListNamespaces"));
    }

    [Fact]
    public async Task Unload_Unavailable_IsNotRepeatedAndSaysWhoAndWhat()
    {
        await using var broker = await ScriptedBroker.StartAsync();
        broker.Answer("UnloadTopic", _ => new Status(StatusCode.Unavailable, "busy"));
        using var cluster = broker.Connect();

        var error = await Assert.ThrowsAsync<DanubeUnreachableException>(() => cluster.UnloadTopicAsync("/default/t"));

        Assert.Equal(1, broker.CallsOf("UnloadTopic"));
        Assert.Equal(("UnloadTopic", StatusCode.Unavailable, broker.Address.Port), (error.Operation, error.Status, error.Address!.Port));
        Assert.Contains("busy", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Call_NoAnswer_EndsAtTheDeadline()
    {
        await using var broker = await ScriptedBroker.StartAsync();
        broker.Answer("DescribeTopic", _ => null);
        using var cluster = broker.Connect(options => options with { CallTimeout = TimeSpan.FromMilliseconds(300) });

        var error = await Assert.ThrowsAsync<DanubeUnreachableException>(() => cluster.DescribeTopicAsync("/default/t"));

        Assert.Equal(StatusCode.DeadlineExceeded, Assert.IsType<DanubeUnreachableException>(error.InnerException).Status);
    }

    [Fact]
    public async Task Call_Cancelled_ThrowsCancellation()
    {
        await using var broker = await ScriptedBroker.StartAsync();
        broker.Answer("DescribeTopic", _ => null);
        using var cluster = broker.Connect();
        await cluster.DiscoverAsync();
        using var stop = new CancellationTokenSource();
        var call = cluster.DescribeTopicAsync("/default/t", stop.Token);
        await stop.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
    }

    [Theory]
    [InlineData(StatusCode.PermissionDenied)]
    [InlineData(StatusCode.Unauthenticated)]
    [InlineData(StatusCode.Unimplemented)]
    public async Task Call_Refused_CarriesStatusAndWords(StatusCode status)
    {
        await using var broker = await ScriptedBroker.StartAsync();
        broker.Answer("GetClusterBalance", _ => new Status(status, "no"));
        using var cluster = broker.Connect();

        var error = await Assert.ThrowsAsync<DanubeRefusedException>(() => cluster.GetClusterBalanceAsync());

        Assert.Equal((status, "no", "GetClusterBalance"), (error.Status, error.Detail, error.Operation));
    }

    [Fact]
    public async Task Token_Given_IsSentWithEveryCallAndOtherwiseNot()
    {
        await using var broker = await ScriptedBroker.StartAsync();
        using (var anonymous = broker.Connect())
            await anonymous.DiscoverAsync();
        using (var authenticated = broker.Connect(options => options with { Token = "abc" }))
            await authenticated.DiscoverAsync();

        Assert.Equal(["", "Bearer abc"], broker.Authorizations);
    }

    [Fact]
    public async Task Balance_IdsBeyondTheSignedRange_AreKeptAsText()
    {
        await using var broker = await ScriptedBroker.StartAsync();
        broker.Answer("GetClusterBalance", _ => new ClusterBalanceResponse { BrokerCount = 1, Brokers = { new BrokerLoadInfo { BrokerId = ulong.MaxValue, Load = 3, TopicCount = 3 } } });
        broker.Answer("ClusterStatus", _ => new ClusterStatusResponse { SelfNodeId = ulong.MaxValue, CurrentTerm = 4, Voters = { ulong.MaxValue } });
        using var cluster = broker.Connect();

        Assert.Equal(Largest, (await cluster.GetClusterBalanceAsync()).Brokers.Single().Id);
        var raft = await cluster.GetRaftStatusAsync(Largest);
        Assert.Equal((Largest, null, 4UL), (raft.SelfId, raft.LeaderId, raft.Term));
    }

    [Fact]
    public async Task Leader_NoneNamed_IsSaid()
    {
        await using var broker = await ScriptedBroker.StartAsync();
        broker.Answer("ListBrokers", _ =>
        {
            var listing = broker.Listing();
            listing.Brokers[0].BrokerRole = "None";
            return listing;
        });
        using var cluster = broker.Connect();

        var error = await Assert.ThrowsAsync<DanubeNoLeaderException>(() => cluster.GetClusterBalanceAsync());
        Assert.Contains("of 1 registered brokers none is named leader", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Listing_AddressThatIsNone_IsAnUnexpectedAnswer()
    {
        await using var broker = await ScriptedBroker.StartAsync();
        broker.Answer("ListBrokers", _ =>
        {
            var listing = broker.Listing();
            listing.Brokers[0].AdminAddr = "nowhere";
            return listing;
        });
        using var cluster = broker.Connect();

        var error = await Assert.ThrowsAsync<DanubeUnexpectedAnswerException>(() => cluster.DiscoverAsync());
        Assert.Contains("'nowhere'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Mask_TopicsWereMoved_IsNotCalledMasked()
    {
        await using var broker = await ScriptedBroker.StartAsync();
        broker.Answer("UnloadBroker", _ => new UnloadBrokerResponse { Started = true, Total = 2, Succeeded = 1, Failed = 1, FailedTopics = { "/a/b: no" } });
        using var cluster = broker.Connect();

        Assert.Equal(new MaskResult(MaskOutcome.MovedTopics, 2, "/a/b: no"), await cluster.MaskBrokerAsync("7"));
    }

    [Fact]
    public async Task Activate_BrokerSaysNo_IsAnError()
    {
        await using var broker = await ScriptedBroker.StartAsync();
        broker.Answer("ActivateBroker", _ => new ActivateBrokerResponse { Success = false });
        using var cluster = broker.Connect();

        await Assert.ThrowsAsync<DanubeUnexpectedAnswerException>(() => cluster.ActivateBrokerAsync("7", "test"));
    }

    [Fact]
    public async Task CreateProducer_BrokerUnavailableByItsOwnWord_IsAnAnswerNotAFailure()
    {
        await using var broker = await ScriptedBroker.StartAsync();
        broker.Answer("CreateProducer", call => call == 1
            ? new Status(StatusCode.Unavailable, "redo the Lookup request")
            : new ProducerResponse { ProducerId = ulong.MaxValue });
        using var cluster = broker.Connect();

        var first = await cluster.CreateProducerAsync(Largest, "/default/t", "p", TopicDelivery.Reliable);
        var second = await cluster.CreateProducerAsync(Largest, "/default/t", "p", TopicDelivery.Reliable);

        Assert.Equal(new CreateProducerResult(CreateProducerOutcome.NotServedHere, null, "redo the Lookup request"), first);
        Assert.Equal(new CreateProducerResult(CreateProducerOutcome.Created, Largest, null), second);
    }

    [Fact]
    public async Task Topology_WithinItsAge_IsNotAskedAgain()
    {
        await using var broker = await ScriptedBroker.StartAsync();
        broker.Answer("ListNamespaces", _ => new NamespaceListResponse());
        using var cluster = broker.Connect(options => options with { TopologyMaxAge = TimeSpan.FromMinutes(5) });

        await cluster.ListNamespacesAsync();
        await cluster.ListNamespacesAsync();
        Assert.Equal(1, broker.CallsOf("ListBrokers"));
        await Assert.ThrowsAsync<DanubeUnknownBrokerException>(() => cluster.LookupTopicAsync("42", "/default/t"));
        Assert.Equal(2, broker.CallsOf("ListBrokers"));
    }

    [Fact]
    public async Task Read_NamedLeaderWasSilentAMomentAgo_AsksTheOthersFirst()
    {
        await using var dead = await ScriptedBroker.StartAsync();
        await using var alive = await ScriptedBroker.StartAsync();
        dead.Answer("ListBrokers", _ => new Status(StatusCode.Unavailable, "dying"));
        alive.Answer("ListBrokers", _ =>
        {
            // It still names the dead one.
            var listing = dead.Listing("1");
            listing.Brokers.Add(alive.Listing("2").Brokers);
            listing.Brokers[1].BrokerRole = "Cluster_Follower";
            return listing;
        });
        alive.Answer("ListNamespaces", _ => new NamespaceListResponse());
        using var cluster = dead.Connect(options => options with { Seeds = [dead.Address, alive.Address], MaxAttempts = 1 });

        for (var read = 0; read < 3; read++)
            await cluster.ListNamespacesAsync();

        Assert.Equal(["ListBrokers"], dead.Calls);
        Assert.Equal("1", (await cluster.GetTopologyAsync()).Leader!.Id);
    }

    [Fact]
    public async Task Discover_LeaderHangsLongerThanTheCallersLimit_TheOthersAreAskedFirstNextTime()
    {
        await using var hung = await ScriptedBroker.StartAsync();
        await using var alive = await ScriptedBroker.StartAsync();
        var asked = new TaskCompletionSource();
        hung.Answer("ListBrokers", _ =>
        {
            asked.TrySetResult();
            return null;
        });
        var time = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        using var cluster = new DanubeCluster(new DanubeClientOptions { Seeds = [hung.Address, alive.Address] }, time);
        using var limit = new CancellationTokenSource();
        var first = cluster.DiscoverAsync(limit.Token);
        await asked.Task;
        time.Advance(TimeSpan.FromSeconds(5));
        await limit.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        time.Advance(TimeSpan.FromSeconds(30));

        Assert.Equal(alive.Address.Port, (await cluster.DiscoverAsync()).AnsweredBy.Port);
        Assert.Equal(1, hung.CallsOf("ListBrokers"));
    }

    [Fact]
    public async Task Discover_BrokerHangs_IsNotAskedFirstForAMinute()
    {
        await using var hung = await ScriptedBroker.StartAsync();
        await using var alive = await ScriptedBroker.StartAsync();
        hung.Answer("ListBrokers", call => call == 1 ? null : hung.Listing());
        alive.Answer("ListBrokers", call => call < 3 ? hung.Listing() : new Status(StatusCode.Unavailable, "down"));
        var time = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        var options = new DanubeClientOptions { Seeds = [hung.Address, alive.Address], CallTimeout = TimeSpan.FromSeconds(5), MaxAttempts = 1 };
        using var cluster = new DanubeCluster(options, time);

        // It still names the other one as the leader.
        Assert.Equal(alive.Address.Port, (await cluster.DiscoverAsync()).AnsweredBy.Port);
        time.Advance(TimeSpan.FromSeconds(50));
        await cluster.DiscoverAsync();
        Assert.Equal(1, hung.CallsOf("ListBrokers"));
        Assert.Equal(hung.Address.Port, (await cluster.DiscoverAsync()).AnsweredBy.Port);
    }

    [Fact]
    public async Task Topology_ClockSetBack_IsReadAgainWhenItIsOld()
    {
        await using var broker = await ScriptedBroker.StartAsync();
        broker.Answer("ListBrokers", _ => broker.Listing());
        var time = new SettableClock();
        using var cluster = new DanubeCluster(new DanubeClientOptions { Seeds = [broker.Address], TopologyMaxAge = TimeSpan.FromSeconds(2) }, time);
        await cluster.GetTopologyAsync();

        time.SetBack(TimeSpan.FromHours(2));
        await cluster.GetTopologyAsync();
        Assert.Equal(1, broker.CallsOf("ListBrokers"));
        time.Advance(TimeSpan.FromSeconds(2));
        await cluster.GetTopologyAsync();

        Assert.Equal(2, broker.CallsOf("ListBrokers"));
    }

    /// <summary>A clock that somebody sets back: the stop-watch goes on.</summary>
    private sealed class SettableClock : FakeTimeProvider
    {
        private TimeSpan _lost;

        public void SetBack(TimeSpan by) => _lost += by;

        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() - _lost;

        // The base class derives it from the time of day, and the two are to differ here.
        public override long GetTimestamp() => base.GetTimestamp() + (long)(_lost.TotalSeconds * TimestampFrequency);
    }
}
