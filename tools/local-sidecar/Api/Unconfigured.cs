using Grpc.Core;

namespace Danube.Dapr.LocalSidecar.Api;

/// <summary>The answers of building blocks that have no component here, as daprd words them.</summary>
internal static class Unconfigured
{
    public static DaprError Secrets() => new("ERR_SECRET_STORES_NOT_CONFIGURED", 500, StatusCode.FailedPrecondition, "secret store is not configured");

    public static DaprError Configuration() => new("ERR_CONFIGURATION_STORE_NOT_CONFIGURED", 500, StatusCode.FailedPrecondition, "configuration stores not configured");

    public static DaprError Lock() => new("ERR_LOCK_STORE_NOT_CONFIGURED", 500, StatusCode.FailedPrecondition, "lock store is not configured");

    public static DaprError Binding(string name) => new("ERR_INVOKE_OUTPUT_BINDING", 500, StatusCode.Internal, $"error invoking output binding {name}: couldn't find output binding {name}");
}
