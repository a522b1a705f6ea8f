using System.Globalization;
using Danube.Dapr.BrokerClient.Protocol.Admin;
using Grpc.Core;

namespace Danube.Dapr.BrokerSimulator;

/// <summary>BrokerAdmin of one broker.</summary>
internal sealed class BrokerAdminService(Cluster cluster, BrokerInstance self) : BrokerAdmin.BrokerAdminBase
{
    public override Task<BrokerListResponse> ListBrokers(Empty request, ServerCallContext context)
    {
        lock (cluster.Gate)
        {
            var answer = new BrokerListResponse();
            answer.Brokers.AddRange(cluster.Registered.Values.Select(Describe));
            return Task.FromResult(answer);
        }
    }

    public override Task<BrokerResponse> GetLeaderBroker(Empty request, ServerCallContext context)
    {
        lock (cluster.Gate)
            return Task.FromResult(new BrokerResponse { Leader = cluster.LeaderKey ?? "not_found" });
    }

    /// <summary>One entry for every key under a namespace: a namespace shows up once for each topic, and once for itself.</summary>
    public override Task<NamespaceListResponse> ListNamespaces(Empty request, ServerCallContext context)
    {
        lock (cluster.Gate)
        {
            var answer = new NamespaceListResponse();
            foreach (var name in cluster.Namespaces)
            {
                answer.Namespaces.Add(name);
                answer.Namespaces.AddRange(cluster.Topics.Values.Where(topic => topic.Namespace == name).Select(_ => name));
            }

            return Task.FromResult(answer);
        }
    }

    public override Task<UnloadBrokerResponse> UnloadBroker(UnloadBrokerRequest request, ServerCallContext context)
    {
        lock (cluster.Gate)
        {
            var total = (uint)cluster.UnloadBroker(request.BrokerId, request.NamespacesInclude, request.NamespacesExclude, request.DryRun);
            return Task.FromResult(new UnloadBrokerResponse
            {
                Started = !request.DryRun,
                Total = total,
                Succeeded = request.DryRun ? 0 : total,
                Pending = request.DryRun ? total : 0,
            });
        }
    }

    public override Task<ActivateBrokerResponse> ActivateBroker(ActivateBrokerRequest request, ServerCallContext context)
    {
        lock (cluster.Gate)
        {
            if (request.BrokerId.Length == 0)
                throw new RpcException(new Status(StatusCode.InvalidArgument, "broker_id must be provided to activate a broker"));
            cluster.RequireWritable($"Unable to activate the broker {request.BrokerId}");
            cluster.SetMode(request.BrokerId, BrokerMode.Active, request.Reason.Length == 0 ? "admin_activate" : request.Reason);
            return Task.FromResult(new ActivateBrokerResponse { Success = true });
        }
    }

    public override Task<ClusterBalanceResponse> GetClusterBalance(ClusterBalanceRequest request, ServerCallContext context)
    {
        lock (cluster.Gate)
        {
            var rankings = self.Manager.Rankings;
            var imbalance = BuiltInRebalancer.Measure(rankings.Where(IsActive).Select(entry => entry.Score));
            var answer = new ClusterBalanceResponse
            {
                CoefficientOfVariation = imbalance.Cv,
                MeanLoad = imbalance.Mean,
                MaxLoad = imbalance.Max,
                MinLoad = imbalance.Min,
                StdDeviation = imbalance.StandardDeviation,
                BrokerCount = (uint)rankings.Count,
                AssignmentStrategy = cluster.Options.Strategy.ToString(),
            };
            answer.Brokers.AddRange(rankings.Select(entry => new BrokerLoadInfo
            {
                BrokerId = ulong.Parse(entry.BrokerId, CultureInfo.InvariantCulture),
                Load = entry.Score,
                TopicCount = (uint)entry.TopicCount,
                IsOverloaded = IsActive(entry) && imbalance.IsOverloaded(entry.Score),
                IsUnderloaded = IsActive(entry) && imbalance.IsUnderloaded(entry.Score),
            }));
            return Task.FromResult(answer);
        }
    }

    public override Task<RebalanceResponse> TriggerRebalance(RebalanceRequest request, ServerCallContext context)
    {
        lock (cluster.Gate)
        {
            if (!request.DryRun)
                cluster.RequireWritable("Unable to rebalance");
            return Task.FromResult(new BuiltInRebalancer(cluster, self).Trigger(request.DryRun, request.HasMaxMoves ? request.MaxMoves : null));
        }
    }

    private bool IsActive(RankedReport entry) => cluster.ModeOf(entry.BrokerId) == BrokerMode.Active;

    private BrokerInfo Describe(BrokerInstance broker)
    {
        var host = cluster.Options.AdvertiseBindAddress ? "0.0.0.0" : "127.0.0.1";
        return new BrokerInfo
        {
            BrokerId = broker.Id,
            BrokerAddr = broker.Slot.ClientUrl,
            BrokerRole = cluster.LeaderKey is null ? "None" : cluster.LeaderKey == broker.Id ? "Cluster_Leader" : "Cluster_Follower",
            AdminAddr = string.Create(CultureInfo.InvariantCulture, $"http://{host}:{broker.Slot.AdminPort}"),
            MetricsAddr = string.Create(CultureInfo.InvariantCulture, $"{host}:{broker.Slot.MetricsPort}"),
            BrokerStatus = Cluster.ModeText(cluster.ModeOf(broker.Id)),
        };
    }
}

/// <summary>ClusterAdmin of one broker.</summary>
internal sealed class ClusterAdminService(Cluster cluster, BrokerInstance self) : ClusterAdmin.ClusterAdminBase
{
    public override Task<ClusterStatusResponse> ClusterStatus(Empty request, ServerCallContext context)
    {
        lock (cluster.Gate)
        {
            var answer = new ClusterStatusResponse
            {
                LeaderId = cluster.RaftLeaderId is null ? 0 : ulong.Parse(cluster.RaftLeaderId, CultureInfo.InvariantCulture),
                CurrentTerm = cluster.Term,
                LastApplied = cluster.LastApplied,
                SelfNodeId = ulong.Parse(self.Id, CultureInfo.InvariantCulture),
                // Nothing listens there: Raft is not simulated on the wire.
                RaftAddr = "127.0.0.1:7650",
            };
            answer.Voters.AddRange(cluster.Voters.Select(id => ulong.Parse(id, CultureInfo.InvariantCulture)));
            return Task.FromResult(answer);
        }
    }
}

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
