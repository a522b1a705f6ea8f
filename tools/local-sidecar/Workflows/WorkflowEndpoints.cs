using Grpc.AspNetCore.Server.Model;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Danube.Dapr.LocalSidecar.Workflows;

/// <summary>Everything that the workflow engines of a process serve, to be put into its host.</summary>
internal static class WorkflowEndpoints
{
    /// <summary>Adds what the endpoints need. <paramref name="resolver"/> finds the engine of the app behind a local port.</summary>
    public static void AddWorkflows(this IServiceCollection services, WorkflowEngineResolver resolver)
    {
        services.AddSingleton(resolver);
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IServiceMethodProvider<DaprWorkflowService>, DaprWorkflowService.Methods>());
    }

    /// <summary>Maps the task hub, Dapr's workflow rpcs and Dapr's workflow paths.</summary>
    public static void MapWorkflows(this IEndpointRouteBuilder routes)
    {
        routes.MapGrpcService<TaskHubService>();
        routes.MapGrpcService<DaprWorkflowService>();
        routes.MapWorkflowApi();
    }
}
