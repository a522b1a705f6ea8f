using Danube.Dapr.Conformance.App;
using Grpc.Core;
using Rpc = Dapr.Client.Autogen.Grpc.v1;

namespace Danube.Dapr.Conformance.Areas;

/// <summary>DAPR_API_TOKEN and APP_API_TOKEN.</summary>
internal static class TokenBehaviours
{
    private const string Area = "tokens";

    public static IEnumerable<Behaviour> All() =>
    [
        On("HTTP without the token is 401 'invalid api token'", async c => Check.Equal((401, "invalid api token"), await WithAsync(c, "") is var a ? (a.Status, a.Body.TrimEnd()) : default)),
        On("HTTP with another token is 401", async c => Check.Equal(401, (await WithAsync(c, "guess")).Status)),
        On("HTTP with the token is answered", async c => Check.Status(200, await c.SendAsync("GET", "/v1.0/metadata"))),
        On("healthz and outbound healthz need no token", async c =>
        {
            Check.NoContent(await c.SendAsync("GET", "/v1.0/healthz", null, ("dapr-api-token", "")));
            Check.NoContent(await c.SendAsync("GET", "/v1.0/healthz/outbound", null, ("dapr-api-token", "")));
        }),
        On("gRPC without the token is Unauthenticated", c => Check.Rpc(StatusCode.Unauthenticated, "missing api token in request metadata", async () => await c.Grpc.GetMetadataAsync(new Rpc.GetMetadataRequest()))),
        On("gRPC with another token is Unauthenticated", c => Check.Rpc(StatusCode.Unauthenticated, "authentication error: api token mismatch",
            async () => await c.Grpc.GetMetadataAsync(new Rpc.GetMetadataRequest(), new Metadata { { "dapr-api-token", "guess" } }))),
        On("the SDK with the token works", async c =>
        {
            var key = Stage.Id("token");
            await c.Dapr.SaveStateAsync(c.Store, key, 1);
            Check.Equal(1, await c.Dapr.GetStateAsync<int>(c.Store, key));
        }),
        On("actors and workflows work with the token", async c =>
        {
            Check.Equal(2, await c.Actor(Stage.Id("token")).Increment(2));
            Check.Equal("Hello, token!", (await WorkflowBehaviours.RunAsync(c, "Hello", "token")).ReadOutputAs<string>());
        }),
        On("the questions for settings and subscriptions carry the app's token", c =>
        {
            Check.True(c.Inbox.To("/dapr/config").Concat(c.Inbox.To("/dapr/subscribe")).All(r => r.Header("dapr-api-token") == Lab.AppToken), "the app's token", "none");
            return Task.CompletedTask;
        }),
        On("events, actor calls and invocations carry the app's token and not the sidecar's", async c =>
        {
            var mark = Stage.Id("token");
            await c.Dapr.PublishEventAsync(c.PubSub, Topics.Normal, new { mark });
            Check.Equal(Lab.AppToken, (await c.Inbox.EventAsync("normal", mark)).Header("dapr-api-token"));
            await c.Actor(mark).Nothing();
            Check.Equal(Lab.AppToken, c.Inbox.To($"/actors/{c.ActorType}/{mark}/method/Nothing")[0].Header("dapr-api-token"));
            Check.Status(200, await c.SendAsync("GET", $"/v1.0/invoke/{c.AppId}/method/echo/{mark}"));
            Check.Equal(Lab.AppToken, c.Inbox.To("/echo/" + mark)[0].Header("dapr-api-token"));
        }),
    ];

    private static Behaviour On(string name, Func<Stage, Task> run) => new Behaviour(Area, name, async c => await run(await c.Lab.GuardedAsync())).Launching();

    private static Task<Answer> WithAsync(Stage c, string token) => c.SendAsync("GET", "/v1.0/metadata", null, ("dapr-api-token", token));
}
