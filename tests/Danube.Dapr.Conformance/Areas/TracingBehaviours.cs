using System.Diagnostics;
using Danube.Dapr.Conformance.App;
using Danube.Dapr.TaskHub;
using Grpc.Core;
using Rpc = Dapr.Client.Autogen.Grpc.v1;

namespace Danube.Dapr.Conformance.Areas;

/// <summary>W3C trace headers. The trace given by the caller is sampled.</summary>
internal static class TracingBehaviours
{
    private const string Area = "tracing";

    public static IEnumerable<Behaviour> All() =>
    [
        new(Area, "an HTTP answer has a traceparent of the caller's trace with a span of its own", async c =>
        {
            var (trace, span, header) = NewTrace();
            var seen = (await c.SendAsync("GET", "/v1.0/metadata", null, ("traceparent", header))).Header("Traceparent");
            Check.True(seen?.Split('-') is ["00", var t, var s, "01"] && t == trace && s != span, $"00-{trace}-(another span)-01", seen);
        }),
        new(Area, "an HTTP answer has a traceparent when the caller has none", async c =>
            Check.True((await c.SendAsync("GET", c.StatePath("none"))).Header("Traceparent")?.Length == 55, "a Traceparent", "none")),
        new(Area, "an error has a traceparent too", async c =>
            Check.True((await c.SendAsync("GET", "/v1.0/nothing-here")).Header("Traceparent")?.Length == 55, "a Traceparent", "none")),
        new(Area, "a gRPC answer has grpc-trace-bin of the caller's trace", async c =>
        {
            var (trace, _, header) = NewTrace();
            var call = c.Grpc.GetMetadataAsync(new Rpc.GetMetadataRequest(), new Metadata { { "traceparent", header } });
            await call;
            var entry = (await call.ResponseHeadersAsync).Get("grpc-trace-bin");
            Check.Equal(trace, entry is { ValueBytes: { Length: >= 18 } bytes } ? Convert.ToHexStringLower(bytes[2..18]) : "none");
        }),
        new(Area, "a TaskHub answer has grpc-trace-bin of the caller's trace", async c =>
        {
            var (trace, _, header) = NewTrace();
            var call = new TaskHubSidecarService.TaskHubSidecarServiceClient(c.Invoker).GetInstanceAsync(new GetInstanceRequest { InstanceId = Stage.Id("unknown") }, new Metadata { { "traceparent", header } });
            await call;
            var entry = (await call.ResponseHeadersAsync).Get("grpc-trace-bin");
            Check.Equal(trace, entry is { ValueBytes: { Length: >= 18 } bytes } ? Convert.ToHexStringLower(bytes[2..18]) : "none");
        }),
        new(Area, "an invocation of the own app: the app gets the traceparent that the caller gets back", async c =>
        {
            var (trace, _, header) = NewTrace();
            var mark = Stage.Id("trace");
            var back = (await c.SendAsync("GET", $"/v1.0/invoke/{c.AppId}/method/echo/{mark}", null, ("traceparent", header))).Header("Traceparent");
            Check.Equal(back, c.Inbox.To("/echo/" + mark)[0].Header("traceparent"));
            Check.Contains(trace, back);
        }),
        new Behaviour(Area, "an invocation of another app: same trace, another span than the caller gets back", async c =>
        {
            var neighbour = await c.Lab.NeighbourAsync();
            var (trace, _, header) = NewTrace();
            var mark = Stage.Id("trace");
            var back = (await c.SendAsync("GET", $"/v1.0/invoke/{neighbour.AppId}/method/echo/{mark}", null, ("traceparent", header))).Header("Traceparent");
            var seen = neighbour.Inbox.To("/echo/" + mark)[0].Header("traceparent");
            Check.Contains(trace, seen);
            Check.True(seen != back, "two spans", seen);
        }).Launching(),
        new(Area, "an actor call carries the caller's trace", async c =>
        {
            var (trace, _, header) = NewTrace();
            var id = Stage.Id("trace");
            Check.Status(200, await c.SendAsync("PUT", c.ActorPath(id) + "/method/Nothing", null, ("traceparent", header)));
            Check.Contains(trace, c.Inbox.To($"/actors/{c.ActorType}/{id}/method/Nothing")[0].Header("traceparent"));
        }),
        new(Area, "an envelope has the caller's trace; the delivery has it with another span", async c =>
        {
            var (trace, _, header) = NewTrace();
            var mark = Stage.Id("trace");
            Check.NoContent(await c.SendAsync("POST", $"/v1.0/publish/{c.PubSub}/{Topics.Normal}", $"\"{mark}\"", ("traceparent", header)));
            var e = await c.Inbox.EventAsync("normal", mark);
            Check.Contains(trace, (string?)e.Json["traceparent"], "the envelope's traceparent:");
            Check.Contains(trace, e.Header("traceparent"), "the delivery's traceparent:");
            Check.True(e.Header("traceparent") != (string?)e.Json["traceparent"], "two spans", e.Header("traceparent"));
        }),
        new(Area, "an activity runs in the trace that scheduled its workflow", async c =>
        {
            // The library makes spans only for those who listen.
            using var listener = new ActivityListener
            {
                ShouldListenTo = static source => source.Name == "Danube.Dapr.Workflow",
                Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            };
            ActivitySource.AddActivityListener(listener);
            using var activity = new Activity("conformance").SetIdFormat(ActivityIdFormat.W3C);
            activity.ActivityTraceFlags = ActivityTraceFlags.Recorded;
            activity.Start();
            Check.Equal(activity.TraceId.ToString(), (await WorkflowBehaviours.RunAsync(c, "Traced", "x")).ReadOutputAs<string>());
        }),
    ];

    private static (string Trace, string Span, string Header) NewTrace()
    {
        var (trace, span) = (Guid.NewGuid().ToString("N"), Guid.NewGuid().ToString("N")[..16]);
        return (trace, span, $"00-{trace}-{span}-01");
    }
}
