using Danube.Dapr.BrokerClient.Protocol.Admin;
using Grpc.Core;

namespace Danube.Dapr.BrokerSimulator;

/// <summary>TopicAdmin of one broker.</summary>
internal sealed class TopicAdminService(Cluster cluster) : TopicAdmin.TopicAdminBase
{
    public override Task<TopicInfoListResponse> ListNamespaceTopics(NamespaceRequest request, ServerCallContext context)
    {
        lock (cluster.Gate)
        {
            var answer = new TopicInfoListResponse();
            answer.Topics.AddRange(cluster.Topics.Values.Where(topic => topic.Namespace == request.Name)
                .Select(topic => new TopicInfo { Name = topic.Name, BrokerId = cluster.ResolveOwner(topic.Name) ?? "", Delivery = Delivery(topic) }));
            return Task.FromResult(answer);
        }
    }

    public override Task<TopicInfoListResponse> ListBrokerTopics(BrokerRequest request, ServerCallContext context)
    {
        lock (cluster.Gate)
        {
            var answer = new TopicInfoListResponse();
            answer.Topics.AddRange(cluster.AssignedTo(request.BrokerId)
                .Select(name => new TopicInfo { Name = name, BrokerId = request.BrokerId, Delivery = Delivery(cluster.Topics.GetValueOrDefault(name)) }));
            return Task.FromResult(answer);
        }
    }

    public override Task<TopicResponse> CreateTopic(NewTopicRequest request, ServerCallContext context)
    {
        lock (cluster.Gate)
            cluster.CreateTopic(request.Name, request.DispatchStrategy == DispatchStrategy.Reliable);
        return Success();
    }

    public override Task<TopicResponse> CreatePartitionedTopic(PartitionedTopicRequest request, ServerCallContext context)
    {
        lock (cluster.Gate)
        {
            cluster.RequireWritable($"Unable to create the topic {request.BaseName}");
            cluster.CreatePartitions(request.BaseName, (int)request.Partitions, request.DispatchStrategy == DispatchStrategy.Reliable);
        }

        return Success();
    }

    public override Task<TopicResponse> DeleteTopic(TopicRequest request, ServerCallContext context)
    {
        lock (cluster.Gate)
            cluster.DeleteTopic(request.Name);
        return Success();
    }

    public override Task<TopicResponse> UnloadTopic(TopicRequest request, ServerCallContext context)
    {
        lock (cluster.Gate)
            cluster.UnloadTopic(request.Name);
        return Success();
    }

    public override Task<SubscriptionListResponse> ListSubscriptions(TopicRequest request, ServerCallContext context)
    {
        lock (cluster.Gate)
        {
            var answer = new SubscriptionListResponse();
            answer.Subscriptions.AddRange(SubscriptionKeys(request.Name));
            return Task.FromResult(answer);
        }
    }

    /// <summary>An unknown topic is described too: without an owner, as NonReliable.</summary>
    public override Task<DescribeTopicResponse> DescribeTopic(DescribeTopicRequest request, ServerCallContext context)
    {
        lock (cluster.Gate)
        {
            var answer = new DescribeTopicResponse
            {
                Name = request.Name,
                BrokerId = cluster.ResolveOwner(request.Name) ?? "",
                Delivery = Delivery(cluster.Topics.GetValueOrDefault(request.Name)),
            };
            answer.Subscriptions.AddRange(SubscriptionKeys(request.Name));
            return Task.FromResult(answer);
        }
    }

    /// <summary>Danube lists a subscription once for each of its keys: itself, its policy and its cursor.</summary>
    private IEnumerable<string> SubscriptionKeys(string topic) =>
        cluster.Topics.TryGetValue(topic, out var state) ? state.Subscriptions.SelectMany(subscription => Enumerable.Repeat(subscription.Name, 3)) : [];

    private static string Delivery(TopicState? topic) => topic?.Reliable == true ? "Reliable" : "NonReliable";

    private static Task<TopicResponse> Success() => Task.FromResult(new TopicResponse { Success = true });
}
