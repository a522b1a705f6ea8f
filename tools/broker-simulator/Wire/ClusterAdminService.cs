using System.Globalization;
using Danube.Dapr.BrokerClient.Protocol.Admin;
using Grpc.Core;

namespace Danube.Dapr.BrokerSimulator;

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
