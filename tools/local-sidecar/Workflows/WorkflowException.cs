using Grpc.Core;

namespace Danube.Dapr.LocalSidecar.Workflows;

/// <summary>A request that the workflow engine refuses, with the status and text that daprd's task hub would answer.</summary>
internal sealed class WorkflowException(StatusCode status, string message) : Exception(message)
{
    public StatusCode Status { get; } = status;

    /// <summary>The instance that was named does not exist.</summary>
    public bool IsNotFound { get; private init; }

    public static WorkflowException NotFound(string prefix = "") => new(StatusCode.Unknown, prefix + "no such instance exists") { IsNotFound = true };
}
