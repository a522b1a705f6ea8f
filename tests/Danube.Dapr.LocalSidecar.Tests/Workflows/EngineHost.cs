using System.Collections.Concurrent;
using System.Net;
using Danube.Dapr.LocalSidecar.State;
using Danube.Dapr.LocalSidecar.Workflows;
using Danube.Dapr.TaskHub;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Danube.Dapr.LocalSidecar.Tests.Workflows;

/// <summary>An engine behind a real gRPC port, with clients and scripted workers. Its store outlives it.</summary>
internal sealed class EngineHost : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly GrpcChannel _channel;
    private readonly ConcurrentBag<ScriptedWorker> _workers = [];

    private readonly string _address;

    private EngineHost(WebApplication app, WorkflowEngine engine, GrpcChannel channel, string address)
    {
        _app = app;
        _address = address;
        _channel = channel;
        Engine = engine;
        Client = new TaskHubSidecarService.TaskHubSidecarServiceClient(channel);
    }

    public GrpcChannel Channel => _channel;

    public WorkflowEngine Engine { get; }

    public TaskHubSidecarService.TaskHubSidecarServiceClient Client { get; }

    public static async Task<EngineHost> StartAsync(IStateStore? store = null, TimeProvider? time = null, WorkflowEngineOptions? options = null, int port = 0, Tracing.Tracer? tracer = null)
    {
        time ??= TimeProvider.System;
        var engine = new WorkflowEngine("app", store ?? new InMemoryStateStore(time), time, NullLoggerFactory.Instance, options, tracer);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(k => k.Listen(IPAddress.Loopback, port, l => l.Protocols = HttpProtocols.Http2));
        builder.Services.AddGrpc();
        builder.Services.AddWorkflows(_ => engine);
        var app = builder.Build();
        app.MapWorkflows();
        await app.StartAsync();
        var address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        return new EngineHost(app, engine, GrpcChannel.ForAddress(address, new GrpcChannelOptions { MaxReceiveMessageSize = null, MaxSendMessageSize = null }), address);
    }

    public int Port => new Uri(_address).Port;

    public HttpClient Http() => new() { BaseAddress = new Uri(_address) };

    /// <summary>Connects a worker that runs <paramref name="workflows"/> and <paramref name="activities"/>.</summary>
    public async Task<ScriptedWorker> WorkerAsync(
        IReadOnlyDictionary<string, Func<WorkflowRequest, WorkflowResponse>>? workflows = null,
        Func<ActivityRequest, Task<ActivityResponse>>? activities = null)
    {
        var before = Engine.ConnectedWorkers;
        var worker = new ScriptedWorker(Client, workflows ?? Scripts.Workflows, activities ?? Scripts.Activity);
        _workers.Add(worker);
        await Eventually.TrueAsync(() => Engine.ConnectedWorkers > before, "the worker is connected");
        return worker;
    }

    /// <summary>A worker goes away with what it has in hand.</summary>
    public async Task LeaveAsync(ScriptedWorker worker)
    {
        var before = Engine.ConnectedWorkers;
        await worker.DisposeAsync();
        await Eventually.TrueAsync(() => Engine.ConnectedWorkers < before, "the worker is gone");
    }

    public async Task<WorkflowState> RunAsync(string name, string id, string? input = null)
    {
        await Client.StartInstanceAsync(new CreateInstanceRequest { InstanceId = id, Name = name, Input = input });
        return await CompletionAsync(id);
    }

    public async Task<WorkflowState> CompletionAsync(string id)
    {
        var response = await Client.WaitForInstanceCompletionAsync(new GetInstanceRequest { InstanceId = id, GetInputsAndOutputs = true }, deadline: DateTime.UtcNow.AddSeconds(60));
        return response.WorkflowState;
    }

    public async Task<WorkflowState?> StateAsync(string id) => (await Client.GetInstanceAsync(new GetInstanceRequest { InstanceId = id, GetInputsAndOutputs = true })).WorkflowState;

    public async Task<IReadOnlyList<HistoryEvent>> HistoryAsync(string id) => [.. (await Client.GetInstanceHistoryAsync(new GetInstanceHistoryRequest { InstanceId = id })).Events];

    public async ValueTask DisposeAsync()
    {
        foreach (var worker in _workers) await worker.DisposeAsync();
        await Engine.DisposeAsync();
        _channel.Dispose();
        await _app.DisposeAsync();
    }
}

internal static class Eventually
{
    public static async Task TrueAsync(Func<bool> condition, string what) => await TrueAsync(() => Task.FromResult(condition()), what);

    public static async Task TrueAsync(Func<Task<bool>> condition, string what)
    {
        var begin = TimeProvider.System.GetTimestamp();
        while (!await condition())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(begin).TotalSeconds < 60, $"In 60 s it did not come true that {what}.");
            await Task.Delay(5);
        }
    }
}
