using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Danube.Dapr.ServiceDefaults;

/// <summary>What a service does that keeps its memory in a state store.</summary>
public static class StoreExtensions
{
    /// <summary>Where it is told whether the store answers.</summary>
    internal const string Path = "/healthz/store";

    /// <summary>Seconds after which it is worth asking again.</summary>
    internal const string RetryAfterSeconds = "5";

    /// <summary>
    /// Refuses requests that failed because the state store does not answer with 503, a code of its own and <c>Retry-After</c>, counts them
    /// (<c>danube_state_store_refusals_total</c>), and tells under <c>/healthz/store</c> whether the store answers.
    /// </summary>
    /// <param name="builder">The service's builder.</param>
    /// <param name="code">The stable code of such a refusal: a reason of the closed list.</param>
    /// <param name="read">Reads something from the store, through the sidecar; whether it is there does not matter.</param>
    public static WebApplicationBuilder AddStateStore(this WebApplicationBuilder builder, string code, Func<IServiceProvider, CancellationToken, Task> read)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrEmpty(code);
        ArgumentNullException.ThrowIfNull(read);
        builder.Services.AddSingleton<StoreMetrics>();
        builder.Services.AddSingleton(services => new StoreProbe(code, cancel => read(services, cancel), services.GetRequiredService<TimeProvider>()));
        return builder;
    }

    /// <summary>Maps <c>/healthz/store</c> where there is a store.</summary>
    internal static void MapStoreHealth(this WebApplication app)
    {
        if (app.Services.GetService<StoreProbe>() is null)
            return;
        app.MapGet(Path, async (StoreProbe probe, HttpResponse response) =>
        {
            if (await probe.WhyDownAsync() is not { } why)
                return Results.Text("Healthy");
            response.Headers.RetryAfter = RetryAfterSeconds;
            return ApiProblem.Of(StatusCodes.Status503ServiceUnavailable, probe.Code, why);
        });
    }
}
