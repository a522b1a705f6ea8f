using Dapr.Client.Autogen.Grpc.v1;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;

namespace Danube.Dapr.LocalSidecar.Workflows;

/// <summary>The workflow methods of <c>dapr.proto.runtime.v1.Dapr</c>; each exists as <c>…Alpha1</c> and <c>…Beta1</c>, which do the same.</summary>
internal static class WorkflowRpcs
{
    public static Task<StartWorkflowResponse> StartAsync(WorkflowEngine engine, StartWorkflowRequest request, ServerCallContext context) => Run(async () => new StartWorkflowResponse
    {
        InstanceId = await WorkflowApi.StartAsync(
            engine, request.WorkflowName, request.InstanceId, request.Input.ToStringUtf8(), request.Options.AsReadOnly(), context.RequestHeaders.GetValue("traceparent"), context.CancellationToken),
    });

    /// <summary>An unknown id is no error here: the answer names nothing but it.</summary>
    public static Task<GetWorkflowResponse> GetAsync(WorkflowEngine engine, GetWorkflowRequest request, ServerCallContext context) => Run(async () =>
    {
        var response = new GetWorkflowResponse { InstanceId = request.InstanceId };
        if (await WorkflowApi.GetAsync(engine, request.InstanceId, context.CancellationToken) is not { } state) return response;
        response.WorkflowName = state.Name;
        response.CreatedAt = state.CreatedTimestamp;
        response.LastUpdatedAt = state.LastUpdatedTimestamp;
        response.RuntimeStatus = WorkflowApi.StatusText(state.WorkflowStatus);
        foreach (var (key, value) in WorkflowApi.Properties(state)) response.Properties[key] = value;
        return response;
    });

    public static Task<Empty> TerminateAsync(WorkflowEngine engine, TerminateWorkflowRequest request, ServerCallContext context) =>
        Run(() => WorkflowApi.TerminateAsync(engine, request.InstanceId, context.CancellationToken));

    public static Task<Empty> PurgeAsync(WorkflowEngine engine, PurgeWorkflowRequest request, ServerCallContext context) =>
        Run(() => WorkflowApi.PurgeAsync(engine, request.InstanceId, context.CancellationToken));

    public static Task<Empty> PauseAsync(WorkflowEngine engine, PauseWorkflowRequest request, ServerCallContext context) =>
        Run(() => WorkflowApi.PauseAsync(engine, request.InstanceId, context.CancellationToken));

    public static Task<Empty> ResumeAsync(WorkflowEngine engine, ResumeWorkflowRequest request, ServerCallContext context) =>
        Run(() => WorkflowApi.ResumeAsync(engine, request.InstanceId, context.CancellationToken));

    public static Task<Empty> RaiseEventAsync(WorkflowEngine engine, RaiseEventWorkflowRequest request, ServerCallContext context) =>
        Run(() => WorkflowApi.RaiseEventAsync(engine, request.InstanceId, request.EventName, request.EventData.IsEmpty ? null : request.EventData.ToStringUtf8(), context.CancellationToken));

    private static Task<Empty> Run(Func<Task> call) => Run(async () =>
    {
        await call();
        return new Empty();
    });

    private static async Task<T> Run<T>(Func<Task<T>> call)
    {
        try
        {
            return await call();
        }
        catch (WorkflowApiException e)
        {
            throw new RpcException(new Status(e.GrpcStatus, e.Message));
        }
    }
}
