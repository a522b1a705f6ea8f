using System.Text;
using System.Text.Json.Nodes;
using Dapr.Client;
using Google.Protobuf;
using Grpc.Core;
using Rpc = Dapr.Client.Autogen.Grpc.v1;

namespace Danube.Dapr.Conformance.Areas;

/// <summary>Reading and writing, expiry, errors.</summary>
internal static class StateBehaviours
{
    private const string Area = "state";

    private static readonly (string Name, object Value, string Json)[] Values =
    [
        ("text with quotes", "a \"b\"", """
            "a \u0022b\u0022"
            """),
        ("a number", 42.5, "42.5"),
        ("true", true, "true"),
        ("an array", new[] { 1, 2, 3 }, "[1,2,3]"),
        ("empty text", "", "\"\""),
    ];

    public static IEnumerable<Behaviour> All() =>
    [
        new(Area, "what was saved is read back", async c =>
        {
            var key = Stage.Id("save");
            await c.Dapr.SaveStateAsync(c.Store, key, new Item("ü – first", 1));
            Check.Equal(new Item("ü – first", 1), await c.Dapr.GetStateAsync<Item>(c.Store, key));
        }),
        new(Area, "a save overwrites", async c =>
        {
            var key = Stage.Id("over");
            await c.Dapr.SaveStateAsync(c.Store, key, 1);
            await c.Dapr.SaveStateAsync(c.Store, key, 2);
            Check.Equal(2, await c.Dapr.GetStateAsync<int>(c.Store, key));
        }),
        new(Area, "a deleted key is missing", async c =>
        {
            var key = Stage.Id("delete");
            await c.Dapr.SaveStateAsync(c.Store, key, "x");
            await c.Dapr.DeleteStateAsync(c.Store, key);
            Check.Equal(null, await c.Dapr.GetStateAsync<string?>(c.Store, key));
        }),
        new(Area, "deleting a missing key is fine", c => c.Dapr.DeleteStateAsync(c.Store, Stage.Id("never"))),
        new(Area, "a missing key has no value and an empty etag", async c =>
        {
            var (value, etag) = await c.Dapr.GetStateAndETagAsync<string?>(c.Store, Stage.Id("missing"));
            Check.Equal((null, ""), (value, etag));
        }),
        new(Area, "bytes are kept as they are", async c =>
        {
            var key = Stage.Id("bytes");
            byte[] bytes = [0, 1, 2, 250, 255, 10, 13];
            await c.Dapr.SaveByteStateAsync(c.Store, key, bytes);
            Check.Sequence(bytes, (await c.Dapr.GetByteStateAsync(c.Store, key)).ToArray());
        }),
        .. Values.Select(v => new Behaviour(Area, $"the SDK's {v.Name} is stored as JSON", async c =>
        {
            var key = Stage.Id("json");
            await c.Dapr.SaveStateAsync(c.Store, key, v.Value);
            Check.Body(200, v.Json.Trim(), await c.SendAsync("GET", c.StatePath(key)));
        })),
        new(Area, "HTTP get of a saved null is 204 (in-memory, etcd) or 200 with length 0 (SQLite, Redis)", async c =>
        {
            var key = Stage.Id("null");
            await c.Dapr.SaveStateAsync<string?>(c.Store, key, null);
            var answer = await c.SendAsync("GET", c.StatePath(key));
            Check.Equal(c.Kind is StoreKind.Sqlite or StoreKind.Redis ? 200 : 204, answer.Status);
            Check.Equal("", answer.Body);
        }),
        new(Area, "HTTP get has Etag, Content-Length and application/json", async c =>
        {
            var key = Stage.Id("headers");
            await c.Dapr.SaveStateAsync(c.Store, key, "value");
            var answer = await c.SendAsync("GET", c.StatePath(key));
            Check.Body(200, "\"value\"", answer);
            Check.Equal("7", answer.Header("Content-Length"));
            Check.Equal((await c.Dapr.GetStateAndETagAsync<string>(c.Store, key)).Item2, answer.Header("ETag"));
        }),
        new(Area, "HTTP get of a missing key is 204", async c => Check.NoContent(await c.SendAsync("GET", c.StatePath(Stage.Id("missing"))))),
        new(Area, "HTTP delete of a missing key is 204", async c => Check.NoContent(await c.SendAsync("DELETE", c.StatePath(Stage.Id("missing"))))),
        .. new[] { "POST", "PUT" }.Select(verb => new Behaviour(Area, $"HTTP {verb} saves several keys, 204", async c =>
        {
            var key = Stage.Id("http");
            Check.NoContent(await c.SendAsync(verb, $"/v1.0/state/{c.Store}", $$$"""[{"key":"{{{key}}}","value":{"a":1,"b":"ü"}},{"key":"{{{key}}}2","value":"text"}]"""));
            Check.Body(200, """{"a":1,"b":"ü"}""", await c.SendAsync("GET", c.StatePath(key) + "?consistency=strong&metadata.contentType=application/json"));
            Check.Body(200, "\"text\"", await c.SendAsync("GET", c.StatePath(key + "2")));
        })),
        new(Area, "HTTP delete removes a key", async c =>
        {
            var key = Stage.Id("gone");
            await c.Dapr.SaveStateAsync(c.Store, key, 1);
            Check.NoContent(await c.SendAsync("DELETE", c.StatePath(key)));
            Check.NoContent(await c.SendAsync("GET", c.StatePath(key)));
        }),
        new(Area, "a body that is no JSON is 400 ERR_MALFORMED_REQUEST", async c => Check.Error(400, "ERR_MALFORMED_REQUEST",
            "invalid character 'n' looking for beginning of object key string", await c.SendAsync("POST", $"/v1.0/state/{c.Store}", "{not json"))),
        new(Area, "a body that is no array is 400 ERR_MALFORMED_REQUEST", async c => Check.Error(400, "ERR_MALFORMED_REQUEST",
            "json: cannot unmarshal object into Go value of type []state.SetRequest", await c.SendAsync("POST", $"/v1.0/state/{c.Store}", """{"key":"k","value":1}"""))),
        new(Area, "1 MiB is saved and read back", async c =>
        {
            var key = Stage.Id("large");
            var text = new string('x', 1024 * 1024);
            await c.Dapr.SaveStateAsync(c.Store, key, text);
            Check.Equal(text.Length, (await c.Dapr.GetStateAsync<string>(c.Store, key)).Length);
            await c.Dapr.DeleteStateAsync(c.Store, key);
        }),
        new(Area, "5 MiB over gRPC is ResourceExhausted", c => Check.Rpc(StatusCode.ResourceExhausted, null, () => c.Dapr.SaveStateAsync(c.Store, Stage.Id("huge"), new string('y', 5 * 1024 * 1024)))),
        new(Area, "GetBulkState has an item for each key, a missing one empty", async c =>
        {
            var key = Stage.Id("bulk");
            await c.Dapr.SaveBulkStateAsync(c.Store, [new SaveStateItem<int>(key + "1", 1, null!), new SaveStateItem<int>(key + "2", 2, null!)]);
            var items = (await c.Dapr.GetBulkStateAsync(c.Store, [key + "1", key + "2", key + "none"], 2)).ToDictionary(i => i.Key);
            Check.Equal(("1", "2", ""), (items[key + "1"].Value, items[key + "2"].Value, items[key + "none"].Value));
            Check.True(items[key + "1"].ETag.Length > 0 && items[key + "none"].ETag is null or "", "etags of the two that exist only", items[key + "none"].ETag);
        }),
        new(Area, "HTTP bulk get has key, data and etag; only the key of a missing one; a newline at the end", async c =>
        {
            var key = Stage.Id("bulk");
            await c.Dapr.SaveStateAsync(c.Store, key, new Item("bulk", 1));
            var answer = Check.Status(200, await c.SendAsync("POST", $"/v1.0/state/{c.Store}/bulk", $$"""{"keys":["{{key}}","{{key}}-none"],"parallelism":2}"""));
            var items = JsonNode.Parse(answer.Body)!.AsArray().ToDictionary(i => (string)i!["key"]!);
            Check.Json("""{"name":"bulk","n":1}""", items[key]!["data"]!.ToJsonString());
            Check.True(items[key]!["etag"] is not null, "an etag", answer.Body);
            Check.Json($$"""{"key":"{{key}}-none"}""", items[key + "-none"]!.ToJsonString());
            Check.True(answer.Body.EndsWith("]\n", StringComparison.Ordinal), "a newline at the end", answer.Body);
        }),
        new(Area, "DeleteBulkState removes all", async c =>
        {
            var key = Stage.Id("bulk");
            await c.Dapr.SaveStateAsync(c.Store, key + "1", 1);
            await c.Dapr.SaveStateAsync(c.Store, key + "2", 2);
            await c.Dapr.DeleteBulkStateAsync(c.Store, [new BulkDeleteStateItem(key + "1", null!), new BulkDeleteStateItem(key + "2", null!)]);
            Check.True((await c.Dapr.GetBulkStateAsync(c.Store, [key + "1", key + "2"], 2)).All(i => i.Value.Length == 0), "nothing left", "a value");
        }),
        new(Area, "ttlInSeconds: there at once, gone later", async c =>
        {
            var key = Stage.Id("ttl");
            await c.Dapr.SaveStateAsync(c.Store, key, "short", metadata: Ttl("6"));
            Check.Equal("short", await c.Dapr.GetStateAsync<string>(c.Store, key));
            await Stage.UntilAsync(async () => await c.Dapr.GetStateAsync<string?>(c.Store, key) is null, () => "the key to expire");
        }) { Waits = true },
        new Behaviour(Area, "an expiring key has ttlExpireTime in whole seconds (HTTP header, gRPC metadata)", async c =>
        {
            var key = Stage.Id("ttl");
            var before = DateTimeOffset.UtcNow;
            await c.Dapr.SaveStateAsync(c.Store, key, "x", metadata: Ttl("600"));
            var text = (await c.SendAsync("GET", c.StatePath(key))).Header("Metadata.ttlexpiretime");
            Check.True(text is { Length: 20 } && DateTimeOffset.TryParse(text, System.Globalization.CultureInfo.InvariantCulture, out var at) && Math.Abs((at - before).TotalSeconds - 600) < 60, "RFC 3339 in 600 s", text);
            Check.Equal(text, (await c.Grpc.GetStateAsync(new Rpc.GetStateRequest { StoreName = c.Store, Key = key })).Metadata["ttlExpireTime"]);
        }).Except("this store does not tell it", StoreKind.EtcdV1, StoreKind.Redis),
        new Behaviour(Area, "ttlInSeconds -1 removes an expiry", async c =>
        {
            var key = Stage.Id("ttl");
            await c.Dapr.SaveStateAsync(c.Store, key, "short", metadata: Ttl("2"));
            await c.Dapr.SaveStateAsync(c.Store, key, "long", metadata: Ttl("-1"));
            await Task.Delay(3500);
            Check.Equal("long", await c.Dapr.GetStateAsync<string>(c.Store, key));
        }) { Waits = true }.ExceptDaprdOnEtcd("the key vanishes"),
        new Behaviour(Area, "a ttlInSeconds that is no number is Internal", c => Check.Rpc(
            StatusCode.Internal,
            $"failed saving state in state store {c.Store}: {c.Kind switch { StoreKind.InMemory => "strconv.Atoi", StoreKind.Sqlite => "error parsing TTL: incorrect value for metadata 'ttlInSeconds': strconv.ParseInt", _ => "incorrect value for metadata 'ttlInSeconds': strconv.ParseInt" }}: parsing \"soon\": invalid syntax",
            () => c.Dapr.SaveStateAsync(c.Store, Stage.Id("ttl"), 1, metadata: Ttl("soon")))).Except("worded otherwise by this store", StoreKind.Redis),
        new(Area, "an unknown store is InvalidArgument on get", c => Check.Rpc(StatusCode.InvalidArgument, "state store no-such-store is not found", () => c.Dapr.GetStateAsync<string>("no-such-store", "k"))),
        new(Area, "an unknown store is InvalidArgument on save", c => Check.Rpc(StatusCode.InvalidArgument, "state store no-such-store is not found", () => c.Dapr.SaveStateAsync("no-such-store", "k", 1))),
        .. new[] { ("GET", "/v1.0/state/no-such-store/k", null), ("POST", "/v1.0/state/no-such-store", """[{"key":"k","value":1}]""") }.Select(r =>
            new Behaviour(Area, $"HTTP {r.Item1} of an unknown store is 400 ERR_STATE_STORE_NOT_FOUND with details", async c => Check.Body(
                400,
                $$$"""{"errorCode":"ERR_STATE_STORE_NOT_FOUND","message":"state store no-such-store is not found","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","domain":"dapr.io","metadata":{"appID":"{{{c.AppId}}}"},"reason":"DAPR_STATE_NOT_FOUND"}]}""",
                await c.SendAsync(r.Item1, r.Item2, r.Item3)))),
        new Behaviour(Area, "the query API is 500 ERR_STATE_STORE_NOT_SUPPORTED", async c => Check.Body(
            500,
            $$"""{"errorCode":"ERR_STATE_STORE_NOT_SUPPORTED","message":"state store does not support querying","details":[{"@type":"type.googleapis.com/google.rpc.ResourceInfo","description":"","owner":"","resource_name":"{{c.Store}}","resource_type":"state"},{"@type":"type.googleapis.com/google.rpc.ErrorInfo","domain":"dapr.io","metadata":null,"reason":"DAPR_STATE_QUERYING_NOT_SUPPORTED"}]}""",
            await c.SendAsync("POST", $"/v1.0-alpha1/state/{c.Store}/query", """{"filter":{},"page":{"limit":2}}"""))).Except("ERR_STATE_QUERY there", StoreKind.Redis),
        new(Area, "gRPC SaveState and GetState work without the SDK", async c =>
        {
            var key = Stage.Id("grpc");
            await c.Grpc.SaveStateAsync(new Rpc.SaveStateRequest { StoreName = c.Store, States = { new Rpc.StateItem { Key = key, Value = ByteString.CopyFromUtf8("raw") } } });
            var got = await c.Grpc.GetStateAsync(new Rpc.GetStateRequest { StoreName = c.Store, Key = key });
            Check.Equal("raw", Encoding.UTF8.GetString(got.Data.ToByteArray()));
            Check.True(got.Etag.Length > 0, "an etag", got);
        }),
    ];

    private static Dictionary<string, string> Ttl(string seconds) => new() { ["ttlInSeconds"] = seconds };

    internal sealed record Item(string Name, int N);
}
