using System.Text;
using System.Text.Json.Nodes;
using Dapr;
using Danube.Dapr.Conformance.App;

namespace Danube.Dapr.Conformance.Areas;

/// <summary>How events reach the app, and what its answers do.</summary>
internal static class DeliveryBehaviours
{
    private const string Area = "pubsub";

    public static IEnumerable<Behaviour> All() =>
    [
        new(Area, "an event is a POST with application/cloudevents+json and a Content-Length", async c =>
        {
            var e = await DeliveredAsync(c, Topics.Normal, "normal");
            Check.Equal(("POST", "application/cloudevents+json"), (e.Method, e.Header("Content-Type")));
            Check.Equal(Encoding.UTF8.GetByteCount(e.Body).ToString(System.Globalization.CultureInfo.InvariantCulture), e.Header("Content-Length"));
        }),
        new(Area, "the component's name and the publish metadata arrive as headers", async c =>
        {
            var mark = Stage.Id("md");
            await c.Dapr.PublishEventAsync(c.PubSub, Topics.Normal, new { mark }, new Dictionary<string, string> { ["partitionKey"] = "pk-1" });
            var e = await c.Inbox.EventAsync("normal", mark);
            Check.Equal((c.PubSub, "pk-1"), (e.Header("Pubsubname"), e.Header("Partitionkey")));
        }),
        new(Area, "metadata in the query of an HTTP publish arrives as headers", async c =>
        {
            var mark = Stage.Id("query");
            Check.NoContent(await c.SendAsync("POST", $"/v1.0/publish/{c.PubSub}/{Topics.Normal}?metadata.ttlInSeconds=30&metadata.foo=bar", $"\"{mark}\""));
            var e = await c.Inbox.EventAsync("normal", mark);
            Check.Equal(("30", "bar"), (e.Header("Ttlinseconds"), e.Header("Foo")));
        }),
        Once("an empty 200 is a success: delivered once", Topics.Normal, "normal"),
        Once("SUCCESS: delivered once", Topics.Success, "success"),
        Once("200 with text is a success: delivered once", Topics.Text, "text"),
        Once("RETRY without a policy: delivered once (in-memory pub/sub does not redeliver)", Topics.Retry, "retry"),
        Once("500 without a policy: delivered once (in-memory pub/sub does not redeliver)", Topics.Fail, "fail"),
        Once("DROP: delivered once", Topics.Drop, "drop"),
        Once("404: delivered once", Topics.NotFound, "notfound"),
        Dying("500 with a dead letter topic: goes there", Topics.FailDead, "fail-dead"),
        Dying("DROP with a dead letter topic: goes there", Topics.DropDead, "drop-dead"),
        Dying("404 with a dead letter topic: goes there", Topics.NotFoundDead, "notfound-dead"),
        Dying("an unknown status with a dead letter topic: goes there", Topics.Odd, "odd"),
        new(Area, "a dead letter is the same envelope: same id, the first topic's name", async c =>
        {
            var mark = Stage.Id("letter");
            await c.Dapr.PublishEventAsync(c.PubSub, Topics.FailDead, new { mark });
            var first = (await c.Inbox.EventAsync("fail-dead", mark)).Json;
            var dead = (await c.Inbox.EventAsync("dead", mark)).Json;
            Check.Equal((string?)first["id"], (string?)dead["id"]);
            Check.Equal(Topics.FailDead, (string?)dead["topic"]);
        }),
        new(Area, "30 events in a row all arrive, in order (in-memory pub/sub)", async c =>
        {
            var mark = Stage.Id("order");
            for (var n = 0; n < 30; n++)
                await c.Dapr.PublishEventAsync(c.PubSub, Topics.Order, new { mark, n });
            Check.Sequence(Enumerable.Range(0, 30), (await c.Inbox.EventsAsync("order", mark, 30)).Select(e => (int)e.Json["data"]!["n"]!));
        }),
        new(Area, "an event that has expired is not delivered", async c =>
        {
            var mark = Stage.Id("expired");
            var body = $$"""{"specversion":"1.0","id":"{{mark}}","type":"t","source":"s","datacontenttype":"application/json","data":"x","expiration":"2020-01-01T00:00:00Z"}""";
            Check.NoContent(await c.SendAsync("POST", $"/v1.0/publish/{c.PubSub}/{Topics.Order}", Encoding.UTF8.GetBytes(body), "application/cloudevents+json"));
            var after = Stage.Id("after");
            await c.Dapr.PublishEventAsync(c.PubSub, Topics.Order, new { after });
            await c.Inbox.EventAsync("order", after);
            Check.Equal(0, c.Inbox.To("/events/order", mark).Count);
        }),
        new(Area, "a CEL rule picks its route", async c => await PublishTypedAsync(c, "conf.rule", "routed-rule")),
        new(Area, "an event that no rule picks takes the default route", async c => await PublishTypedAsync(c, "conf.other", "routed-default")),
        new(Area, "raw to raw: wrapped with source Dapr and data_base64, without time", async c =>
        {
            var mark = Stage.Id("raw");
            await c.Dapr.PublishByteEventAsync(c.PubSub, Topics.Raw, Encoding.UTF8.GetBytes(mark), "text/plain", new Dictionary<string, string> { ["rawPayload"] = "true" });
            var e = (await c.Inbox.EventAsync("raw", Convert.ToBase64String(Encoding.UTF8.GetBytes(mark)))).Json;
            Check.Equal(("Dapr", "application/octet-stream", null), ((string?)e["source"], (string?)e["datacontenttype"], (string?)e["time"]));
        }),
        new(Area, "raw to a normal subscription: bare, still as application/cloudevents+json", async c =>
        {
            var mark = Stage.Id("raw");
            await c.Dapr.PublishByteEventAsync(c.PubSub, Topics.Normal, Encoding.UTF8.GetBytes($$"""{"mark":"{{mark}}"}"""), "application/json", new Dictionary<string, string> { ["rawPayload"] = "true" });
            var e = await c.Inbox.EventAsync("normal", mark);
            Check.Json($$"""{"mark":"{{mark}}"}""", e.Body);
            Check.Equal("application/cloudevents+json", e.Header("Content-Type"));
        }),
        new(Area, "a bulk subscription gets the envelope in entries of a com.dapr.event.sent.bulk", async c =>
        {
            var mark = Stage.Id("bulk");
            await c.Dapr.PublishEventAsync(c.PubSub, Topics.Bulk, new { mark });
            var e = await c.Inbox.EventAsync("bulk", mark);
            Check.Equal("application/json", e.Header("Content-Type"));
            Check.Equal(("com.dapr.event.sent.bulk", Topics.Bulk, c.PubSub), ((string?)e.Json["type"], (string?)e.Json["topic"], (string?)e.Json["pubsubname"]));
            Check.Json($$"""{"pubsubName":"{{c.PubSub}}"}""", e.Json["metadata"]!.ToJsonString());
            var entry = e.Json["entries"]!.AsArray().First(x => x!.ToJsonString().Contains(mark, StringComparison.Ordinal))!;
            Check.Equal(mark, (string?)entry["event"]!["data"]!["mark"]);
            Check.Equal("application/cloudevents+json", (string?)entry["contentType"]);
            Check.True(entry["entryId"] is not null && entry["metadata"] is null, "an entryId, metadata null", entry);
        }),
        new Behaviour(Area, "a Subscription file delivers to its route", async c => await DeliveredAsync(c, Topics.Declared, "declared")).Launching(),
        new Behaviour(Area, "another app gets its own copy of an event", async c =>
        {
            var neighbour = await c.Lab.NeighbourAsync();
            var mark = Stage.Id("own");
            await neighbour.Dapr.PublishEventAsync(neighbour.PubSub, Topics.Normal, new { mark });
            await neighbour.Inbox.EventAsync("normal", mark);
            Check.Equal(neighbour.AppId, (string?)neighbour.Inbox.To("/events/normal", mark)[0].Json["source"]);
        }).Launching(),
        Retried("with an inbound retry policy RETRY comes again until SUCCESS", Topics.Retry, "retry", 3),
        Retried("with an inbound retry policy 500 comes again until 200", Topics.Fail, "fail", 3),
        Retried("with an inbound retry policy 404 is not delivered again", Topics.NotFound, "notfound", 1),
        Retried("with an inbound retry policy DROP is not delivered again", Topics.Drop, "drop", 1),
        new Behaviour(Area, "with an inbound retry policy a dead letter comes after all tries", async c =>
        {
            var retrying = await c.Lab.RetryingAsync();
            var mark = Stage.Id("tries");
            await retrying.Dapr.PublishEventAsync(retrying.PubSub, Topics.FailDead, new { mark });
            await retrying.Inbox.EventAsync("dead", mark);
            Check.Equal(6, retrying.Inbox.To("/events/fail-dead", mark).Count);
        }) { Waits = true }.Launching(),
    ];

