using System.Collections.Concurrent;
using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;

namespace Danube.Dapr.LocalSidecar.Tests;

/// <summary>A span as Zipkin gets it.</summary>
internal sealed record ZipkinSpan(string TraceId, string Id, string? ParentId, string Name, string? Kind, string Service, IReadOnlyDictionary<string, string> Tags);

/// <summary>Stands where Zipkin is and keeps what is sent.</summary>
internal sealed class ZipkinCollector : IAsyncDisposable
{
    private readonly WebApplication _web;

    private ZipkinCollector(WebApplication web, int port) => (_web, Endpoint) = (web, new Uri($"http://127.0.0.1:{port}/api/v2/spans"));

    public Uri Endpoint { get; }

    public ConcurrentQueue<ZipkinSpan> Spans { get; } = new();

    public static async Task<ZipkinCollector> StartAsync()
    {
        var port = TestApp.FreePort();
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(k => k.Listen(IPAddress.Loopback, port));
        var collector = new ZipkinCollector(builder.Build(), port);
        collector._web.Run(async context =>
        {
            using var spans = await JsonDocument.ParseAsync(context.Request.Body);
            foreach (var span in spans.RootElement.EnumerateArray()) collector.Spans.Enqueue(Read(span));
            context.Response.StatusCode = 202;
        });
        await collector._web.StartAsync();
        return collector;
    }

    public ValueTask DisposeAsync() => _web.DisposeAsync();

    private static ZipkinSpan Read(JsonElement span) => new(
        span.GetProperty("traceId").GetString()!, span.GetProperty("id").GetString()!, Text(span, "parentId"), span.GetProperty("name").GetString()!, Text(span, "kind"),
        span.GetProperty("localEndpoint").GetProperty("serviceName").GetString()!,
        span.TryGetProperty("tags", out var tags) ? tags.EnumerateObject().ToDictionary(static t => t.Name, static t => t.Value.GetString()!, StringComparer.Ordinal) : []);

    private static string? Text(JsonElement span, string name) => span.TryGetProperty(name, out var value) ? value.GetString() : null;
}
