using Danube.Dapr.BrokerClient.Protocol.Admin;
using Danube.Dapr.BrokerClient.Protocol.Client;
using Grpc.Core;

namespace Danube.Dapr.BrokerSimulator.Tests;

/// <summary>Answers that a real broker was seen to give, word for word.</summary>
public sealed class ProtocolTests
{
    [Fact]
    public async Task ListNamespaces_TopicsExist_NamespaceIsRepeatedForEach()
    {
        await using var arena = await Arena.StartAsync("steady", 2, 6);
        var stub = new BrokerAdmin.BrokerAdminClient(arena.Channel(arena.Cluster.Seeds[0]));

        var answer = await stub.ListNamespacesAsync(new Empty());

        Assert.Equal([.. Enumerable.Repeat("default", 7), "system"], answer.Namespaces);
        Assert.Equal(["default", "system"], await arena.Client.ListNamespacesAsync());
    }

    [Fact]
    public async Task UnknownNames_AreAnsweredAsByARealBroker()
    {
        await using var arena = await Arena.StartAsync();
        var topics = new TopicAdmin.TopicAdminClient(arena.Channel(arena.Cluster.Seeds[0]));

        var described = await topics.DescribeTopicAsync(new DescribeTopicRequest { Name = "/default/nope" });
        Assert.Equal(("/default/nope", "", "NonReliable", 0), (described.Name, described.BrokerId, described.Delivery, described.Subscriptions.Count));
        Assert.Empty((await topics.ListBrokerTopicsAsync(new BrokerRequest { BrokerId = "1" })).Topics);
        Assert.Empty((await topics.ListNamespaceTopicsAsync(new NamespaceRequest { Name = "nope" })).Topics);
        await FailsAsync(
            topics.UnloadTopicAsync(new TopicRequest { Name = "/default/nope" }),
            StatusCode.NotFound, "Unable to unload the topic /default/nope due to Unable to find topic");
        var discovery = new Discovery.DiscoveryClient(arena.Channel(arena.Cluster.Brokers[0].Client));
        await FailsAsync(
            discovery.TopicLookupAsync(new TopicLookupRequest { RequestId = 1, Topic = "/default/nope" }),
            StatusCode.NotFound, "Unable to find the requested topic: /default/nope");
    }

    [Fact]
    public async Task RefusedCreatesAndDeletes_CarryDanubesWords()
    {
        await using var arena = await Arena.StartAsync();
        var topics = new TopicAdmin.TopicAdminClient(arena.Channel(arena.Cluster.Seeds[0]));
        await topics.CreatePartitionedTopicAsync(new PartitionedTopicRequest { BaseName = "/default/clicks", Partitions = 12 });
        await topics.CreateTopicAsync(new NewTopicRequest { Name = "/default/orders-1" });

        await FailsAsync(
            topics.CreateTopicAsync(new NewTopicRequest { Name = "/default/orders-1" }),
            StatusCode.NotFound,
            "Unable to create the topic /default/orders-1 due to code: 'Some entity that we attempted to create already exists', message: "
            + "\"Topic '/default/orders-1' already exists\"");
        await FailsAsync(
            topics.CreateTopicAsync(new NewTopicRequest { Name = "/nope/x" }),
            StatusCode.NotFound,
            "Unable to create the topic /nope/x due to code: 'The service is currently unavailable', message: "
            + "\"Unable to find the namespace nope, the topic can be created only for an exisiting namespace\"");
        await FailsAsync(
            topics.DeleteTopicAsync(new TopicRequest { Name = "/default/clicks-part-1" }),
            StatusCode.NotFound,
            "Unable to delete the topic /default/clicks-part-1 due to Cannot delete individual partition '/default/clicks-part-1'. Delete the base topic "
            + "instead (e.g., if partition is '/default/mytopic-part-0', delete '/default/mytopic').");
        var discovery = new Discovery.DiscoveryClient(arena.Channel(arena.Cluster.Brokers[0].Client));
        Assert.Equal(12, (await discovery.TopicPartitionsAsync(new TopicLookupRequest { Topic = "/default/clicks" })).Partitions.Count);
    }

    [Fact]
    public async Task TriggerRebalance_Balanced_SaysSoInTheErrorMessage()
    {
        await using var arena = await Arena.StartAsync("steady", 3);
        var leader = (await arena.Client.DiscoverAsync()).Leader!;
        var answer = await new BrokerAdmin.BrokerAdminClient(arena.Channel(leader.AdminAddress)).TriggerRebalanceAsync(new RebalanceRequest { DryRun = true });

        Assert.Equal((true, "Cluster is balanced (CV: 0.000, threshold: 0.300)"), (answer.Success, answer.ErrorMessage));
    }