    private static Behaviour Once(string name, string topic, string route) => new(Area, name, async c =>
    {
        await DeliveredAsync(c, topic, route, quietMs: 600);
    });

    private static Behaviour Dying(string name, string topic, string route) => new(Area, name, async c =>
    {
        var mark = Stage.Id(route);
        await c.Dapr.PublishEventAsync(c.PubSub, topic, new { mark });
        await c.Inbox.EventAsync("dead", mark);
        await Task.Delay(300);
        Check.Equal((1, 1), (c.Inbox.To("/events/" + route, mark).Count, c.Inbox.To("/events/dead", mark).Count), "deliveries to the route and to the dead letter topic");
    });

    private static Behaviour Retried(string name, string topic, string route, int deliveries) => new Behaviour(Area, name, async c =>
    {
        var retrying = await c.Lab.RetryingAsync();
        var mark = Stage.Id(route);
        await retrying.Dapr.PublishEventAsync(retrying.PubSub, topic, new { mark });
        var all = await retrying.Inbox.EventsAsync(route, mark, deliveries);
        await Task.Delay(800);
        Check.Equal(deliveries, retrying.Inbox.To("/events/" + route, mark).Count);
        Check.Equal(1, all.Select(e => (string?)e.Json["id"]).Distinct().Count(), "ids");
    }) { Waits = true }.Launching();

    private static async Task<Received> DeliveredAsync(Stage c, string topic, string route, int quietMs = 0)
    {
        var mark = Stage.Id(route);
        await c.Dapr.PublishEventAsync(c.PubSub, topic, new { mark });
        var e = await c.Inbox.EventAsync(route, mark);
        await Task.Delay(quietMs);
        Check.Equal(1, c.Inbox.To("/events/" + route, mark).Count, "deliveries");
        return e;
    }

    private static async Task PublishTypedAsync(Stage c, string type, string route)
    {
        var mark = Stage.Id(route);
        await c.Dapr.PublishEventAsync(c.PubSub, Topics.Routed, new CloudEvent<JsonNode>(JsonValue.Create(mark)) { Type = type, Source = new Uri("urn:conf") });
        Check.Equal(type, (string?)(await c.Inbox.EventAsync(route, mark)).Json["type"]);
    }
}
