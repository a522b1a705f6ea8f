using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Dapr;
using Danube.Dapr.Conformance.App;
using Grpc.Core;
using Rpc = Dapr.Client.Autogen.Grpc.v1;

namespace Danube.Dapr.Conformance.Areas;

/// <summary>Publishing, and the envelope that comes of it.</summary>
internal static class PublishBehaviours
{
    private const string Area = "pubsub";

    public static IEnumerable<Behaviour> All() =>
    [
        new(Area, "an object arrives as data of a CloudEvent", async c =>
        {
            var mark = Stage.Id("json");
            await c.Dapr.PublishEventAsync(c.PubSub, Topics.Normal, new { mark, n = 1 });
            Check.Json($$"""{"mark":"{{mark}}","n":1}""", (await c.Inbox.EventAsync("normal", mark)).Json["data"]!.ToJsonString());
        }),
        new(Area, "the envelope has exactly daprd's members, in alphabetical order", async c =>
        {
            var e = await PublishedAsync(c);
            Check.Sequence(
                ["data", "datacontenttype", "id", "pubsubname", "source", "specversion", "time", "topic", "traceid", "traceparent", "tracestate", "type"],
                e.Json.AsObject().Select(m => m.Key));
        }),
        Envelope("id is a uuid", (_, e) => Check.True(Guid.TryParse((string?)e["id"], out Guid _), "a uuid", e["id"])),
        Envelope("source is the app id", (c, e) => Check.Equal(c.AppId, (string?)e["source"])),
        Envelope("type is com.dapr.event.sent, specversion 1.0", (_, e) => Check.Equal(("com.dapr.event.sent", "1.0"), ((string?)e["type"], (string?)e["specversion"]))),
        Envelope("topic and pubsubname are told", (c, e) => Check.Equal((Topics.Normal, c.PubSub), ((string?)e["topic"], (string?)e["pubsubname"]))),
        Envelope("time is RFC 3339 in whole seconds", (_, e) => Check.True(((string?)e["time"]) is { Length: 20 } t && t.EndsWith('Z'), "yyyy-MM-ddTHH:mm:ssZ", e["time"])),
        Envelope("traceid and traceparent are the same W3C text, tracestate is empty", (_, e) =>
        {
            Check.Equal((string?)e["traceid"], (string?)e["traceparent"]);
            Check.True(((string?)e["traceid"])?.Split('-') is ["00", { Length: 32 }, { Length: 16 }, "01"], "00-…-…-01", e["traceid"]);
            Check.Equal("", (string?)e["tracestate"]);
        }),
        Envelope("an object's datacontenttype is application/json", (_, e) => Check.Equal("application/json", (string?)e["datacontenttype"])),
        Bytes("octets become data_base64", "application/octet-stream", m => m, (m, e) =>
        {
            Check.Equal(Convert.ToBase64String(Encoding.UTF8.GetBytes(m)), (string?)e["data_base64"]);
            Check.Equal("application/octet-stream", (string?)e["datacontenttype"]);
        }),
        Bytes("text stays text", "text/plain", m => m, (m, e) => Check.Equal((m, "text/plain"), ((string?)e["data"], (string?)e["datacontenttype"]))),
        Bytes("JSON bytes become a JSON value", "application/json", m => $$"""{"mark":"{{m}}"}""", (m, e) => Check.Equal(m, (string?)e["data"]!["mark"])),
        Bytes("bytes that claim to be JSON and are not stay text", "application/json", m => m + " not json", (m, e) => Check.Equal(m + " not json", (string?)e["data"])),
        new(Area, "an event without data has data \"\" and text/plain", async c =>
        {
            var mark = Stage.Id("none");
            await c.Dapr.PublishEventAsync(c.PubSub, Topics.Normal, new Dictionary<string, string> { ["mark"] = mark });
            var all = await WithHeaderAsync(c, "mark", mark);
            Check.Equal(("", "text/plain"), ((string?)all.Json["data"], (string?)all.Json["datacontenttype"]));
        }),
        new(Area, "the SDK's CloudEvent keeps type, source and subject and gets no id", async c =>
        {
            var mark = Stage.Id("ce");
            await c.Dapr.PublishEventAsync(c.PubSub, Topics.Normal, new CloudEvent<string>(mark) { Type = "my.type", Source = new Uri("urn:mine"), Subject = "my-subject" });
            var e = (await c.Inbox.EventAsync("normal", mark)).Json;
            Check.Equal(("my.type", "urn:mine", "my-subject", null), ((string?)e["type"], (string?)e["source"], (string?)e["subject"], (string?)e["id"]));
        }),
        new(Area, "metadata cloudevent.id, type and source override the envelope", async c =>
        {
            var mark = Stage.Id("md");
            await c.Dapr.PublishEventAsync(c.PubSub, Topics.Normal, new { mark }, new Dictionary<string, string> { ["cloudevent.id"] = mark, ["cloudevent.type"] = "my.md", ["cloudevent.source"] = "my-source" });
            var e = (await c.Inbox.EventAsync("normal", mark)).Json;
            Check.Equal((mark, "my.md", "my-source"), ((string?)e["id"], (string?)e["type"], (string?)e["source"]));
        }),
        new(Area, "ttlInSeconds adds an expiration", async c =>
        {
            var mark = Stage.Id("ttl");
            await c.Dapr.PublishEventAsync(c.PubSub, Topics.Normal, new { mark }, new Dictionary<string, string> { ["ttlInSeconds"] = "60" });
            var e = (await c.Inbox.EventAsync("normal", mark)).Json;
            var left = DateTimeOffset.Parse((string)e["expiration"]!, System.Globalization.CultureInfo.InvariantCulture) - DateTimeOffset.Parse((string)e["time"]!, System.Globalization.CultureInfo.InvariantCulture);
            Check.Equal(60, (int)Math.Round(left.TotalSeconds / 2) * 2);
        }),
        new(Area, "HTTP publish is 204, its Content-Type becomes datacontenttype", async c =>
        {
            var mark = Stage.Id("http");
            Check.NoContent(await PostAsync(c, $$"""{"mark":"{{mark}}"}""", "application/json; charset=utf-8"));
            Check.Equal("application/json; charset=utf-8", (string?)(await c.Inbox.EventAsync("normal", mark)).Json["datacontenttype"]);
        }),
        new(Area, "HTTP PUT publishes too", async c =>
        {
            var mark = Stage.Id("put");
            Check.NoContent(await c.SendAsync("PUT", $"/v1.0/publish/{c.PubSub}/{Topics.Normal}", Encoding.UTF8.GetBytes($"\"{mark}\""), "application/json"));
            await c.Inbox.EventAsync("normal", mark);
        }),
        new(Area, "HTTP publish without Content-Type is text/plain", async c =>
        {
            var mark = Stage.Id("notype");
            Check.NoContent(await c.SendAsync("POST", $"/v1.0/publish/{c.PubSub}/{Topics.Normal}", Encoding.UTF8.GetBytes(mark), null));
            var e = (await c.Inbox.EventAsync("normal", mark)).Json;
            Check.Equal((mark, "text/plain"), ((string?)e["data"], (string?)e["datacontenttype"]));
        }),
        new(Area, "HTTP publish of a CloudEvent keeps id and type, overwrites topic and pubsubname", async c =>
        {
            var mark = Stage.Id("ce");
            Check.NoContent(await PostAsync(c, $$$"""{"specversion":"1.0","id":"{{{mark}}}","type":"my.http","source":"urn:http","topic":"other","datacontenttype":"application/json","data":{"a":1}}""", "application/cloudevents+json"));
            var e = (await c.Inbox.EventAsync("normal", mark)).Json;
            Check.Equal((mark, "my.http", "urn:http", Topics.Normal, c.PubSub), ((string?)e["id"], (string?)e["type"], (string?)e["source"], (string?)e["topic"], (string?)e["pubsubname"]));
        }),
        new(Area, "a CloudEvent that is no JSON is 500 ERR_PUBSUB_CLOUD_EVENTS_SER", async c =>
            Check.DetailedError(500, "ERR_PUBSUB_CLOUD_EVENTS_SER", "cannot create cloudevent", await PostAsync(c, "{\"id\":1", "application/cloudevents+json"))),
        new(Area, "an unknown pub/sub is 404 ERR_PUBSUB_NOT_FOUND with details", async c => Check.Body(
            404,
            """{"errorCode":"ERR_PUBSUB_NOT_FOUND","message":"pubsub no-such-pubsub is not found","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","domain":"dapr.io","metadata":{},"reason":"DAPR_PUBSUB_NOT_FOUND"}]}""",
            await c.SendAsync("POST", "/v1.0/publish/no-such-pubsub/t", """{"a":1}"""))),
        new(Area, "an unknown pub/sub is InvalidArgument over gRPC", c => Check.Rpc(StatusCode.InvalidArgument, "pubsub no-such-pubsub is not found", () => c.Dapr.PublishEventAsync("no-such-pubsub", "t", new { a = 1 }))),
        new(Area, "HTTP publish without a topic is 404 ERR_DIRECT_INVOKE", async c => Check.Error(404, "ERR_DIRECT_INVOKE",
            "failed getting app id either from the URL path or the header dapr-app-id", await c.SendAsync("POST", $"/v1.0/publish/{c.PubSub}/", """{"a":1}"""))),
        new(Area, "an empty topic is InvalidArgument over gRPC", c => Check.Rpc(StatusCode.InvalidArgument, $"topic is empty in pubsub {c.PubSub}",
            async () => await c.Grpc.PublishEventAsync(new Rpc.PublishEventRequest { PubsubName = c.PubSub }))),
        new(Area, "a topic that nobody subscribes to is accepted", c => c.Dapr.PublishEventAsync(c.PubSub, Stage.Id("nobody"), new { a = 1 })),
        new(Area, "BulkPublishEventAsync has no failed entries and all arrive", async c =>
        {
            var mark = Stage.Id("bulk");
            var answer = await c.Dapr.BulkPublishEventAsync(c.PubSub, Topics.Normal, [new { mark, n = 1 }, new { mark, n = 2 }, new { mark, n = 3 }]);
            Check.Equal(0, answer.FailedEntries.Count);
            Check.Sequence([1, 2, 3], (await c.Inbox.EventsAsync("normal", mark, 3)).Select(e => (int)e.Json["data"]!["n"]!).Order());
        }),
        .. new[] { "v1.0", "v1.0-alpha1" }.Select(version => new Behaviour(Area, $"HTTP bulk publish under {version} is 204 and arrives", async c =>
        {
            var mark = Stage.Id("bulk");
            var body = $$"""[{"entryId":"a","event":{"mark":"{{mark}}"},"contentType":"application/json"},{"entryId":"b","event":"{{mark}} text","contentType":"text/plain"}]""";
            Check.NoContent(await c.SendAsync("POST", $"/{version}/publish/bulk/{c.PubSub}/{Topics.Normal}", body));
            var events = await c.Inbox.EventsAsync("normal", mark, 2);
            Check.True(events.Any(e => e.Json["data"] is JsonValue v && v.GetValueKind() == JsonValueKind.String && (string?)v == mark + " text"), "one as text", string.Join("; ", events.Select(e => e.Body)));
        })),
        new(Area, "a bulk publish with an entryId twice is 400 ERR_PUBSUB_EVENTS_SER", async c => Check.DetailedError(
            400,
            "ERR_PUBSUB_EVENTS_SER",
            $"error marshaling events to bytes for topic {Topics.Normal} pubsub {c.PubSub}. error: entryId is duplicated or not present for entry",
            await c.SendAsync("POST", $"/v1.0/publish/bulk/{c.PubSub}/{Topics.Normal}", """[{"entryId":"a","event":"x","contentType":"text/plain"},{"entryId":"a","event":"y","contentType":"text/plain"}]"""))),
    ];