    [Fact]
    public async Task AdminService_OnTheClientPort_IsNotThere()
    {
        await using var arena = await Arena.StartAsync();
        var stub = new BrokerAdmin.BrokerAdminClient(arena.Channel(arena.Cluster.Brokers[0].Client));

        var error = await Assert.ThrowsAsync<RpcException>(async () => await stub.ListBrokersAsync(new Empty()));
        Assert.Equal(StatusCode.Unimplemented, error.StatusCode);
    }

    [Fact]
    public async Task BrokerIds_ManyBrokers_SomeAreBeyondTheSignedRange()
    {
        await using var arena = await Arena.StartAsync(brokers: 8);
        var balance = await arena.Client.GetClusterBalanceAsync();

        Assert.Contains(balance.Brokers, broker => ulong.Parse(broker.Id, System.Globalization.CultureInfo.InvariantCulture) > long.MaxValue);
        Assert.Equal(arena.Ids.Order(), balance.Brokers.Select(broker => broker.Id).Order());
    }

    [Fact]
    public async Task RealClients_TopicMovesUnderThem_NoMessageIsLostAndOffsetsGoOn()
    {
        await using var arena = await Arena.StartAsync(brokers: 3);
        const string topic = "/default/t1";
        await arena.CreateOnAsync(arena.Ids[0], topic);
        var sent = 0;
        var received = new List<(string Text, ulong Offset)>();

        for (var round = 0; round < 4; round++)
        {
            var owner = arena.Broker(arena.Topic(topic).AssignedTo.Single());
            var channel = arena.Channel(owner.Client);
            var producer = await new ProducerService.ProducerServiceClient(channel).CreateProducerAsync(
                new ProducerRequest { ProducerName = "p", TopicName = topic, DispatchStrategy = Danube.Dapr.BrokerClient.Protocol.Client.DispatchStrategy.Reliable });
            for (var message = 0; message < 25; message++)
                await SendAsync(channel, producer.ProducerId, topic, $"m{sent++}");
            received.AddRange(await ReceiveAsync(channel, topic, round % 2 == 0 ? 20 : 30));

            await arena.MoveAsync(topic, arena.Ids.First(id => id != owner.Id));
            await FailsAsync(
                new ProducerService.ProducerServiceClient(channel).SendMessageAsync(Message(producer.ProducerId, topic, "late")),
                StatusCode.NotFound, $"The producer with id {producer.ProducerId} does not exist");
        }

        Assert.Equal(Enumerable.Range(0, sent).Select(number => ($"m{number}", (ulong)number)), received);
    }

    private static async Task SendAsync(ChannelBase channel, ulong producer, string topic, string text) =>
        await new ProducerService.ProducerServiceClient(channel).SendMessageAsync(Message(producer, topic, text));

    private static StreamMessage Message(ulong producer, string topic, string text) => new()
    {
        MsgId = new MsgID { ProducerId = producer, TopicName = topic },
        Payload = Google.Protobuf.ByteString.CopyFromUtf8(text),
    };

    private static async Task<List<(string Text, ulong Offset)>> ReceiveAsync(ChannelBase channel, string topic, int count)
    {
        var consumers = new ConsumerService.ConsumerServiceClient(channel);
        var consumer = await consumers.SubscribeAsync(new ConsumerRequest { TopicName = topic, ConsumerName = "c", Subscription = "s" });
        using var stream = consumers.ReceiveMessages(new ReceiveRequest { ConsumerId = consumer.ConsumerId });
        var received = new List<(string, ulong)>();
        while (received.Count < count && await stream.ResponseStream.MoveNext(CancellationToken.None))
        {
            var message = stream.ResponseStream.Current;
            received.Add((message.Payload.ToStringUtf8(), message.MsgId.TopicOffset));
            await consumers.AckAsync(new AckRequest { MsgId = message.MsgId, SubscriptionName = "s" });
        }

        return received;
    }

    private static async Task FailsAsync<T>(AsyncUnaryCall<T> call, StatusCode status, string detail)
    {
        var error = await Assert.ThrowsAsync<RpcException>(async () => await call);
        Assert.Equal((status, detail), (error.StatusCode, error.Status.Detail));
    }
}
