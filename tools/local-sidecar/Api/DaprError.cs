using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Grpc.Core;

namespace Danube.Dapr.LocalSidecar.Api;

/// <summary>A refusal or failure as daprd words it, for both APIs.</summary>
internal sealed class DaprError(string errorCode, int httpStatus, StatusCode grpcCode, string message) : Exception(message)
{
    public string ErrorCode { get; } = errorCode;

    public int HttpStatus { get; } = httpStatus;

    public StatusCode GrpcCode { get; } = grpcCode;

    /// <summary>The reason in gRPC details; the error code where there is no newer name.</summary>
    public string? Reason { get; init; }

    /// <summary>The resource in the details (type and name), or null.</summary>
    public (string Type, string Name, string Description)? Resource { get; init; }

    /// <summary>The data of the reason; when null the HTTP details hold null.</summary>
    public IReadOnlyDictionary<string, string>? ReasonMetadata { get; init; }

    /// <summary>The data of the reason in gRPC details.</summary>
    public IReadOnlyDictionary<string, string> GrpcReasonMetadata { get; init; } = new Dictionary<string, string>();

    /// <summary>The field and its fault in the details of a bad request, or null.</summary>
    public (string Field, string Description)? BadField { get; init; }

    /// <summary>Whether the HTTP answer has details: newer errors have them.</summary>
    public bool HasHttpDetails => Reason is not null && HttpDetails;

    public bool HttpDetails { get; init; } = true;

    public RpcException ToRpcException()
    {
        var status = new Google.Rpc.Status { Code = (int)GrpcCode, Message = Message };
        if (BadField is { } bad) status.Details.Add(Any.Pack(new BadRequest { FieldViolations = { new BadRequest.Types.FieldViolation { Field = bad.Field, Description = bad.Description } } }));
        if (Resource is { } resource) status.Details.Add(Any.Pack(new ResourceInfo { ResourceType = resource.Type, ResourceName = resource.Name, Description = resource.Description }));
        status.Details.Add(Any.Pack(new ErrorInfo { Reason = Reason ?? ErrorCode, Domain = "dapr.io", Metadata = { GrpcReasonMetadata.ToDictionary() } }));
        return new RpcException(new Grpc.Core.Status(GrpcCode, Message), new Metadata { { "grpc-status-details-bin", status.ToByteArray() } });
    }

    public static DaprError Malformed(string message) => new("ERR_MALFORMED_REQUEST", 400, StatusCode.InvalidArgument, message);

    public static DaprError UnknownPath() =>
        new("ERR_DIRECT_INVOKE", 404, StatusCode.Unimplemented, "failed getting app id either from the URL path or the header dapr-app-id");
}
