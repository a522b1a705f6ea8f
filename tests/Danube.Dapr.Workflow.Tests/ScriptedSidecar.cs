using System.Collections.Concurrent;
using System.Net;
using System.Threading.Channels;
using Danube.Dapr.TaskHub;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Danube.Dapr.Workflow.Tests;

/// <summary>A sidecar's workflow service that says what the test tells it to, over a real port.</summary>
internal sealed class ScriptedSidecar : IAsyncDisposable
{
    /// <summary>How long a test waits for what has to come, on a busy machine.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly WebApplication _app;
    private readonly Channel<WorkflowResponse> _turns = Channel.CreateUnbounded<WorkflowResponse>();
    private readonly Channel<ActivityResponse> _activities = Channel.CreateUnbounded<ActivityResponse>();
    private readonly Channel<Stream> _streams = Channel.CreateUnbounded<Stream>();

    private ScriptedSidecar(WebApplication app) => _app = app;

    public int Port { get; private set; }

    /// <summary>Calls in the order in which they came: rpc and instance id.</summary>
    public ConcurrentQueue<string> Calls { get; } = new();

    public ConcurrentQueue<string?> Tokens { get; } = new();

    public Func<CreateInstanceRequest, Task<CreateInstanceResponse>> OnStart { get; set; } = request => Task.FromResult(new CreateInstanceResponse { InstanceId = request.InstanceId });

    public Func<GetInstanceRequest, Task<GetInstanceResponse>> OnGet { get; set; } = _ => Task.FromResult(new GetInstanceResponse());

    public Func<GetInstanceRequest, CancellationToken, Task<GetInstanceResponse>> OnWait { get; set; } = (_, _) => throw Error(StatusCode.Internal, "not scripted");

    public Func<Task> OnOther { get; set; } = () => Task.CompletedTask;

    public Func<WorkflowResponse, Task> OnOldTurnAnswer { get; set; } = _ => Task.CompletedTask;

    public Func<ActivityResponse, Task> OnActivityAnswer { get; set; } = _ => Task.CompletedTask;

    public Func<GetInstanceHistoryResponse> OnHistory { get; set; } = () => new GetInstanceHistoryResponse();

    public Func<ListInstanceIDsRequest, ListInstanceIDsResponse> OnList { get; set; } = _ => new ListInstanceIDsResponse();

    public PurgeInstancesResponse PurgeAnswer { get; set; } = new() { DeletedInstanceCount = 1 };

