using System.Net;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.Extensions.Options;

namespace Danube.Dapr.BrokerSimulator;

internal sealed record FaultRequest(Fault Fault, bool On, string? Target, double? Value);

internal sealed record RateRequest(string Topic, double Factor);

internal sealed record ControlError(string Error);

/// <summary>The hands of fate over HTTP, for tests in other processes. Services never speak to it. Listens on the loopback address alone.</summary>
internal sealed class ControlHost : IAsyncDisposable
{
    private readonly WebApplication _app;

    private ControlHost(WebApplication app, Uri address) => (_app, Address) = (app, address);

    public Uri Address { get; }

    public static async Task<ControlHost> StartAsync(SimulatedCluster cluster, int port, CancellationToken cancellationToken)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, port));
        builder.Services.AddRouting();
        builder.Services.AddSingleton<IConfigureOptions<JsonOptions>>(new ConfigureOptions<JsonOptions>(
            json => json.SerializerOptions.TypeInfoResolver = SimulatorJson.Default));
        builder.Services.Configure<RouteHandlerOptions>(routing => routing.ThrowOnBadRequest = true);
        var app = builder.Build();
        app.Use(ExplainErrorsAsync);
        app.UseRouting();
        Map(app, cluster);
        try
        {
            await app.StartAsync(cancellationToken);
        }
        catch
        {
            await app.DisposeAsync();
            throw;
        }

        return new ControlHost(app, new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single()));
    }

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync(new CancellationToken(canceled: true));
        await _app.DisposeAsync();
    }

    private static void Map(IEndpointRouteBuilder endpoints, SimulatedCluster cluster)
    {
        endpoints.MapGet("/truth", () => cluster.Truth());
        endpoints.MapGet("/verdict", () => cluster.Judge());
        endpoints.MapGet("/events", (long? after) => cluster.Events(after ?? 0));
        endpoints.MapPost("/brokers/{id}/kill", (string id) => cluster.KillBrokerAsync(id));
        endpoints.MapPost("/slots/{slot:int}/kill", (int slot) => cluster.KillSlotAsync(slot));
        endpoints.MapPost("/slots/{slot:int}/revive", (int slot) => cluster.ReviveSlotAsync(slot));
        endpoints.MapPost("/brokers/join", (double? activateAfterSeconds) => cluster.JoinBrokerAsync(activateAfterSeconds));
        endpoints.MapPost("/leader/kill", async () => await cluster.KillLeaderAsync() is { } killed
            ? Results.Json(killed, SimulatorJson.Default.SimulatedBroker)
            : throw new KeyNotFoundException("There is no leader."));
        endpoints.MapPost("/leader/step-down", cluster.StepDown);
        endpoints.MapPost("/faults", (FaultRequest request) => cluster.SetFault(request.Fault, request.On, request.Target, request.Value ?? 1));
        endpoints.MapPost("/rates", (RateRequest request) => cluster.SetTopicFactor(request.Topic, request.Factor));
    }

    private static async Task ExplainErrorsAsync(HttpContext context, RequestDelegate next)
    {
        try
        {
            await next(context);
        }
        catch (Exception error) when (error is KeyNotFoundException or ArgumentException or BadHttpRequestException)
        {
            context.Response.StatusCode = error is KeyNotFoundException ? StatusCodes.Status404NotFound : StatusCodes.Status400BadRequest;
            await context.Response.WriteAsJsonAsync(
                new ControlError(error.Message), SimulatorJson.Default.ControlError, cancellationToken: context.RequestAborted);
        }
    }
}
