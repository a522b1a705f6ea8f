using System.Net;
using System.Net.Sockets;
using Danube.Dapr.BrokerClient;
using Danube.Dapr.BrokerSimulator;
using Danube.Dapr.MetricsCollector.Cluster;
using Danube.Dapr.MetricsCollector.Tests.Rounds;

namespace Danube.Dapr.MetricsCollector.Tests.Cluster;

/// <summary>A broker that hangs: its machine still accepts connections, and nobody answers.</summary>
public sealed class HangingBrokerTests
{
    [Fact]
    public async Task Round_FirstSeedAcceptsAndNeverAnswers_TheNextIsAskedInTheSameRound()
    {
        await using var cluster = await SimulatedCluster.StartAsync(new SimulatorOptions { Case = "steady", Brokers = 3, Topics = 9 });
        using var hanging = new TcpListener(IPAddress.Loopback, 0);
        hanging.Start();
        DanubeCluster client = null!;
        using var bench = new CollectorBench(_ => new DanubeSource(client), o =>
        {
            o.Seeds = [$"http://{hanging.LocalEndpoint}", cluster.Seeds[0].OriginalString];
            // Half of it goes to the first; the rest is enough on a slow machine too.
            o.CallTimeoutSeconds = 30;
            client = new DanubeCluster(CollectorServices.ClientOptions(o));
        });
        using var closes = client;

        Assert.Equal(3, (await bench.RoundAsync()).Brokers);
    }
}
