using Grpc.Core;
using Microsoft.AspNetCore.Http;

namespace Danube.Dapr.BrokerClient.Tests;

public sealed class MetricsTests
{
    private const string Id = "18446744073709551615";

    [Fact]
    public async Task Fetch_Text_IsReturnedWithItsSource()
    {
        await using var broker = await ScriptedBroker.StartAsync();
        using var cluster = broker.Connect();

        var text = await cluster.GetMetricsTextAsync(Id);

        Assert.Equal(("up 1\n", Id, broker.MetricsAddress.Port), (text!.Decode(), text.BrokerId, text.Address.Port));
    }

    [Fact]
    public async Task Fetch_NoExporter_IsNull()
    {
        await using var broker = await ScriptedBroker.StartAsync();
        broker.Answer("ListBrokers", _ => broker.Listing(metrics: ""));
        using var cluster = broker.Connect();

        Assert.Null(await cluster.GetMetricsTextAsync(Id));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Fetch_LargerThanAllowed_IsRefusedWhetherAnnouncedOrNot(bool announced)
    {
        await using var broker = await ScriptedBroker.StartAsync();
        broker.Metrics = async context =>
        {
            if (announced)
                context.Response.ContentLength = 5000;
            for (var part = 0; part < 5; part++)
                await context.Response.Body.WriteAsync(new byte[1000]);
        };
        using var tooSmall = broker.Connect(options => options with { MetricsMaxBytes = 4999 });
        using var justEnough = broker.Connect(options => options with { MetricsMaxBytes = 5000 });

        var error = await Assert.ThrowsAsync<DanubeUnexpectedAnswerException>(() => tooSmall.GetMetricsTextAsync(Id));
        Assert.Contains("more than 4999 bytes", error.Message, StringComparison.Ordinal);
        Assert.Equal(5000, (await justEnough.GetMetricsTextAsync(Id))!.Utf8.Length);
    }

    [Fact]
    public async Task Fetch_StopsInTheMiddle_EndsAtTheTimeLimit()
    {
        await using var broker = await ScriptedBroker.StartAsync();
        broker.Metrics = async context =>
        {
            await context.Response.WriteAsync("up ");
            await context.Response.Body.FlushAsync();
            await Task.Delay(Timeout.Infinite, context.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);
        };
        using var cluster = broker.Connect(options => options with { MetricsTimeout = TimeSpan.FromMilliseconds(300) });

        var error = await Assert.ThrowsAsync<DanubeUnreachableException>(() => cluster.GetMetricsTextAsync(Id));
        Assert.Equal((StatusCode.DeadlineExceeded, "metrics"), (error.Status, error.Operation));
    }

    [Fact]
    public async Task Fetch_ConnectionBreaks_IsUnreachable()
    {
        await using var broker = await ScriptedBroker.StartAsync();
        broker.Metrics = async context =>
        {
            context.Response.ContentLength = 100;
            await context.Response.WriteAsync("up ");
            await context.Response.Body.FlushAsync();
            context.Abort();
        };
        using var cluster = broker.Connect();

        await Assert.ThrowsAsync<DanubeUnreachableException>(() => cluster.GetMetricsTextAsync(Id));
    }

    [Fact]
    public async Task Fetch_ErrorPage_IsAnUnexpectedAnswer()
    {
        await using var broker = await ScriptedBroker.StartAsync();
        broker.Metrics = context =>
        {
            context.Response.StatusCode = 503;
            return Task.CompletedTask;
        };
        using var cluster = broker.Connect();

        var error = await Assert.ThrowsAsync<DanubeUnexpectedAnswerException>(() => cluster.GetMetricsTextAsync(Id));
        Assert.Contains("HTTP status 503", error.Message, StringComparison.Ordinal);
    }
}
