using Danube.Dapr.BrokerClient.Protocol.Client;
using Grpc.Core;

namespace Danube.Dapr.BrokerSimulator;

/// <summary>HealthCheck of one broker: tells a client whether its producer or consumer still exists here.</summary>
internal sealed class HealthCheckGrpcService(Cluster cluster, BrokerInstance self) : HealthCheck.HealthCheckBase
{
    public override Task<HealthCheckResponse> HealthCheck(HealthCheckRequest request, ServerCallContext context)
    {
        lock (cluster.Gate)
        {
            var known = request.Client == HealthCheckRequest.Types.ClientType.Producer
                ? self.Copies.Values.Any(copy => copy.ClientIds.Contains(request.Id) && !copy.Draining)
                : self.Consumers.TryGetValue(request.Id, out var consumer) && !consumer.Copy.Draining;
            return Task.FromResult(new HealthCheckResponse
            {
                Status = known ? HealthCheckResponse.Types.ClientStatus.Ok : HealthCheckResponse.Types.ClientStatus.Close,
            });
        }
    }
}
