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
