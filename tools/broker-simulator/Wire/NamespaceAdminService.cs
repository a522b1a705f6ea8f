using Danube.Dapr.BrokerClient.Protocol.Admin;
using Grpc.Core;

namespace Danube.Dapr.BrokerSimulator;

/// <summary>NamespaceAdmin of one broker.</summary>
internal sealed class NamespaceAdminService(Cluster cluster) : NamespaceAdmin.NamespaceAdminBase
{
    private const string Policies =
        "{\"max_producers_per_topic\":0,\"max_subscriptions_per_topic\":0,\"max_consumers_per_topic\":0,\"max_consumers_per_subscription\":0,"
        + "\"max_publish_rate\":0,\"max_subscription_dispatch_rate\":0,\"max_message_size\":10485760}";

    public override Task<TopicListResponse> GetNamespaceTopics(NamespaceRequest request, ServerCallContext context)
    {
        lock (cluster.Gate)
        {
            var answer = new TopicListResponse();
            answer.Topics.AddRange(cluster.Topics.Values.Where(topic => topic.Namespace == request.Name).Select(topic => topic.Name[1..]));
            return Task.FromResult(answer);
        }
    }

    public override Task<PolicyResponse> GetNamespacePolicies(NamespaceRequest request, ServerCallContext context)
    {
        lock (cluster.Gate)
        {
            return cluster.Namespaces.Contains(request.Name)
                ? Task.FromResult(new PolicyResponse { Policies = Policies })
                : throw new RpcException(new Status(StatusCode.NotFound, $"Unable to find the namespace {request.Name}"));
        }
    }

    public override Task<NamespaceResponse> CreateNamespace(NamespaceRequest request, ServerCallContext context)
    {
        lock (cluster.Gate)
        {
            cluster.RequireWritable($"Unable to create the namespace {request.Name}");
            return cluster.Namespaces.Add(request.Name)
                ? Task.FromResult(new NamespaceResponse { Success = true })
                : throw new RpcException(new Status(StatusCode.NotFound, $"Unable to create the namespace {request.Name}: it already exists"));
        }
    }

    public override Task<NamespaceResponse> DeleteNamespace(NamespaceRequest request, ServerCallContext context)
    {
        lock (cluster.Gate)
        {
            cluster.RequireWritable($"Unable to delete the namespace {request.Name}");
            if (cluster.Topics.Values.Any(topic => topic.Namespace == request.Name))
                throw new RpcException(new Status(StatusCode.NotFound, $"Unable to delete the namespace {request.Name}: it is not empty"));
            return cluster.Namespaces.Remove(request.Name)
                ? Task.FromResult(new NamespaceResponse { Success = true })
                : throw new RpcException(new Status(StatusCode.NotFound, $"Unable to find the namespace {request.Name}"));
        }
    }
}
