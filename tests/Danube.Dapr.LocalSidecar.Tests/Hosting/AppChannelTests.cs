using System.Net;
using System.Net.Sockets;
using Danube.Dapr.LocalSidecar.CommandLine;
using Danube.Dapr.LocalSidecar.Hosting;

namespace Danube.Dapr.LocalSidecar.Tests.Hosting;

public sealed class AppChannelTests
{
    [Fact]
    public async Task Send_AppTakesNoConnection_CountsAsNotThere()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start(0);
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        // Two that are never taken: the system has room for one, and no answer for the next.
        var waiting = Enumerable.Range(0, 2).Select(static _ => new TcpClient()).ToList();
        var connections = waiting.Select(w => w.ConnectAsync(IPAddress.Loopback, port)).ToList();
        await connections[0];
        using var channel = new AppChannel(new AppOptions { AppId = "a", AppPort = port, DaprHttpPort = 1, DaprGrpcPort = 2 }, null);
        using var request = channel.Request(HttpMethod.Get, "/", Danube.Dapr.LocalSidecar.Tracing.TraceContext.None);

        var e = await Assert.ThrowsAsync<HttpRequestException>(() => channel.SendAsync(request, default));

        Assert.True(AppChannel.WasRefused(e), e.ToString());
        waiting.ForEach(static w => w.Dispose());
    }

    [Fact]
    public async Task Send_HeaderIsNotAscii_ArrivesAsUtf8()
    {
        await using var app = await new TestApp().StartAsync();
        using var channel = new AppChannel("127.0.0.1", app.Port);
        using var request = channel.Request(HttpMethod.Get, "/x", Danube.Dapr.LocalSidecar.Tracing.TraceContext.None);
        request.Headers.TryAddWithoutValidation("x-mine", "Dun\u0103rea");

        using var response = await channel.SendAsync(request, default);

        Assert.Equal("Dun\u0103rea", Assert.Single(app.Calls).Headers["x-mine"]);
    }

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
