using Danube.Dapr.BrokerClient.Protocol.Client;
using Grpc.Core;

namespace Danube.Dapr.BrokerSimulator;

/// <summary>Discovery of one broker.</summary>
internal sealed class DiscoveryService(Cluster cluster, BrokerInstance self) : Discovery.DiscoveryBase
{
    public override Task<TopicLookupResponse> TopicLookup(TopicLookupRequest request, ServerCallContext context)
    {
        lock (cluster.Gate)
        {
            var answer = new TopicLookupResponse { RequestId = request.RequestId };
            if (self.Copies.ContainsKey(request.Topic))
            {
                answer.ResponseType = TopicLookupResponse.Types.LookupType.Connect;
                answer.BrokerUrl = self.Slot.ClientUrl;
            }
            else
            {
                var owner = cluster.ResolveOwner(request.Topic);
                if (owner is null || !cluster.Registered.TryGetValue(owner, out var broker))
                    throw new RpcException(new Status(StatusCode.NotFound, $"Unable to find the requested topic: {request.Topic}"));
                answer.ResponseType = TopicLookupResponse.Types.LookupType.Redirect;
                answer.BrokerUrl = broker.Slot.ClientUrl;
                self.RedirectsByNamespace.AddOrUpdate(request.Topic.Split('/').ElementAtOrDefault(1) ?? "", 1, (_, count) => count + 1);
            }

            answer.ConnectUrl = answer.BrokerUrl;
            return Task.FromResult(answer);
        }
    }

    public override Task<TopicPartitionsResponse> TopicPartitions(TopicLookupRequest request, ServerCallContext context)
    {
        lock (cluster.Gate)
        {
            var answer = new TopicPartitionsResponse { RequestId = request.RequestId };
            answer.Partitions.AddRange(cluster.Topics.Keys.Where(topic => topic.StartsWith(request.Topic + "-part-", StringComparison.Ordinal)));
            if (answer.Partitions.Count == 0 && cluster.Topics.ContainsKey(request.Topic))
                answer.Partitions.Add(request.Topic);
            return Task.FromResult(answer);
        }
    }
}
