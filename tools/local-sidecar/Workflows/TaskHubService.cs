using Danube.Dapr.LocalSidecar.Tracing;
using Danube.Dapr.TaskHub;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;

namespace Danube.Dapr.LocalSidecar.Workflows;

/// <summary>Finds the workflow engine of the app whose port a call came in on; null when the app has no actor state store.</summary>
internal delegate WorkflowEngine? WorkflowEngineResolver(int localPort);

/// <summary>The durable-task service of daprd 1.18.3 over a <see cref="WorkflowEngine"/>.</summary>
internal sealed class TaskHubService(WorkflowEngineResolver engines, IHostApplicationLifetime lifetime) : TaskHubSidecarService.TaskHubSidecarServiceBase
{
    public override Task<Empty> Hello(Empty request, ServerCallContext context)
    {
        Trace(engines(context.GetHttpContext().Connection.LocalPort), context);
        return Task.FromResult(new Empty());
    }

    public override Task<CreateInstanceResponse> StartInstance(CreateInstanceRequest request, ServerCallContext context) => Run(context, async engine =>
    {
        var traceParent = context.RequestHeaders.GetValue("traceparent");
        return new CreateInstanceResponse { InstanceId = await engine.StartAsync(request, traceParent, context.RequestHeaders.GetValue("tracestate"), context.CancellationToken) };
    });

    public override Task<GetInstanceResponse> GetInstance(GetInstanceRequest request, ServerCallContext context) => Run(context, async engine =>
    {
        var state = await engine.GetAsync(request.InstanceId, request.GetInputsAndOutputs, context.CancellationToken);
        return new GetInstanceResponse { Exists = state is not null, WorkflowState = state };
    });

    public override Task<GetInstanceResponse> WaitForInstanceStart(GetInstanceRequest request, ServerCallContext context) => Run(context, async engine =>
        new GetInstanceResponse { Exists = true, WorkflowState = await engine.WaitForStartAsync(request.InstanceId, request.GetInputsAndOutputs, context.CancellationToken) });

    public override Task<GetInstanceResponse> WaitForInstanceCompletion(GetInstanceRequest request, ServerCallContext context) => Run(context, async engine =>
        new GetInstanceResponse { Exists = true, WorkflowState = await engine.WaitForCompletionAsync(request.InstanceId, request.GetInputsAndOutputs, context.CancellationToken) });

    public override Task<RaiseEventResponse> RaiseEvent(RaiseEventRequest request, ServerCallContext context) => Run(context, async engine =>
    {
        await engine.RaiseEventAsync(request.InstanceId, request.Name, request.Input, context.CancellationToken);
        return new RaiseEventResponse();
    });

    public override Task<TerminateResponse> TerminateInstance(TerminateRequest request, ServerCallContext context) => Run(context, async engine =>
    {
        await engine.TerminateAsync(request.InstanceId, request.Output, request.Recursive, context.CancellationToken);
        return new TerminateResponse();
    });

    public override Task<SuspendResponse> SuspendInstance(SuspendRequest request, ServerCallContext context) => Run(context, async engine =>
    {
        await engine.SuspendAsync(request.InstanceId, request.Reason, context.CancellationToken);
        return new SuspendResponse();
    });

    public override Task<ResumeResponse> ResumeInstance(ResumeRequest request, ServerCallContext context) => Run(context, async engine =>
    {
        await engine.ResumeAsync(request.InstanceId, request.Reason, context.CancellationToken);
        return new ResumeResponse();
    });

    public override Task<PurgeInstancesResponse> PurgeInstances(PurgeInstancesRequest request, ServerCallContext context) => Run(context, async engine =>
    {
        if (request.RequestCase == PurgeInstancesRequest.RequestOneofCase.PurgeInstanceFilter)
            throw new WorkflowException(StatusCode.Unknown, "purging by filter is not supported, name an instance");
        return new PurgeInstancesResponse { DeletedInstanceCount = await engine.PurgeAsync(request.InstanceId, request.Recursive, request.Force, context.CancellationToken) };
    });

    public override Task<ListInstanceIDsResponse> ListInstanceIDs(ListInstanceIDsRequest request, ServerCallContext context) => Run(context, async engine =>
    {
        var page = await engine.ListAsync(request.HasContinuationToken ? request.ContinuationToken : null, request.HasPageSize ? (int)request.PageSize : null, context.CancellationToken);
        var response = new ListInstanceIDsResponse { InstanceIds = { page.Ids } };
        if (page.Next is not null) response.ContinuationToken = page.Next;
        return response;
    });

    public override Task<GetInstanceHistoryResponse> GetInstanceHistory(GetInstanceHistoryRequest request, ServerCallContext context) => Run(context, async engine =>
        new GetInstanceHistoryResponse { Events = { await engine.GetHistoryAsync(request.InstanceId, context.CancellationToken) } });

    public override Task<RerunWorkflowFromEventResponse> RerunWorkflowFromEvent(RerunWorkflowFromEventRequest request, ServerCallContext context) => Run(context, async engine =>
        new RerunWorkflowFromEventResponse { NewInstanceID = await engine.RerunAsync(request, context.CancellationToken) });

    public override Task<CompleteTaskResponse> CompleteActivityTask(ActivityResponse request, ServerCallContext context) => Run(context, async engine =>
    {
        await engine.CompleteActivityAsync(request);
        return new CompleteTaskResponse();
    });

    public override Task<CompleteTaskResponse> CompleteOrchestratorTask(WorkflowResponse request, ServerCallContext context) => CompleteWorkflowTask(request, context);

    public override Task<CompleteTaskResponse> CompleteWorkflowTask(WorkflowResponse request, ServerCallContext context) => Run(context, async engine =>
    {
        await engine.CompleteTurnAsync(request);
        return new CompleteTaskResponse();
    });

    /// <summary>A worker: gets what there is to do until it goes away. Headers leave with the first item, not before.</summary>
    public override async Task GetWorkItems(GetWorkItemsRequest request, IServerStreamWriter<WorkItem> responseStream, ServerCallContext context)
    {
        var engine = Engine(context);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, lifetime.ApplicationStopping);
        var stream = engine.AttachWorker();
        try
        {
            await foreach (var item in stream.Items.ReadAllAsync(end.Token)) await responseStream.WriteAsync(item, end.Token);
        }
        catch (Exception) when (end.IsCancellationRequested)
        {
            // The worker left, or the sidecar stops.
        }
        finally
        {
            engine.DetachWorker(stream);
        }
        if (!context.CancellationToken.IsCancellationRequested) throw new RpcException(new Status(StatusCode.Unavailable, "the sidecar is shutting down"));
    }

    private WorkflowEngine Engine(ServerCallContext context) => engines(context.GetHttpContext().Connection.LocalPort)
        ?? throw new RpcException(new Status(StatusCode.Unknown, "the state store is not configured to use the actor runtime. Have you set the - name: actorStateStore value: \"true\" in your state store component file?"));

    private static void Trace(WorkflowEngine? engine, ServerCallContext context)
    {
        if (engine?.Tracer is { } tracer) GrpcTrace.Answer(context, tracer.Answer(GrpcTrace.Parent(context)));
    }

    private async Task<T> Run<T>(ServerCallContext context, Func<WorkflowEngine, Task<T>> call)
    {
        try
        {
            var engine = Engine(context);
            Trace(engine, context);
            return await call(engine);
        }
        catch (WorkflowException e)
        {
            throw new RpcException(new Status(e.Status, e.Message));
        }
        catch (OperationCanceledException) when (!context.CancellationToken.IsCancellationRequested)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, "the sidecar is shutting down"));
        }
    }
}