    private static Behaviour Envelope(string name, Action<Stage, JsonNode> check) => new(Area, name, async c => check(c, (await PublishedAsync(c)).Json));

    private static Behaviour Bytes(string name, string contentType, Func<string, string> text, Action<string, JsonNode> check) => new(Area, name, async c =>
    {
        var mark = Stage.Id("bytes");
        var bytes = Encoding.UTF8.GetBytes(text(mark));
        await c.Dapr.PublishByteEventAsync(c.PubSub, Topics.Normal, bytes, contentType);
        var sought = contentType == "application/octet-stream" ? Convert.ToBase64String(bytes) : mark;
        check(mark, (await c.Inbox.EventAsync("normal", sought)).Json);
    });

    private static async Task<Received> PublishedAsync(Stage c)
    {
        var mark = Stage.Id("envelope");
        await c.Dapr.PublishEventAsync(c.PubSub, Topics.Normal, new { mark });
        return await c.Inbox.EventAsync("normal", mark);
    }

    private static async Task<Received> WithHeaderAsync(Stage c, string header, string value)
    {
        Received? found = null;
        await Stage.UntilAsync(() => Task.FromResult((found = c.Inbox.To("/events/normal").FirstOrDefault(r => r.Header(header) == value)) is not null), () => $"an event with header {header}");
        return found!;
    }

    private static Task<Answer> PostAsync(Stage c, string body, string contentType) =>
        c.SendAsync("POST", $"/v1.0/publish/{c.PubSub}/{Topics.Normal}", Encoding.UTF8.GetBytes(body), contentType);
}
