using System.Net;
using System.Net.Sockets;
using Danube.Dapr.LocalSidecar.CommandLine;
using Danube.Dapr.LocalSidecar.Hosting;

namespace Danube.Dapr.LocalSidecar.Tests.Hosting;

public sealed class AppChannelTests
{
    /// <summary>A sidecar that stops at the moment its app went away ends in order, not with the refused connection.</summary>
    [Fact]
    public async Task Accepts_OfAClosedPortWhileStopping_IsFalseOrCancelled()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        listener.Stop();
        using var channel = new AppChannel(new AppOptions { AppId = "a", AppPort = port, DaprHttpPort = 1, DaprGrpcPort = 2 }, null);

        for (var i = 0; i < 200; i++)
        {
            using var stopping = new CancellationTokenSource();
            var accepts = channel.AcceptsAsync(TimeSpan.FromSeconds(5), stopping.Token);
            await stopping.CancelAsync();
            try
            {
                Assert.False(await accepts);
            }
            catch (OperationCanceledException)
            {
                // The other orderly end.
            }
        }
    }
}
