using Google.Protobuf;
using Grpc.Core;
using Rpc = Dapr.Client.Autogen.Grpc.v1;

namespace Danube.Dapr.Conformance.Areas;

/// <summary>Building blocks that are not configured, and calls that do not exist.</summary>
internal static class ErrorBehaviours
{
    private const string Area = "errors";
    private const string NoRoute = "failed getting app id either from the URL path or the header dapr-app-id";
    private const string NoService = "cannot proxy request: missing dapr-callee-app-id or dapr-app-id metadata";
    private const string NoMethod = "failed to proxy request: required metadata dapr-callee-app-id or dapr-app-id not found";

    public static IEnumerable<Behaviour> All() =>
    [
        new(Area, "secrets without a store: 500 ERR_SECRET_STORES_NOT_CONFIGURED", async c =>
            Check.Error(500, "ERR_SECRET_STORES_NOT_CONFIGURED", "secret store is not configured", await c.SendAsync("GET", "/v1.0/secrets/nostore/key"))),
        new(Area, "configuration without a store: 500 ERR_CONFIGURATION_STORE_NOT_CONFIGURED", async c =>
            Check.Error(500, "ERR_CONFIGURATION_STORE_NOT_CONFIGURED", "configuration stores not configured", await c.SendAsync("GET", "/v1.0/configuration/nostore?key=a"))),
        new(Area, "lock without a store: 500 ERR_LOCK_STORE_NOT_CONFIGURED", async c =>
            Check.Error(500, "ERR_LOCK_STORE_NOT_CONFIGURED", "lock store is not configured", await c.SendAsync("POST", "/v1.0-alpha1/lock/nostore", """{"resourceId":"a","lockOwner":"b","expiryInSeconds":5}"""))),
        new(Area, "an output binding that is not there: 500 ERR_INVOKE_OUTPUT_BINDING", async c =>
            Check.Error(500, "ERR_INVOKE_OUTPUT_BINDING", "error invoking output binding nobinding: couldn't find output binding nobinding", await c.SendAsync("POST", "/v1.0/bindings/nobinding", """{"operation":"create","data":"x"}"""))),
        new(Area, "secrets over gRPC fail", async c => await Check.Throws<RpcException>(async () => await c.Grpc.GetSecretAsync(new Rpc.GetSecretRequest { StoreName = "nostore", Key = "k" }))),
        new(Area, "configuration over gRPC fails", async c => await Check.Throws<RpcException>(async () => await c.Grpc.GetConfigurationAsync(new Rpc.GetConfigurationRequest { StoreName = "nostore", Keys = { "k" } }))),
        new(Area, "lock over gRPC fails", async c => await Check.Throws<RpcException>(async () => await c.Grpc.TryLockAlpha1Async(new Rpc.TryLockRequest { StoreName = "nostore", ResourceId = "a", LockOwner = "b", ExpiryInSeconds = 5 }))),
        new(Area, "a binding over gRPC fails", async c => await Check.Throws<RpcException>(async () => await c.Grpc.InvokeBindingAsync(new Rpc.InvokeBindingRequest { Name = "nobinding", Operation = "create" }))),
        new Behaviour(Area, "state without any component: 500 ERR_STATE_STORE_NOT_CONFIGURED", async c =>
            Check.Contains("\"errorCode\":\"ERR_STATE_STORE_NOT_CONFIGURED\"", (await (await c.Lab.BareAsync()).SendAsync("GET", "/v1.0/state/statestore/k")).Body)).Launching(),
        new Behaviour(Area, "state without any component over gRPC: FailedPrecondition", async c =>
            await Check.Rpc(StatusCode.FailedPrecondition, null, async () => await (await c.Lab.BareAsync()).Dapr.GetStateAsync<string>("statestore", "k"))).Launching(),
        new Behaviour(Area, "publish without any component: 400 ERR_PUBSUB_NOT_CONFIGURED", async c =>
            Check.Contains("\"errorCode\":\"ERR_PUBSUB_NOT_CONFIGURED\"", Check.Status(400, await (await c.Lab.BareAsync()).SendAsync("POST", "/v1.0/publish/pubsub/t", "1")).Body)).Launching(),
        new Behaviour(Area, "publish without any component over gRPC: FailedPrecondition", async c =>
            await Check.Rpc(StatusCode.FailedPrecondition, null, async () => await (await c.Lab.BareAsync()).Dapr.PublishEventAsync("pubsub", "t", 1))).Launching(),
        new Behaviour(Area, "actor state without an actor store: 500 ERR_ACTOR_RUNTIME_NOT_FOUND", async c =>
            Check.Contains("ERR_ACTOR_RUNTIME_NOT_FOUND", Check.Status(500, await (await c.Lab.BareAsync()).SendAsync("GET", "/v1.0/actors/T/a/state/k")).Body)).Launching(),
        new Behaviour(Area, "invocation works without any component", async c =>
        {
            var bare = await c.Lab.BareAsync();
            Check.Status(200, await bare.SendAsync("GET", $"/v1.0/invoke/{bare.AppId}/method/echo/bare"));
        }).Launching(),
        new(Area, "an unknown method of the Dapr service is Unknown with daprd's text", c => Check.Rpc(StatusCode.Unknown, NoMethod, () => CallAsync(c, "dapr.proto.runtime.v1.Dapr", "NoSuchMethod"))),
        new(Area, "an unknown gRPC service is Unknown with daprd's text", c => Check.Rpc(StatusCode.Unknown, NoService, () => CallAsync(c, "no.such.Service", "Call"))),
        new(Area, "server reflection is refused as daprd does with tracing on", c => Check.Rpc(StatusCode.Unknown, NoService, () => CallAsync(c, "grpc.reflection.v1.ServerReflection", "ServerReflectionInfo"))),
        new(Area, "a trailing slash changes nothing", async c => Check.Status(200, await c.SendAsync("GET", "/v1.0/metadata/"))),
        .. new[] { ("GET", "/v1.0/invoke"), ("GET", "/v1.0/actors"), ("GET", "/v2.0/healthz"), ("POST", "/v1.0/publish"), ("PUT", "/v1.0/actors/T/a") }.Select(r =>
            new Behaviour(Area, $"{r.Item1} {r.Item2} is 404 ERR_DIRECT_INVOKE", async c => Check.Error(404, "ERR_DIRECT_INVOKE", NoRoute, await c.SendAsync(r.Item1, r.Item2)))),
    ];

    private static async Task CallAsync(Stage c, string service, string name)
    {
        var method = new Method<Rpc.GetMetadataRequest, Rpc.GetMetadataResponse>(
            MethodType.Unary,
            service,
            name,
            Marshallers.Create(m => m.ToByteArray(), Rpc.GetMetadataRequest.Parser.ParseFrom),
            Marshallers.Create(m => m.ToByteArray(), Rpc.GetMetadataResponse.Parser.ParseFrom));
        await c.Invoker.AsyncUnaryCall(method, null, default, new Rpc.GetMetadataRequest());
    }
}
