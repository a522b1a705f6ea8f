using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Danube.Dapr.Workflow.Engine;

/// <summary>What a turn needs beside its work item.</summary>
internal sealed record WorkflowEnvironment(
    WorkflowRegistry Registry,
    Payloads Payloads,
    int MaxTurnBytes,
    IServiceScopeFactory Scopes,
    ILoggerFactory LoggerFactory)
{
    public ILogger Logger { get; } = LoggerFactory.CreateLogger("Danube.Dapr.Workflow.Engine");

    public static WorkflowEnvironment Create(WorkflowRuntimeOptions options, IServiceProvider services, ILoggerFactory loggerFactory) => new(
        options.Registry,
        new Payloads(options.JsonSerializerOptions, options.MaxPayloadBytes),
        options.MaxTurnBytes,
        services.GetRequiredService<IServiceScopeFactory>(),
        loggerFactory);
}
