namespace Danube.Dapr.Conformance.Areas;

internal static class HealthBehaviours
{
    private const string Area = "health";
    private const string NoRoute = "failed getting app id either from the URL path or the header dapr-app-id";

    public static IEnumerable<Behaviour> All() =>
    [
        new(Area, "healthz is 204 without a body", async c => Check.NoContent(await c.SendAsync("GET", "/v1.0/healthz"))),
        new(Area, "outbound healthz is 204 without a body", async c => Check.NoContent(await c.SendAsync("GET", "/v1.0/healthz/outbound"))),
        new(Area, "healthz carries no traceparent", async c => Check.Equal(null, (await c.SendAsync("GET", "/v1.0/healthz")).Header("Traceparent"))),
        new(Area, "healthz with the own appid is 204", async c => Check.NoContent(await c.SendAsync("GET", "/v1.0/healthz?appid=" + c.AppId))),
        new(Area, "healthz behind a double slash is 204", async c => Check.NoContent(await c.SendAsync("GET", "//v1.0/healthz"))),
        new(Area, "CheckHealthAsync is true", async c => Check.Equal(true, await c.Dapr.CheckHealthAsync())),
        new(Area, "CheckOutboundHealthAsync is true", async c => Check.Equal(true, await c.Dapr.CheckOutboundHealthAsync())),
        new(Area, "WaitForSidecarAsync returns", c => c.Dapr.WaitForSidecarAsync().WaitAsync(Stage.Patience)),
        new(Area, "an unknown path is 404 ERR_DIRECT_INVOKE", async c => Check.Error(404, "ERR_DIRECT_INVOKE", NoRoute, await c.SendAsync("GET", "/v1.0/nothing-here"))),
        new(Area, "the root path is 404 ERR_DIRECT_INVOKE", async c => Check.Error(404, "ERR_DIRECT_INVOKE", NoRoute, await c.SendAsync("GET", "/"))),
        new(Area, "the app's settings are asked for before its subscriptions, once each, with Dapr-App-Id", c =>
        {
            var asked = c.Inbox.Requests.Where(r => r.Path is "/dapr/config" or "/dapr/subscribe").ToList();
            Check.Sequence(["GET /dapr/config", "GET /dapr/subscribe"], asked.Select(r => $"{r.Method} {r.Path}"));
            Check.Sequence([c.AppId, c.AppId], asked.Select(r => r.Header("Dapr-App-Id")));
            return Task.CompletedTask;
        }),
    ];
}
