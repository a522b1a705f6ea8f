using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Apis;
using Danube.Dapr.ServiceDefaults;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Danube.Dapr.Rebalancer.Tests.Bench;

/// <summary>The rebalancer's endpoints over HTTP, on top of a <see cref="MoveBench"/>.</summary>
internal sealed class ApiBench : IAsyncDisposable
{
    private readonly WebApplication _app;

    private ApiBench(MoveBench moves, WebApplication app)
    {
        Moves = moves;
        _app = app;
        Http = new HttpClient { BaseAddress = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First()) };
    }

    public MoveBench Moves { get; }

    public HttpClient Http { get; }

    public IServiceProvider Services => _app.Services;

    public static async Task<ApiBench> StartAsync(MoveBench moves)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.AddServiceDefaults(DaprNames.Apps.Rebalancer);
        builder.Logging.ClearProviders();
        moves.Configure(builder.Services);
        builder.Services.ConfigureHttpJsonOptions(json => ContractsJson.Configure(json.SerializerOptions));
        builder.Services.AddRequestValidators(typeof(RebalancerApi).Assembly);
        var app = builder.Build();
        app.MapServiceDefaults();
        app.MapRebalancerApi();
        await app.StartAsync();
        return new ApiBench(moves, app);
    }

    public async Task<T> GetAsync<T>(string path) => (await Http.GetFromJsonAsync<T>(path, ContractsJson.Wire))!;

    public Task<HttpResponseMessage> PostAsync(string path, object? body = null, string? key = null) => SendAsync(HttpMethod.Post, path, body, key);

    public async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, object? body = null, string? key = null)
    {
        using var request = new HttpRequestMessage(method, path);
        if (body is not null)
            request.Content = JsonContent.Create(body, body.GetType(), options: ContractsJson.Wire);
        if (key is not null)
            request.Headers.Add(HttpNames.IdempotencyKey, key);
        return await Http.SendAsync(request);
    }

    /// <summary>Reads an answer that must have this status.</summary>
    public static async Task<T> ReadAsync<T>(HttpResponseMessage response, HttpStatusCode status)
    {
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.StatusCode == status, $"{response.StatusCode}: {text}");
        return JsonSerializer.Deserialize<T>(text, ContractsJson.Wire)!;
    }

    /// <summary>The stable code of a refusal.</summary>
    public static async Task<string> CodeAsync(HttpResponseMessage response)
    {
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        return JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement.GetProperty("code").GetString()!;
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await _app.DisposeAsync();
    }
}
