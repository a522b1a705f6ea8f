using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Danube.Dapr.ServiceDefaults;

/// <summary>What every service does in the same way: logs, traces, metrics, health, errors and the way it stops.</summary>
public static class ServiceDefaultsExtensions
{
    /// <summary>Time that requests and background work get to end after SIGTERM.</summary>
    private static readonly TimeSpan ShutdownTimeout = TimeSpan.FromSeconds(3);

    /// <summary>Adds structured logs, OpenTelemetry, health checks, problem details and a <see cref="TimeProvider"/>.</summary>
    /// <param name="builder">The service's builder.</param>
    /// <param name="appId">The Dapr app-id: the service's name in traces, metrics and logs.</param>
    public static WebApplicationBuilder AddServiceDefaults(this WebApplicationBuilder builder, string appId)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrEmpty(appId);
        builder.Logging.ClearProviders();
        builder.Logging.AddJsonConsole(console =>
        {
            console.UseUtcTimestamp = true;
            console.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ";
            console.IncludeScopes = true;
        });
        // Several lines for each request say nothing that traces and metrics do not.
        builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning);
        builder.Logging.AddFilter("System.Net.Http.HttpClient", LogLevel.Warning);
        builder.Logging.Configure(log => log.ActivityTrackingOptions = ActivityTrackingOptions.TraceId | ActivityTrackingOptions.SpanId);
        builder.Services.TryAddSingleton(TimeProvider.System);
        builder.Services.AddHealthChecks();
        builder.Services.AddProblemDetails(problems => problems.CustomizeProblemDetails = context => ApiProblem.AddCode(context.ProblemDetails));
        // Else a body that cannot be read is refused without a word of what is wrong with it.
        builder.Services.Configure<RouteHandlerOptions>(routes => routes.ThrowOnBadRequest = true);
        builder.Services.AddExceptionHandler<UnhandledExceptionHandler>();
        builder.Services.Configure<HostOptions>(host =>
        {
            host.ShutdownTimeout = ShutdownTimeout;
            host.BackgroundServiceExceptionBehavior = BackgroundServiceExceptionBehavior.StopHost;
        });
        builder.AddTelemetry(appId);
        return builder;
    }

    /// <summary>
    /// Maps <c>/healthz</c> (is it alive and are its checks good), <c>/metrics</c> (Prometheus text), the handler of unforeseen errors and the check of
    /// <c>APP_API_TOKEN</c>. Call it first.
    /// </summary>
    /// <param name="app">The service.</param>
    /// <param name="open">True for a service that browsers call, which have no token: none is asked for, and who may reach it is the network's affair.</param>
    public static WebApplication MapServiceDefaults(this WebApplication app, bool open = false)
    {
        ArgumentNullException.ThrowIfNull(app);
        app.UseExceptionHandler();
        app.UseStatusCodePages();
        if (!open)
            app.UseAppToken();
        app.MapPrometheusScrapingEndpoint("/metrics");
        // Actor hosts map their own anonymous /healthz; the lower order makes this one win instead of being ambiguous.
        app.MapHealthChecks("/healthz").WithOrder(-1);
        app.MapStoreHealth();
        return app;
    }

    /// <summary>Runs the service until it is told to stop.</summary>
    /// <returns>
    /// 0, or 1 when a background service failed (the framework stops the host then, but would report success) or when the service could not start because
    /// of its settings or because its port is taken: these are told in one line on standard error, without a stack trace.
    /// </returns>
    public static async Task<int> RunServiceAsync(this WebApplication app)
    {
        ArgumentNullException.ThrowIfNull(app);
        var background = app.Services.GetServices<IHostedService>().OfType<BackgroundService>().ToArray();
        try
        {
            await app.RunAsync();
        }
        catch (OperationCanceledException)
        {
            // Told to stop, or a background service failed, before everything had started.
        }
        catch (OptionsValidationException e)
        {
            await Console.Error.WriteLineAsync($"The settings are wrong: {e.Message}");
            return 1;
        }
        catch (IOException e) when (e.InnerException is AddressInUseException)
        {
            await Console.Error.WriteLineAsync($"Cannot listen: {e.Message}");
            return 1;
        }

        return background.Any(s => s.ExecuteTask is { IsFaulted: true }) ? 1 : 0;
    }
}
