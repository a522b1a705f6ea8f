using Danube.Dapr.LocalSidecar.Hosting;
using Danube.Dapr.LocalSidecar.Names;

namespace Danube.Dapr.LocalSidecar.Workflows;

/// <summary>
/// Of the processes that share an app's workflows one runs them. The others pass the calls of their workers and clients on to it, so that a worker gets
/// work wherever it is connected.
/// </summary>
internal sealed class WorkflowRouter(Membership members, Sharing sharing, WorkflowEngines engines, TimeProvider time) : IDisposable
{
    private static readonly TimeSpan MovingTime = TimeSpan.FromSeconds(30);

    private readonly StreamForwarder _forwarder = new();

    public static bool IsWorkflow(string path) => path.StartsWith("/TaskHubSidecarService/", StringComparison.Ordinal)
        || (path.StartsWith("/dapr.proto.runtime.v1.Dapr/", StringComparison.Ordinal) && path.Contains("Workflow", StringComparison.Ordinal))
        || (path.StartsWith("/v1.0", StringComparison.Ordinal) && path.Contains("/workflows/", StringComparison.Ordinal));

    /// <summary>Answers here, or by another process.</summary>
    /// <param name="isFromNeighbour">Another process took this one for that which has the workflows.</param>
    public async Task RouteAsync(HttpContext http, AppInstance app, bool isFromNeighbour, RequestDelegate here)
    {
        if (sharing.StoreOf(app) is not { } store)
        {
            await here(http);
            return;
        }
        var deadline = time.GetUtcNow() + MovingTime;
        while (true)
        {
            var (changed, placement) = (members.Changed, members.Placement);
            var place = placement.Latest.WorkflowsOf(app.AppId, store);
            if (place is { IsHere: false } && isFromNeighbour) break;
            if (place is { IsHere: false })
            {
                if (await PassOnAsync(http, app, place)) return;
            }
            else if (place is not null && placement.HasWorkflowsHere(app.AppId, store) && engines.Of(app.App) is not null)
            {
                await here(http);
                return;
            }
            if (time.GetUtcNow() >= deadline) break;
            await Task.WhenAny(changed, Task.Delay(TimeSpan.FromMilliseconds(100), time, http.RequestAborted));
            if (http.RequestAborted.IsCancellationRequested) return;
        }
        await StreamForwarder.RefuseAsync(http, "the workflows of the app are in no sidecar now");
    }

    private async Task<bool> PassOnAsync(HttpContext http, AppInstance app, Place place)
    {
        var workers = http.Request.Path.Value!.EndsWith("/GetWorkItems", StringComparison.Ordinal) ? 1 : 0;
        engines.PassOnWorkers(app.App, workers);
        try
        {
            return await _forwarder.SendAsync(http, place.Host.StreamAddress, members.GoneToken(place.Registration));
        }
        finally
        {
            engines.PassOnWorkers(app.App, -workers);
        }
    }

    public void Dispose() => _forwarder.Dispose();
}
