using System.Diagnostics;
using System.Text.Json.Nodes;
using Dapr.Client;
using Grpc.Core;
using Rpc = Dapr.Client.Autogen.Grpc.v1;

namespace Danube.Dapr.Conformance.Areas;

internal static class InvocationBehaviours
{
    private const string Area = "invocation";
    private const string NoRoute = "failed getting app id either from the URL path or the header dapr-app-id";

    public static IEnumerable<Behaviour> All() =>
    [
        .. new[] { "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS" }.Select(verb => new Behaviour(Area, $"{verb} reaches the app with its body", async c =>
        {
            var echo = await EchoAsync(c, verb, $"/v1.0/invoke/{c.AppId}/method/echo/{verb}", verb is "GET" or "OPTIONS" ? null : """{"a":1}""");
            Check.Equal((verb, "/echo/" + verb, verb is "GET" or "OPTIONS" ? "" : """{"a":1}"""), ((string?)echo["method"], (string?)echo["path"], (string?)echo["body"]));
        })),
        new(Area, "HEAD reaches the app, its headers come back", async c =>
        {
            var answer = Check.Status(200, await c.SendAsync("HEAD", $"/v1.0/invoke/{c.AppId}/method/echo/head"));
            Check.Equal(("yes", ""), (answer.Header("x-echo"), answer.Body));
        }),
        new(Area, "the verb QUERY reaches the app as POST", async c => Check.Equal("POST", (string?)(await EchoAsync(c, "QUERY", $"/v1.0/invoke/{c.AppId}/method/echo/q", "{}"))["method"])),
        new(Area, "the query arrives as it was", async c => Check.Equal("?x=1&y=a%20b&x=2&z=%C3%BC", (string?)(await EchoAsync(c, "GET", $"/v1.0/invoke/{c.AppId}/method/echo/q?x=1&y=a%20b&x=2&z=%C3%BC"))["query"])),
        Path("%2F in the path is decoded", "echo/x%2Fy", "/echo/x/y"),
        Path("a double slash in the path is cleaned", "/echo/ds", "/echo/ds"),
        Path(".. in the path is resolved", "echo/a/%2E%2E/b", "/echo/b"),
        Path("a space in the path arrives", "echo/a%20b", "/echo/a b"),
        new(Area, "a double slash before v1.0 is cleaned", async c => Check.Equal("/echo/ds", (string?)(await EchoAsync(c, "GET", $"//v1.0/invoke/{c.AppId}/method/echo/ds"))["path"])),
        new(Area, "an app id with the namespace is found", async c => Check.Equal("/echo/ns", (string?)(await EchoAsync(c, "GET", $"/v1.0/invoke/{c.AppId}.default/method/echo/ns"))["path"])),
        new(Area, "the header dapr-app-id makes any path an invocation", async c =>
        {
            var answer = Check.Status(200, await c.SendAsync("GET", "/echo/by-header?x=1", null, ("dapr-app-id", c.AppId)));
            Check.Equal("/echo/by-header", (string?)JsonNode.Parse(answer.Body)!["path"]);
        }),
        new(Area, "request headers reach the app", async c =>
        {
            var echo = JsonNode.Parse((await c.SendAsync("GET", $"/v1.0/invoke/{c.AppId}/method/echo/h", null, ("x-mine", "v1"))).Body)!;
            Check.Equal("v1", Header(echo, "x-mine"));
        }),
        new(Area, "a call to the own app gets no caller headers", async c =>
        {
            var echo = await EchoAsync(c, "GET", $"/v1.0/invoke/{c.AppId}/method/echo/own");
            Check.Equal((null, null), (Header(echo, "Dapr-Caller-App-Id"), Header(echo, "X-Forwarded-For")));
        }),
        new Behaviour(Area, "a call to another app carries caller, callee and forwarded headers", async c =>
        {
            var neighbour = await c.Lab.NeighbourAsync();
            var echo = await EchoAsync(c, "POST", $"/v1.0/invoke/{neighbour.AppId}/method/echo/other?x=1", """{"a":1}""");
            Check.Equal((c.AppId, "default", neighbour.AppId), (Header(echo, "Dapr-Caller-App-Id"), Header(echo, "Dapr-Caller-Namespace"), Header(echo, "Dapr-Callee-App-Id")));
            Check.True(Header(echo, "Forwarded") is { Length: > 0 } && Header(echo, "X-Forwarded-For") is { Length: > 0 } && Header(echo, "X-Forwarded-Host") is { Length: > 0 }, "Forwarded, X-Forwarded-For, X-Forwarded-Host", echo["headers"]!.ToJsonString());
        }).Launching(),
        new Behaviour(Area, "another app's 500 and 404 come back as they are", async c =>
        {
            var neighbour = await c.Lab.NeighbourAsync();
            Check.Contains("always answers 500", Check.Status(500, await c.SendAsync("GET", $"/v1.0/invoke/{neighbour.AppId}/method/boom")).Body);
            Check.Status(404, await c.SendAsync("GET", $"/v1.0/invoke/{neighbour.AppId}/method/no-such"));
        }).Launching(),
        new(Area, "response headers come back, repeated ones too, with Traceparent", async c =>
        {
            var answer = await c.SendAsync("GET", $"/v1.0/invoke/{c.AppId}/method/echo/r");
            Check.Sequence(["one", "two"], answer.Headers.GetValueOrDefault("x-multi") ?? []);
            Check.True(answer.Header("Traceparent")?.Length == 55, "a Traceparent", answer.Header("Traceparent"));
        }),
        new(Area, "an answer without a type is application/json", async c => Check.Equal(("application/json", "plain"), (await c.SendAsync("GET", $"/v1.0/invoke/{c.AppId}/method/untyped")) is var a ? (a.ContentType, a.Body) : default)),
        new(Area, "binary bodies pass both ways", async c =>
        {
            byte[] bytes = [0, 1, 2, 250, 255, 10, 13];
            var answer = await c.SendAsync("POST", $"/v1.0/invoke/{c.AppId}/method/bytes", bytes, "application/octet-stream");
            Check.Sequence(bytes.Reverse(), answer.Bytes);
        }),
        new(Area, "1 MiB passes both ways", async c =>
        {
            var bytes = new byte[1024 * 1024];
            Random.Shared.NextBytes(bytes);
            var answer = await c.SendAsync("POST", $"/v1.0/invoke/{c.AppId}/method/bytes", bytes, "application/octet-stream");
            Check.True(answer.Bytes.AsSpan().SequenceEqual(bytes.Reverse().ToArray()), "the bytes reversed", answer.Bytes.Length);
        }),
        new(Area, "form data passes", async c =>
        {
            var answer = await c.SendAsync("POST", $"/v1.0/invoke/{c.AppId}/method/echo/form", "a=1+2&b=%C3%BC"u8.ToArray(), "application/x-www-form-urlencoded");
            var echo = JsonNode.Parse(answer.Body)!;
            Check.Equal(("a=1+2&b=%C3%BC", "application/x-www-form-urlencoded"), ((string?)echo["body"], Header(echo, "Content-Type")));
        }),
        new(Area, "5 MiB is 500 ERR_DIRECT_INVOKE", async c => Check.Contains("ERR_DIRECT_INVOKE", Check.Status(500, await c.SendAsync("POST", $"/v1.0/invoke/{c.AppId}/method/bytes", new byte[5 * 1024 * 1024], "application/octet-stream")).Body)),
        new(Area, "204 of the app comes back without a body", async c => Check.Equal((204, ""), await c.SendAsync("GET", $"/v1.0/invoke/{c.AppId}/method/empty") is var a ? (a.Status, a.Body) : default)),
        new(Area, "404 of the app comes back", async c => Check.Status(404, await c.SendAsync("GET", $"/v1.0/invoke/{c.AppId}/method/no-such-route"))),
        new(Area, "405 of the app comes back", async c => Check.Status(405, await c.SendAsync("DELETE", $"/v1.0/invoke/{c.AppId}/method/teapot"))),
        new(Area, "418 of the app comes back with its text", async c => Check.Equal((418, "short and stout"), await c.SendAsync("GET", $"/v1.0/invoke/{c.AppId}/method/teapot") is var a ? (a.Status, a.Body) : default)),
        new(Area, "500 of the app comes back with body and type", async c =>
        {
            var answer = Check.Status(500, await c.SendAsync("GET", $"/v1.0/invoke/{c.AppId}/method/boom"));
            Check.Contains("always answers 500", answer.Body);
            Check.Equal("application/problem+json", answer.ContentType);
        }),
        new(Area, "a redirect comes back untouched", async c => Check.Equal((302, "/echo/redirected"), await c.SendAsync("GET", $"/v1.0/invoke/{c.AppId}/method/redirect") is var a ? (a.Status, a.Header("Location")) : default)),
        new(Area, "an unknown app is 500 ERR_DIRECT_INVOKE, soon", async c =>
        {
            var clock = Stopwatch.StartNew();
            var error = JsonNode.Parse(Check.Status(500, await c.SendAsync("GET", "/v1.0/invoke/no-such-app/method/echo")).Body)!;
            Check.Equal("ERR_DIRECT_INVOKE", (string?)error["errorCode"]);
            Check.Contains("failed to invoke, id: no-such-app, err: ", (string?)error["message"]);
            Check.True(clock.Elapsed < TimeSpan.FromSeconds(30), "an answer within seconds", clock.Elapsed);
        }),
        new(Area, "no method is 404 ERR_DIRECT_INVOKE", async c => Check.Error(404, "ERR_DIRECT_INVOKE", NoRoute, await c.SendAsync("GET", $"/v1.0/invoke/{c.AppId}"))),
        new(Area, "no app id is 404 ERR_DIRECT_INVOKE", async c => Check.Error(404, "ERR_DIRECT_INVOKE", NoRoute, await c.SendAsync("GET", "/v1.0/invoke//method/echo"))),
        new(Area, "InvokeMethodAsync posts and reads JSON", async c => Check.Equal("/echo/sdk", (string?)(await c.Dapr.InvokeMethodAsync<object, JsonObject>(HttpMethod.Post, c.AppId, "echo/sdk", new { Value = 7 }))["path"])),
        new(Area, "InvokeMethodAsync throws InvocationException for 500", async c => Check.Equal(500, (int)(await Check.Throws<InvocationException>(() => c.Dapr.InvokeMethodAsync<JsonObject>(HttpMethod.Get, c.AppId, "boom"))).Response.StatusCode)),
        new(Area, "CreateInvokeHttpClient calls the app", async c =>
        {
            using var client = DaprClient.CreateInvokeHttpClient(c.AppId, c.HttpAddress.ToString());
            Check.Equal("?x=1", (string?)(await client.GetFromJsonAsync<JsonObject>("/echo/client?x=1"))!["query"]);
        }),
        new(Area, "gRPC InvokeService gets the app's body, type and headers, and dapr-http-status", async c =>
        {
            var call = c.Grpc.InvokeServiceAsync(Invoke(c, "echo/grpc", Rpc.HTTPExtension.Types.Verb.Post), new Metadata { { "x-mine", "grpc" } });
            var answer = await call;
            var echo = JsonNode.Parse(answer.Data.Value.ToStringUtf8())!;
            Check.Equal(("POST", "/echo/grpc", "?x=1", "application/json"), ((string?)echo["method"], (string?)echo["path"], (string?)echo["query"], answer.ContentType));
            Check.Equal("grpc", Header(echo, "X-Mine"));
            var headers = await call.ResponseHeadersAsync;
            Check.Equal(("200", "yes", "two"), (headers.GetValue("dapr-http-status"), headers.GetValue("x-echo"), headers.GetValue("x-multi")));
        }),
        new(Area, "gRPC InvokeService: the app's 404 is NotFound", c => Check.Rpc(StatusCode.NotFound, "Not Found", async () => await c.Grpc.InvokeServiceAsync(Invoke(c, "nope", Rpc.HTTPExtension.Types.Verb.Get)))),
        new(Area, "gRPC InvokeService: the app's 500 is Unknown", c => Check.Rpc(StatusCode.Unknown, "Internal Server Error", async () => await c.Grpc.InvokeServiceAsync(Invoke(c, "boom", Rpc.HTTPExtension.Types.Verb.Get)))),
        new(Area, "10 slow calls run at the same time", async c =>
        {
            var clock = Stopwatch.StartNew();
            await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => c.SendAsync("GET", $"/v1.0/invoke/{c.AppId}/method/slow/1000")));
            Check.True(clock.Elapsed < TimeSpan.FromSeconds(9), "less than one after another", clock.Elapsed);
        }),
        new(Area, "a caller that gives up cancels the app's request", async c =>
        {
            var mark = Stage.Id("abort");
            using var client = DaprClient.CreateInvokeHttpClient(c.AppId, c.HttpAddress.ToString());
            using var soon = new CancellationTokenSource(TimeSpan.FromMilliseconds(500));
            await Check.Throws<OperationCanceledException>(() => client.GetStringAsync($"/slow/60000?mark={mark}", soon.Token));
            await c.Inbox.ActorEventsAsync("app", "aborted", mark, 1);
        }),
    ];

    private static Behaviour Path(string name, string path, string expected) =>
        new(Area, name, async c => Check.Equal(expected, (string?)(await EchoAsync(c, "GET", $"/v1.0/invoke/{c.AppId}/method/{path}"))["path"]));

    private static Rpc.InvokeServiceRequest Invoke(Stage c, string method, Rpc.HTTPExtension.Types.Verb verb) => new()
    {
        Id = c.AppId,
        Message = new Rpc.InvokeRequest
        {
            Method = method,
            ContentType = "application/json",
            Data = Stage.Raw("""{"a":1}"""),
            HttpExtension = new Rpc.HTTPExtension { Verb = verb, Querystring = "x=1" },
        },
    };

    private static async Task<JsonNode> EchoAsync(Stage c, string verb, string path, string? json = null) => JsonNode.Parse(Check.Status(200, await c.SendAsync(verb, path, json)).Body)!;

    private static string? Header(JsonNode echo, string name) => (string?)echo["headers"]!.AsObject().FirstOrDefault(h => h.Key.Equals(name, StringComparison.OrdinalIgnoreCase)).Value;
}
