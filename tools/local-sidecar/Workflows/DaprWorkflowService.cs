using Dapr.Client.Autogen.Grpc.v1;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.AspNetCore.Server.Model;
using Grpc.Core;

namespace Danube.Dapr.LocalSidecar.Workflows;

/// <summary>The workflow methods of <c>dapr.proto.runtime.v1.Dapr</c>; each exists as <c>…Alpha1</c> and <c>…Beta1</c>, which do the same.</summary>
internal sealed class DaprWorkflowService(WorkflowEngineResolver engines)
{
    private Task<StartWorkflowResponse> StartAsync(StartWorkflowRequest request, ServerCallContext context) => Run(context, async engine => new StartWorkflowResponse
    {
        InstanceId = await WorkflowApi.StartAsync(
            engine, request.WorkflowName, request.InstanceId, request.Input.ToStringUtf8(), request.Options.AsReadOnly(), context.RequestHeaders.GetValue("traceparent"), context.CancellationToken),
    });

    /// <summary>An unknown id is no error here: the answer names nothing but it.</summary>
    private Task<GetWorkflowResponse> GetAsync(GetWorkflowRequest request, ServerCallContext context) => Run(context, async engine =>
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

    private Task<Empty> TerminateAsync(TerminateWorkflowRequest request, ServerCallContext context) =>
        Run(context, engine => WorkflowApi.TerminateAsync(engine, request.InstanceId, context.CancellationToken));

    private Task<Empty> PurgeAsync(PurgeWorkflowRequest request, ServerCallContext context) =>
        Run(context, engine => WorkflowApi.PurgeAsync(engine, request.InstanceId, context.CancellationToken));

    private Task<Empty> PauseAsync(PauseWorkflowRequest request, ServerCallContext context) =>
        Run(context, engine => WorkflowApi.PauseAsync(engine, request.InstanceId, context.CancellationToken));

    private Task<Empty> ResumeAsync(ResumeWorkflowRequest request, ServerCallContext context) =>
        Run(context, engine => WorkflowApi.ResumeAsync(engine, request.InstanceId, context.CancellationToken));

    private Task<Empty> RaiseEventAsync(RaiseEventWorkflowRequest request, ServerCallContext context) =>
        Run(context, engine => WorkflowApi.RaiseEventAsync(engine, request.InstanceId, request.EventName, request.EventData.IsEmpty ? null : request.EventData.ToStringUtf8(), context.CancellationToken));

    private Task<Empty> Run(ServerCallContext context, Func<WorkflowEngine, Task> call) => Run(context, async engine =>
    {
        await call(engine);
        return new Empty();
    });

    private async Task<T> Run<T>(ServerCallContext context, Func<WorkflowEngine, Task<T>> call)
    {
        try
        {
            return await call(engines(context.GetHttpContext().Connection.LocalPort)
                ?? throw WorkflowApiException.Failed("ERR_ACTOR_RUNTIME_NOT_FOUND", "the state store is not configured to use the actor runtime"));
        }
        catch (WorkflowApiException e)
        {
            throw new RpcException(new Status(e.GrpcStatus, e.Message));
        }
    }

    /// <summary>Dapr's package has messages but no server base: the methods are bound by hand.</summary>
    internal sealed class Methods : IServiceMethodProvider<DaprWorkflowService>
    {
        public void OnServiceMethodDiscovery(ServiceMethodProviderContext<DaprWorkflowService> context)
        {
            foreach (var version in new[] { "Alpha1", "Beta1" })
            {
                Add(context, "StartWorkflow" + version, StartWorkflowRequest.Parser, StartWorkflowResponse.Parser, static (service, request, call) => service.StartAsync(request, call));
                Add(context, "GetWorkflow" + version, GetWorkflowRequest.Parser, GetWorkflowResponse.Parser, static (service, request, call) => service.GetAsync(request, call));
                Add(context, "TerminateWorkflow" + version, TerminateWorkflowRequest.Parser, Empty.Parser, static (service, request, call) => service.TerminateAsync(request, call));
                Add(context, "PurgeWorkflow" + version, PurgeWorkflowRequest.Parser, Empty.Parser, static (service, request, call) => service.PurgeAsync(request, call));
                Add(context, "PauseWorkflow" + version, PauseWorkflowRequest.Parser, Empty.Parser, static (service, request, call) => service.PauseAsync(request, call));
                Add(context, "ResumeWorkflow" + version, ResumeWorkflowRequest.Parser, Empty.Parser, static (service, request, call) => service.ResumeAsync(request, call));
                Add(context, "RaiseEventWorkflow" + version, RaiseEventWorkflowRequest.Parser, Empty.Parser, static (service, request, call) => service.RaiseEventAsync(request, call));
            }
        }

        private static void Add<TRequest, TResponse>(
            ServiceMethodProviderContext<DaprWorkflowService> context,
            string name,
            MessageParser<TRequest> requests,
            MessageParser<TResponse> responses,
            UnaryServerMethod<DaprWorkflowService, TRequest, TResponse> handler)
            where TRequest : class, IMessage<TRequest>
            where TResponse : class, IMessage<TResponse> =>
            context.AddUnaryMethod(
                new Method<TRequest, TResponse>(
                    MethodType.Unary,
                    "dapr.proto.runtime.v1.Dapr",
                    name,
                    Marshallers.Create(static m => m.ToByteArray(), requests.ParseFrom),
                    Marshallers.Create(static m => m.ToByteArray(), responses.ParseFrom)),
                [],
                handler);
    }
}
