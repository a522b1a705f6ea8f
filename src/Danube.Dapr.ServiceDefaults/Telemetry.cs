using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Danube.Dapr.ServiceDefaults;

/// <summary>OpenTelemetry, the same in every service: all sources and meters whose names begin with <c>Danube.Dapr</c>.</summary>
internal static class Telemetry
{
    /// <summary>Configuration key of the Zipkin span endpoint, for instance <c>http://localhost:9411/api/v2/spans</c>; spans are not sent there when it is empty.</summary>
    internal const string ZipkinEndpointKey = "Telemetry:ZipkinEndpoint";

    /// <summary>The standard variable that turns the OTLP exporter on.</summary>
    private const string OtlpEndpointKey = "OTEL_EXPORTER_OTLP_ENDPOINT";

    private static readonly string[] QuietPaths = ["/healthz", StoreExtensions.Path, "/metrics", "/dapr/config", "/dapr/subscribe"];

    internal static void AddTelemetry(this WebApplicationBuilder builder, string appId)
    {
        var zipkin = ZipkinEndpoint(builder.Configuration);
        var otlp = !string.IsNullOrEmpty(builder.Configuration[OtlpEndpointKey]);
        builder.Services.AddOpenTelemetry()
            .ConfigureResource(resource => resource.AddService(appId, serviceNamespace: "danube"))
            .WithTracing(tracing =>
            {
                tracing.AddSource("Danube.Dapr.*")
                    .AddAspNetCoreInstrumentation(http => http.Filter = request => !QuietPaths.Contains(request.Request.Path.Value))
                    .AddHttpClientInstrumentation()
                    .AddGrpcClientInstrumentation();
                if (zipkin is not null)
                    tracing.AddZipkinExporter(exporter => exporter.Endpoint = zipkin);
                if (otlp)
                    tracing.AddOtlpExporter();
            })
            .WithMetrics(metrics =>
            {
                metrics.AddMeter("Danube.Dapr.*")
                    .AddAspNetCoreInstrumentation()
                    .AddHttpClientInstrumentation()
                    .AddRuntimeInstrumentation()
                    .AddPrometheusExporter();
                if (otlp)
                    metrics.AddOtlpExporter();
            });
    }

    /// <exception cref="InvalidOperationException">The configured endpoint is no absolute http(s) address.</exception>
    internal static Uri? ZipkinEndpoint(IConfiguration configuration)
    {
        var text = configuration[ZipkinEndpointKey];
        if (string.IsNullOrEmpty(text))
            return null;
        return Uri.TryCreate(text, UriKind.Absolute, out var endpoint) && endpoint.Scheme is ("http" or "https")
            ? endpoint
            : throw new InvalidOperationException($"{ZipkinEndpointKey} is '{text}', but must be an http or https address such as http://localhost:9411/api/v2/spans.");
    }
}
