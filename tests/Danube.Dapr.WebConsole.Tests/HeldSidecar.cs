using System.Collections.Concurrent;
using System.Net;
using System.Threading.Channels;
using Danube.Dapr.Contracts;
using Danube.Dapr.WebConsole.Feed;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Danube.Dapr.WebConsole.Tests;

/// <summary>A sidecar that holds every call until the test answers it.</summary>
internal sealed class HeldSidecar : IAsyncDisposable
{
    private readonly WebApplication _host;
    private readonly Channel<HeldCall> _held = Channel.CreateUnbounded<HeldCall>();

    private HeldSidecar(WebApplication host) => _host = host;

    /// <summary>Calls that are not held, by <c>METHOD app/path</c>.</summary>
    internal ConcurrentDictionary<string, string> Answers { get; } = new();

    internal static async Task<HeldSidecar> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        builder.Services.Configure<HostOptions>(o => o.ShutdownTimeout = TimeSpan.FromSeconds(1));
        var sidecar = new HeldSidecar(builder.Build());
        sidecar._host.Run(sidecar.AnswerAsync);
        await sidecar._host.StartAsync();
        return sidecar;
    }

    /// <summary>What calls through this sidecar.</summary>
    internal Services Services(TimeProvider clock) =>
        new(new ConfigurationBuilder().AddInMemoryCollection([new("DAPR_HTTP_ENDPOINT", _host.Urls.Single())]).Build(), clock);

    /// <summary>The next call that is held.</summary>
    internal async Task<HeldCall> NextAsync() => await _held.Reader.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(30));

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    private async Task AnswerAsync(HttpContext context)
    {
        if (context.Request.Path.Value!.Split('/', StringSplitOptions.RemoveEmptyEntries) is not ["v1.0", "invoke", var app, "method", .. var rest])
        {
            context.Response.StatusCode = 404;
            return;
        }

        var call = $"{context.Request.Method} {app}/{string.Join('/', rest)}";
        if (!Answers.TryGetValue(call, out var json))
        {
            var held = new HeldCall(call, context.Request.Headers[HttpNames.IdempotencyKey], new(TaskCreationOptions.RunContinuationsAsynchronously));
            _held.Writer.TryWrite(held);
            json = await held.Answer.Task.WaitAsync(context.RequestAborted);
        }

        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync(json);
    }
}

/// <summary>A call that waits for its answer.</summary>
/// <param name="Call">Method, app and path.</param>
/// <param name="Key">Its idempotency key; null when it has none.</param>
/// <param name="Answer">Takes the answer.</param>
internal sealed record HeldCall(string Call, string? Key, TaskCompletionSource<string> Answer);
