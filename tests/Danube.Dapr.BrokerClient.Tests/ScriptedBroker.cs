using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using Danube.Dapr.BrokerClient.Protocol.Admin;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;

namespace Danube.Dapr.BrokerClient.Tests;

/// <summary>A broker that answers each call with what the test says, whatever sense it makes: bare gRPC framing, no generated server.</summary>
internal sealed class ScriptedBroker : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentDictionary<string, Func<int, object?>> _answers = new();

    private ScriptedBroker(WebApplication app) => _app = app;

    /// <summary>gRPC, admin and client alike.</summary>
    public Uri Address { get; private set; } = null!;

    public Uri MetricsAddress { get; private set; } = null!;

    /// <summary>Method names in the order of the calls.</summary>
    public ConcurrentQueue<string> Calls { get; } = new();

    public ConcurrentQueue<string> Authorizations { get; } = new();

    public Func<HttpContext, Task> Metrics { get; set; } = context => context.Response.WriteAsync("up 1\n");

    public static async Task<ScriptedBroker> StartAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2);
            kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http1);
        });
        var broker = new ScriptedBroker(builder.Build());
        broker._app.Run(broker.AnswerAsync);
        await broker._app.StartAsync();
        var addresses = broker._app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.ToList();
        broker.Address = new Uri(addresses[0]);
        broker.MetricsAddress = new Uri(addresses[1]);
        broker.Answer("ListBrokers", _ => broker.Listing());
        return broker;
    }

    /// <summary>What a method answers at its n-th call, from 1: a message, a <see cref="Status"/>, or null for no answer at all.</summary>
    public void Answer(string method, Func<int, object?> answer) => _answers[method] = answer;

    /// <summary>This broker as the leader of itself.</summary>
    public BrokerListResponse Listing(string id = "18446744073709551615", string? metrics = null) => new()
    {
        Brokers =
        {
            new BrokerInfo
            {
                BrokerId = id,
                BrokerAddr = Address.OriginalString,
                BrokerRole = "Cluster_Leader",
                AdminAddr = $"https://0.0.0.0:{Address.Port}",
                MetricsAddr = metrics ?? $"0.0.0.0:{MetricsAddress.Port}",
                BrokerStatus = "active",
            },
        },
    };

    public DanubeCluster Connect(Func<DanubeClientOptions, DanubeClientOptions>? change = null)
    {
        var options = new DanubeClientOptions { Seeds = [Address] };
        return new DanubeCluster(change is null ? options : change(options));
    }

    public int CallsOf(string method) => Calls.Count(call => call == method);

    private async Task AnswerAsync(HttpContext context)
    {
        if (context.Connection.LocalPort == MetricsAddress.Port)
        {
            await Metrics(context);
            return;
        }

        var method = context.Request.Path.Value!.Split('/')[^1];
        Calls.Enqueue(method);
        Authorizations.Enqueue(context.Request.Headers.Authorization.ToString());
        context.Response.ContentType = "application/grpc";
        var answer = _answers.TryGetValue(method, out var script) ? script(CallsOf(method)) : new Status(StatusCode.Unimplemented, "not scripted");
        switch (answer)
        {
            case Status status:
                context.Response.Headers["grpc-status"] = ((int)status.StatusCode).ToString(System.Globalization.CultureInfo.InvariantCulture);
                context.Response.Headers["grpc-message"] = Uri.EscapeDataString(status.Detail);
                break;
            case IMessage message:
                var frame = new byte[5 + message.CalculateSize()];
                BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(1), frame.Length - 5);
                message.WriteTo(frame.AsSpan(5));
                await context.Response.Body.WriteAsync(frame);
                context.Response.AppendTrailer("grpc-status", "0");
                break;
            default:
                await Task.Delay(Timeout.Infinite, context.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);
                break;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync(new CancellationToken(canceled: true));
        await _app.DisposeAsync();
    }
}
