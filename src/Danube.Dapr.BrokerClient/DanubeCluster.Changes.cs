using System.Globalization;
using Danube.Dapr.BrokerClient.Protocol.Admin;
using Danube.Dapr.BrokerClient.Protocol.Client;
using Grpc.Core;
using AdminDispatch = Danube.Dapr.BrokerClient.Protocol.Admin.DispatchStrategy;
using ClientDispatch = Danube.Dapr.BrokerClient.Protocol.Client.DispatchStrategy;

namespace Danube.Dapr.BrokerClient;

public sealed partial class DanubeCluster
{
    /// <summary>
    /// Keeps a broker from taking topics, without moving any: asks Danube to unload a namespace that cannot exist, which leaves the broker <c>drained</c>.
    /// Undo with <see cref="ActivateBrokerAsync"/>. May be repeated.
    /// </summary>
    /// <param name="brokerId">Whom to mask.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    public async Task<MaskResult> MaskBrokerAsync(string brokerId, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(brokerId);
        var request = new UnloadBrokerRequest { BrokerId = brokerId };
        request.NamespacesInclude.Add($"no-such-namespace-{Guid.NewGuid():N}");
        try
        {
            var (answer, _) = await AskLeaderAsync(
                "UnloadBroker", (address, call) => _channels.Brokers(address).UnloadBrokerAsync(request, call), cancellationToken).ConfigureAwait(false);
            return answer.Total == 0
                ? new MaskResult(answer.Started ? MaskOutcome.Masked : MaskOutcome.Refused, 0, null)
                : new MaskResult(MaskOutcome.MovedTopics, (int)answer.Total, string.Join("; ", answer.FailedTopics));
        }
        catch (DanubeRefusedException error) when (error.Status == StatusCode.FailedPrecondition)
        {
            return new MaskResult(MaskOutcome.Refused, 0, error.Detail);
        }
    }

    /// <summary>Lets a broker take topics again. May be repeated. Danube does not check the id.</summary>
    /// <param name="brokerId">Whom to activate.</param>
    /// <param name="reason">Why, for Danube's own record.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <exception cref="DanubeUnexpectedAnswerException">Danube says that it did not.</exception>
    public async Task ActivateBrokerAsync(string brokerId, string reason, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(brokerId);
        var request = new ActivateBrokerRequest { BrokerId = brokerId, Reason = reason };
        var (answer, asked) = await AskLeaderAsync(
            "ActivateBroker", (address, call) => _channels.Brokers(address).ActivateBrokerAsync(request, call), cancellationToken).ConfigureAwait(false);
        if (!answer.Success)
            throw new DanubeUnexpectedAnswerException(asked, "ActivateBroker", $"success is false for broker {brokerId}");
    }

    /// <summary>
    /// Asks the leader to take a topic from its owner and give it to the first active broker of its ranking. Never repeated by itself: a second unload
    /// could take the topic from where it has just arrived. An unload of a NonReliable topic orphans it. After a <see cref="DanubeUnreachableException"/>
    /// look where the topic is before anything else.
    /// </summary>
    /// <param name="topic">Full name, <c>/namespace/topic</c>.</param>
    /// <param name="cancellationToken">Stops the call; the unload may have begun.</param>
    public async Task<UnloadResult> UnloadTopicAsync(string topic, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(topic);
        var request = new TopicRequest { Name = topic };
        try
        {
            var (answer, _) = await AskLeaderAsync(
                "UnloadTopic", (address, call) => _channels.Topics(address).UnloadTopicAsync(request, call), cancellationToken).ConfigureAwait(false);
            return answer.Success ? new UnloadResult(UnloadOutcome.Accepted, null) : new UnloadResult(UnloadOutcome.Refused, "success is false");
        }
        catch (DanubeRefusedException error) when (error.Status is StatusCode.NotFound or StatusCode.FailedPrecondition or StatusCode.Unimplemented)
        {
            return new UnloadResult(error.Status == StatusCode.NotFound ? UnloadOutcome.NotFound : UnloadOutcome.Refused, error.Detail);
        }
    }

    /// <summary>Creates a topic. Which broker takes it is decided a moment later: the least loaded active one.</summary>
    /// <param name="topic">Full name.</param>
    /// <param name="delivery">How it delivers.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    public async Task<CreateTopicResult> CreateTopicAsync(string topic, TopicDelivery delivery, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(topic);
        var request = new NewTopicRequest
        {
            Name = topic,
            DispatchStrategy = delivery == TopicDelivery.Reliable ? AdminDispatch.Reliable : AdminDispatch.NonReliable,
        };
        try
        {
            await AskLeaderAsync(
                "CreateTopic", (address, call) => _channels.Topics(address).CreateTopicAsync(request, call), cancellationToken).ConfigureAwait(false);
            return new CreateTopicResult(CreateTopicOutcome.Accepted, null);
        }
        catch (DanubeRefusedException error) when (error.Status is StatusCode.NotFound or StatusCode.AlreadyExists or StatusCode.InvalidArgument)
        {
            return new CreateTopicResult(WhyNotCreated(error.Detail), error.Detail);
        }
    }

    /// <summary>Deletes a topic with its messages and subscriptions.</summary>
    /// <param name="topic">Full name; no single partition.</param>
    /// <param name="cancellationToken">Stops the call; the topic may be gone.</param>
    public async Task<DeleteTopicResult> DeleteTopicAsync(string topic, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(topic);
        var request = new TopicRequest { Name = topic };
        try
        {
            var (answer, _) = await AskLeaderAsync(
                "DeleteTopic", (address, call) => _channels.Topics(address).DeleteTopicAsync(request, call), cancellationToken).ConfigureAwait(false);
            return answer.Success ? new DeleteTopicResult(DeleteTopicOutcome.Deleted, null) : new DeleteTopicResult(DeleteTopicOutcome.Refused, "success is false");
        }
        catch (DanubeRefusedException error) when (error.Status is StatusCode.NotFound or StatusCode.InvalidArgument)
        {
            return new DeleteTopicResult(WhyNotDeleted(error.Detail), error.Detail);
        }
    }

    /// <summary>
    /// Registers a producer on a broker's client port. A broker that believes it owns the topic loads it: that is what the repair of a stranded topic
    /// rests on. A broker with automatic creation creates a topic that does not exist.
    /// </summary>
    /// <param name="brokerId">Whom to ask.</param>
    /// <param name="topic">Full name.</param>
    /// <param name="producerName">Name of the producer.</param>
    /// <param name="delivery">Must be the topic's own.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    public async Task<CreateProducerResult> CreateProducerAsync(
        string brokerId, string topic, string producerName, TopicDelivery delivery, CancellationToken cancellationToken = default)
    {
        var address = (await BrokerAsync(brokerId, "CreateProducer", cancellationToken).ConfigureAwait(false)).ClientAddress;
        var request = new ProducerRequest
        {
            RequestId = 1,
            ProducerName = producerName,
            TopicName = topic,
            ProducerAccessMode = ProducerAccessMode.SharedProducer,
            DispatchStrategy = delivery == TopicDelivery.Reliable ? ClientDispatch.Reliable : ClientDispatch.NonReliable,
        };
        try
        {
            var answer = await _channels.InvokeAsync(
                address, "CreateProducer", call => _channels.Producers(address).CreateProducerAsync(request, call), cancellationToken).ConfigureAwait(false);
            return new CreateProducerResult(CreateProducerOutcome.Created, answer.ProducerId.ToString(CultureInfo.InvariantCulture), null);
        }
        catch (DanubeUnreachableException error) when (error.BrokerAnswered)
        {
            return new CreateProducerResult(CreateProducerOutcome.NotServedHere, null, error.Detail);
        }
        catch (DanubeRefusedException error) when (error.Status is not StatusCode.Unauthenticated)
        {
            return new CreateProducerResult(CreateProducerOutcome.Refused, null, error.Detail);
        }
    }

    /// <summary>Every failure comes as NOT_FOUND with a text: the text is all there is to tell them apart.</summary>
    internal static CreateTopicOutcome WhyNotCreated(string detail) => detail switch
    {
        _ when detail.Contains("partitioned topics with this base name", StringComparison.Ordinal) => CreateTopicOutcome.PrefixOfExisting,
        _ when detail.Contains("already exists", StringComparison.Ordinal) => CreateTopicOutcome.AlreadyExists,
        _ when detail.Contains("find the namespace", StringComparison.Ordinal) => CreateTopicOutcome.NamespaceMissing,
        _ => CreateTopicOutcome.Refused,
    };

    internal static DeleteTopicOutcome WhyNotDeleted(string detail) => detail switch
    {
        _ when detail.Contains("individual partition", StringComparison.Ordinal) => DeleteTopicOutcome.IsPartition,
        _ when detail.Contains("Unable to find", StringComparison.Ordinal) => DeleteTopicOutcome.NotFound,
        _ => DeleteTopicOutcome.Refused,
    };
}
