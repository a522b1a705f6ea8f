using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Danube.Dapr.ServiceDefaults.Tests;

public sealed class ServiceDefaultsTests
{
    [Fact]
    public async Task Service_Started_AnswersHealthAndMetrics()
    {
        await using var app = await StartAsync(_ => { });
        using var client = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync(new Uri("/healthz", UriKind.Relative))).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync(new Uri("/metrics", UriKind.Relative))).StatusCode);
    }

    [Fact]
    public async Task Endpoint_Throws_AnswersProblemDetailsWithCode()
    {
        await using var app = await StartAsync(a => a.MapGet("/broken", string () => throw new InvalidOperationException("the store is down")));
        using var client = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
        using var answer = await client.GetAsync(new Uri("/broken", UriKind.Relative));
        var body = await answer.Content.ReadAsStringAsync();
        Assert.Equal(HttpStatusCode.InternalServerError, answer.StatusCode);
        Assert.Contains("\"code\":\"fault\"", body, StringComparison.Ordinal);
        Assert.Contains("the store is down", body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task BackgroundService_Fails_ExitCodeIsOne()
    {
        var builder = Builder();
        builder.Services.AddHostedService<FailingService>();
        await using var app = builder.Build();
        Assert.Equal(1, await app.RunServiceAsync());
    }

    [Fact]
    public void ZipkinEndpoint_NoAddress_NamesKeyAndValue()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Configuration["Telemetry:ZipkinEndpoint"] = "nonsense";
        var error = Assert.Throws<InvalidOperationException>(() => builder.AddServiceDefaults("test"));
        Assert.Contains("Telemetry:ZipkinEndpoint is 'nonsense'", error.Message, StringComparison.Ordinal);
    }

    private static WebApplicationBuilder Builder()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.AddServiceDefaults("test");
        return builder;
    }

    private static async Task<WebApplication> StartAsync(Action<WebApplication> map)
    {
        var app = Builder().Build();
        app.MapServiceDefaults();
        map(app);
        await app.StartAsync();
        return app;
    }

    private sealed class FailingService : BackgroundService
    {
        protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
            Task.Run(() => throw new InvalidOperationException("broken"), stoppingToken);
    }
}