    public static async Task<ScriptedSidecar> StartAsync(int port = 0)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, port, listen => listen.Protocols = HttpProtocols.Http2));
        builder.Services.AddGrpc();
        builder.Services.AddSingleton<Service>();
        builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = TimeSpan.FromSeconds(1));
        WebApplication app = builder.Build();
        var sidecar = new ScriptedSidecar(app);
        app.Services.GetRequiredService<Service>().Script = sidecar;
        app.MapGrpcService<Service>();
        await app.StartAsync();
        sidecar.Port = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single()).Port;
        return sidecar;
    }

    public static RpcException Error(StatusCode code, string detail) => new(new Status(code, detail));

    /// <summary>An app that talks to this sidecar.</summary>
    public IHost CreateApp(Action<WorkflowRuntimeOptions> configure, string? token = null) => CreateApp(Port, configure, token);

    public static IHost CreateApp(int port, Action<WorkflowRuntimeOptions> configure, string? token = null, ILoggerProvider? log = null)
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?> { ["DAPR_GRPC_ENDPOINT"] = $"http://127.0.0.1:{port}", ["DAPR_API_TOKEN"] = token });
        if (log is not null)
            builder.Logging.AddProvider(log);
        builder.Services.AddDaprWorkflow(configure);
        return builder.Build();
    }

    /// <summary>The stream that a worker opens next.</summary>
    public async Task<Stream> NextStreamAsync() => await _streams.Reader.ReadAsync().AsTask().WaitAsync(Patience);

    public async Task<WorkflowResponse> NextTurnAsync() => await _turns.Reader.ReadAsync().AsTask().WaitAsync(Patience);

    public async Task<ActivityResponse> NextActivityAsync() => await _activities.Reader.ReadAsync().AsTask().WaitAsync(Patience);

    public bool HasNoFurtherAnswer => !_turns.Reader.TryPeek(out _) && !_activities.Reader.TryPeek(out _);

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
    }

    /// <summary>A stream of work items, seen from the sidecar.</summary>
    public sealed class Stream
    {
        private readonly Channel<WorkItem> _items = Channel.CreateUnbounded<WorkItem>();

        private int _written;

        public required GetWorkItemsRequest Request { get; init; }

        /// <summary>How many items the worker's side took; it stands still when the worker does not read.</summary>
        public int Written => Volatile.Read(ref _written);

        public void Send(WorkItem item) => _items.Writer.TryWrite(item);

        public void SendTurn(string instanceId, string token, params HistoryEvent[] events)
        {
            var request = new WorkflowRequest { InstanceId = instanceId };
            request.NewEvents.AddRange(events);
            Send(new WorkItem { WorkflowRequest = request, CompletionToken = token });
        }

        public void SendActivity(string name, string token, int taskId = 0, string? input = null, string key = "", string instanceId = Turns.InstanceId) => Send(new WorkItem
        {
            CompletionToken = token,
            ActivityRequest = new ActivityRequest
            {
                Name = name,
                TaskId = taskId,
                Input = input,
                TaskExecutionId = key,
                WorkflowInstance = new WorkflowInstance { InstanceId = instanceId },
            },
        });

        /// <summary>Ends the stream with an error, as a sidecar does that goes away.</summary>
        public void Break(StatusCode code = StatusCode.Unavailable, string detail = "shutting down") => _items.Writer.TryComplete(Error(code, detail));

        /// <summary>Ends the stream without an error.</summary>
        public void End() => _items.Writer.TryComplete();

        public async Task WriteToAsync(IServerStreamWriter<WorkItem> writer, CancellationToken cancellation)
        {
            await foreach (WorkItem item in _items.Reader.ReadAllAsync(cancellation))
            {
                await writer.WriteAsync(item, cancellation);
                Interlocked.Increment(ref _written);
            }
        }
    }

    private sealed class Service : TaskHubSidecarService.TaskHubSidecarServiceBase
    {
        public ScriptedSidecar Script { get; set; } = null!;

        public override async Task GetWorkItems(GetWorkItemsRequest request, IServerStreamWriter<WorkItem> responseStream, ServerCallContext context)
        {
            Note(context, "");
            var stream = new Stream { Request = request };
            Script._streams.Writer.TryWrite(stream);
            try
            {
                await stream.WriteToAsync(responseStream, context.CancellationToken);
            }
            catch (OperationCanceledException)
            {
                // The worker has gone.
            }
        }

        public override async Task<CompleteTaskResponse> CompleteOrchestratorTask(WorkflowResponse request, ServerCallContext context)
        {
            Note(context, request.InstanceId);
            await Script.OnOldTurnAnswer(request);
            Script._turns.Writer.TryWrite(request);
            return new CompleteTaskResponse();
        }

        public override Task<CompleteTaskResponse> CompleteWorkflowTask(WorkflowResponse request, ServerCallContext context)
        {
            Note(context, request.InstanceId);
            Script._turns.Writer.TryWrite(request);
            return Task.FromResult(new CompleteTaskResponse());
        }

        public override async Task<CompleteTaskResponse> CompleteActivityTask(ActivityResponse request, ServerCallContext context)
        {
            Note(context, request.InstanceId);
            await Script.OnActivityAnswer(request);
            Script._activities.Writer.TryWrite(request);
            return new CompleteTaskResponse();
        }

        public override Task<CreateInstanceResponse> StartInstance(CreateInstanceRequest request, ServerCallContext context)
        {
            Note(context, request.InstanceId);
            return Script.OnStart(request);
        }

        public override Task<GetInstanceResponse> GetInstance(GetInstanceRequest request, ServerCallContext context)
        {
            Note(context, request.InstanceId);
            return Script.OnGet(request);
        }

        public override Task<GetInstanceResponse> WaitForInstanceStart(GetInstanceRequest request, ServerCallContext context)
        {
            Note(context, request.InstanceId);
            return Script.OnWait(request, context.CancellationToken);
        }

        public override Task<GetInstanceResponse> WaitForInstanceCompletion(GetInstanceRequest request, ServerCallContext context)
        {
            Note(context, request.InstanceId);
            return Script.OnWait(request, context.CancellationToken);
        }

        public override Task<RaiseEventResponse> RaiseEvent(RaiseEventRequest request, ServerCallContext context) =>
            OtherAsync(context, $"{request.InstanceId} {request.Name} {request.Input}", new RaiseEventResponse());

        public override Task<TerminateResponse> TerminateInstance(TerminateRequest request, ServerCallContext context) =>
            OtherAsync(context, $"{request.InstanceId} {request.Output} {request.Recursive}", new TerminateResponse());

        public override Task<SuspendResponse> SuspendInstance(SuspendRequest request, ServerCallContext context) =>
            OtherAsync(context, $"{request.InstanceId} {request.Reason}", new SuspendResponse());

        public override Task<ResumeResponse> ResumeInstance(ResumeRequest request, ServerCallContext context) =>
            OtherAsync(context, $"{request.InstanceId} {request.Reason}", new ResumeResponse());

        public override Task<PurgeInstancesResponse> PurgeInstances(PurgeInstancesRequest request, ServerCallContext context) =>
            OtherAsync(context, $"{request.InstanceId} {request.Recursive}", Script.PurgeAnswer);

        public override Task<RerunWorkflowFromEventResponse> RerunWorkflowFromEvent(RerunWorkflowFromEventRequest request, ServerCallContext context) =>
            OtherAsync(
                context,
                $"{request.SourceInstanceID} {request.EventID} {request.OverwriteInput} {request.Input}",
                new RerunWorkflowFromEventResponse { NewInstanceID = request.NewInstanceID });

        public override Task<ListInstanceIDsResponse> ListInstanceIDs(ListInstanceIDsRequest request, ServerCallContext context)
        {
            Note(context, "");
            return Task.FromResult(Script.OnList(request));
        }

        public override Task<GetInstanceHistoryResponse> GetInstanceHistory(GetInstanceHistoryRequest request, ServerCallContext context)
        {
            Note(context, request.InstanceId);
            return Task.FromResult(Script.OnHistory());
        }

        public override Task<Empty> Hello(Empty request, ServerCallContext context) => Task.FromResult(new Empty());

        private async Task<T> OtherAsync<T>(ServerCallContext context, string what, T answer)
        {
            Note(context, what);
            await Script.OnOther();
            return answer;
        }

        private void Note(ServerCallContext context, string what)
        {
            Script.Calls.Enqueue($"{context.Method.Split('/')[^1]} {what}".Trim());
            Script.Tokens.Enqueue(context.RequestHeaders.GetValue("dapr-api-token"));
        }
    }
}
