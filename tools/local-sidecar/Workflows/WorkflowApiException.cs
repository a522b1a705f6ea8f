using Grpc.Core;

namespace Danube.Dapr.LocalSidecar.Workflows;

/// <summary>An error of Dapr's workflow API, in daprd's words for HTTP and for gRPC.</summary>
internal sealed class WorkflowApiException : Exception
{
    private WorkflowApiException(int httpStatus, StatusCode grpcStatus, string errorCode, string message)
        : base(message) => (HttpStatus, GrpcStatus, ErrorCode) = (httpStatus, grpcStatus, errorCode);

    public int HttpStatus { get; }

    public StatusCode GrpcStatus { get; }

    /// <summary>For example <c>ERR_INSTANCE_ID_NOT_FOUND</c>.</summary>
    public string ErrorCode { get; }

    public static WorkflowApiException BadRequest(string errorCode, string message) => new(400, StatusCode.InvalidArgument, errorCode, message);

    public static WorkflowApiException NotFound(string instanceId, string extra = "") =>
        new(404, StatusCode.NotFound, "ERR_INSTANCE_ID_NOT_FOUND", $"unable to find workflow with the provided instance ID: {instanceId}{extra}");

    public static WorkflowApiException Failed(string errorCode, string message) => new(500, StatusCode.Internal, errorCode, message);
}
