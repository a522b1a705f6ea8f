using Grpc.Core;

namespace Danube.Dapr.Workflow.Worker;

/// <summary>What the sidecar means by its errors. Most of them are Unknown, so the text has to be read.</summary>
internal static class SidecarErrors
{
    private const StringComparison IgnoreCase = StringComparison.OrdinalIgnoreCase;

    public static bool IsNoSuchInstance(this RpcException e) =>
        e.StatusCode == StatusCode.NotFound || e.Status.Detail.Contains("no such instance exists", IgnoreCase);

    /// <summary>The instance runs already; older versions say so with code Unknown.</summary>
    public static bool IsAlreadyStarted(this RpcException e) =>
        !e.IsBlockedByChildren() && (e.StatusCode == StatusCode.AlreadyExists || e.Status.Detail.Contains("already exists", IgnoreCase));

    /// <summary>A finished instance of this id exists, and its id is not free yet because children of it still run.</summary>
    public static bool IsBlockedByChildren(this RpcException e) => e.Status.Detail.Contains("cannot recreate workflow", IgnoreCase);

    public static bool IsNotCompleted(this RpcException e) => e.Status.Detail.Contains("has not yet completed", IgnoreCase);

    /// <summary>
    /// The call broke off and says nothing about the instance. "actor is closed" comes when the sidecar put the workflow's actor to sleep
    /// under a waiting call.
    /// </summary>
    public static bool IsTransient(this RpcException e) =>
        e.StatusCode is StatusCode.Unavailable or StatusCode.DeadlineExceeded or StatusCode.Cancelled or StatusCode.Aborted
        || (e.StatusCode is StatusCode.Unknown or StatusCode.Internal && e.Status.Detail.Contains("actor is closed", IgnoreCase));

    /// <summary>The sidecar has no such rpc. daprd takes an unknown one for a call to be passed on to another app.</summary>
    public static bool IsUnknownRpc(this RpcException e) =>
        e.StatusCode == StatusCode.Unimplemented || (e.StatusCode == StatusCode.Unknown && e.Status.Detail.Contains("dapr-app-id", IgnoreCase));
}
