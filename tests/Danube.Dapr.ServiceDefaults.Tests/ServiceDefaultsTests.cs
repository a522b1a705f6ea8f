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

    [Theory]
    [InlineData("/question", null, HttpStatusCode.Unauthorized)]
    [InlineData("/question", "guess", HttpStatusCode.Unauthorized)]
    [InlineData("/question", "secret", HttpStatusCode.OK)]
    [InlineData("/healthz", null, HttpStatusCode.OK)]
    [InlineData("/metrics", null, HttpStatusCode.OK)]
    public async Task AppToken_Configured_IsAskedForExceptByProbes(string path, string? token, HttpStatusCode expected)
    {
        var builder = Builder();
        builder.Configuration["APP_API_TOKEN"] = "secret";
        await using var app = builder.Build();
        app.MapServiceDefaults();
        app.MapGet("/question", () => "answer");
        await app.StartAsync();
        using var client = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
        if (token is not null)
            client.DefaultRequestHeaders.Add("dapr-api-token", token);

        using var answer = await client.GetAsync(new Uri(path, UriKind.Relative));

        Assert.Equal(expected, answer.StatusCode);
        if (expected == HttpStatusCode.Unauthorized)
            Assert.Contains("APP_API_TOKEN", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Service_PortTaken_EndsWithOne()
    {
        await using var first = await StartAsync(_ => { });
        var builder = Builder();
        builder.WebHost.UseUrls(first.Urls.First());
        await using var second = builder.Build();
        Assert.Equal(1, await second.RunServiceAsync());
    }

    [Fact]
    public async Task Service_SettingWrong_EndsWithOne()
    {
        var builder = Builder();
        builder.Services.AddOptions<Settings>().Validate(_ => false, "Some:Key is 7, but must be 1 to 5.").ValidateOnStart();
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

    private sealed class Settings;

    private sealed class FailingService : BackgroundService
    {
        protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
            Task.Run(() => throw new InvalidOperationException("broken"), stoppingToken);
    }
}
