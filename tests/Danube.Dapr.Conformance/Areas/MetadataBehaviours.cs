using System.Text;
using System.Text.Json.Nodes;
using Danube.Dapr.Conformance.App;
using Rpc = Dapr.Client.Autogen.Grpc.v1;

namespace Danube.Dapr.Conformance.Areas;

internal static class MetadataBehaviours
{
    private const string Area = "metadata";

    public static IEnumerable<Behaviour> All() =>
    [
        new(Area, "GET is 200 application/json", async c => Check.Equal("application/json", Check.Status(200, await c.SendAsync("GET", "/v1.0/metadata")).ContentType)),
        new(Area, "id is the app id", async c => Check.Equal(c.AppId, (string?)(await c.MetadataAsync())["id"])),
        new(Area, "runtimeVersion is told, and again in extended", async c =>
        {
            var m = await c.MetadataAsync();
            Check.True(Version.TryParse(((string?)m["runtimeVersion"])?.Split('-')[0], out _), "a version", m["runtimeVersion"]);
            Check.Equal((string?)m["runtimeVersion"], (string?)m["extended"]!["daprRuntimeVersion"]);
        }),
        new(Area, "components are listed with type, version and capabilities; the actor store has ACTOR", async c =>
        {
            var store = await ComponentAsync(c, c.Store);
            Check.True(((string?)store["type"])?.StartsWith("state.", StringComparison.Ordinal) == true, "a state store", store);
            var capabilities = store["capabilities"]!.AsArray().Select(x => (string?)x).ToList();
            Check.True(capabilities.Contains("ETAG") && capabilities.Contains("TRANSACTIONAL") && capabilities.Contains("ACTOR"), "ETAG, TRANSACTIONAL, ACTOR", store);
            Check.Contains("pubsub.", (string?)(await ComponentAsync(c, c.PubSub))["type"]);
        }),
        new(Area, "subscriptions of the app are listed as PROGRAMMATIC with their rule and an empty deadLetterTopic", async c =>
        {
            var s = await SubscriptionAsync(c, Topics.Normal);
            Check.Equal("PROGRAMMATIC", (string?)s["type"]);
            Check.Equal(c.PubSub, (string?)s["pubsubname"]);
            Check.Equal("", (string?)s["deadLetterTopic"]);
            Check.Equal("events/normal", ((string?)s["rules"]![0]!["path"])?.TrimStart('/'));
        }),
        new(Area, "a dead letter topic is listed", async c => Check.Equal(Topics.Dead, (string?)(await SubscriptionAsync(c, Topics.FailDead))["deadLetterTopic"])),
        new Behaviour(Area, "a Subscription file is listed as DECLARATIVE", async c => Check.Equal("DECLARATIVE", (string?)(await SubscriptionAsync(c, Topics.Declared))["type"])).Launching(),
        new(Area, "appConnectionProperties names port, protocol and address", async c =>
        {
            var app = (await c.MetadataAsync())["appConnectionProperties"]!;
            Check.Equal(c.Options.AppPort, (int?)app["port"]);
            Check.Equal("http", (string?)app["protocol"]);
            Check.Equal("127.0.0.1", (string?)app["channelAddress"]);
        }),
        new(Area, "actorRuntime is RUNNING, hostReady, with the app's types and the placement connected", async c =>
        {
            var runtime = (await c.MetadataAsync())["actorRuntime"]!;
            Check.Equal("RUNNING", (string?)runtime["runtimeStatus"]);
            Check.Equal(true, (bool?)runtime["hostReady"]);
            Check.Equal("placement: connected", (string?)runtime["placement"]);
            var types = runtime["activeActors"]!.AsArray().Select(a => (string?)a!["type"]).ToList();
            Check.True(types.Contains(c.ActorType) && types.Contains(c.IdleActorType), $"{c.ActorType} and {c.IdleActorType}", runtime);
        }),
        new(Area, "an active actor is counted", async c =>
        {
            var (actor, seen) = (c.Actor(Stage.Id("counted")), "");
            // More than once: an app that does not answer for a moment on a busy machine counts as gone, and its actors with it.
            await Stage.UntilAsync(async () =>
            {
                await actor.Nothing();
                var actors = (await c.MetadataAsync())["actors"]!.AsArray();
                seen = actors.ToJsonString();
                return actors.Any(a => (string?)a!["type"] == c.ActorType && (int?)a["count"] >= 1);
            }, () => $"a count of at least 1, not {seen}");
        }),
        new(Area, "workflow actor types are among the active ones while a worker is connected", async c =>
        {
            var types = (await c.MetadataAsync())["actorRuntime"]!["activeActors"]!.AsArray().Select(a => (string?)a!["type"]).ToList();
            Check.True(types.Contains($"dapr.internal.default.{c.AppId}.workflow"), "dapr.internal…workflow", string.Join(", ", types));
        }),
        new(Area, "connectedWorkers counts the workflow worker", async c => Check.Equal(1, (int?)(await c.MetadataAsync())["workflows"]!["connectedWorkers"])),
        new(Area, "PUT of an attribute is 204 and the attribute is in extended", async c =>
        {
            var key = Stage.Id("put");
            Check.NoContent(await c.SendAsync("PUT", "/v1.0/metadata/" + key, Encoding.UTF8.GetBytes("from http"), "text/plain"));
            Check.Equal("from http", (string?)(await c.MetadataAsync())["extended"]![key]);
        }),
        new(Area, "SetMetadataAsync keeps letters outside ASCII", async c =>
        {
            var key = Stage.Id("set");
            await c.Dapr.SetMetadataAsync(key, "ü €");
            Check.Equal("ü €", (await c.Dapr.GetMetadataAsync()).Extended[key]);
        }),
        new(Area, "GetMetadataAsync has id, actors and components", async c =>
        {
            var m = await c.Dapr.GetMetadataAsync();
            Check.Equal(c.AppId, m.Id);
            Check.True(m.Actors.Any(a => a.Type == c.ActorType), c.ActorType, string.Join(", ", m.Actors.Select(a => a.Type)));
            Check.True(m.Components.Any(k => k.Name == c.Store), c.Store, string.Join(", ", m.Components.Select(k => k.Name)));
        }),
        new(Area, "gRPC GetMetadata tells actor runtime, subscriptions and the app's connection", async c =>
        {
            var m = await c.Grpc.GetMetadataAsync(new Rpc.GetMetadataRequest());
            Check.Equal(true, m.ActorRuntime.HostReady);
            Check.True(m.Subscriptions.Any(s => s.Topic == Topics.Normal), Topics.Normal, m);
            Check.Equal(c.Options.AppPort, m.AppConnectionProperties.Port);
        }),
    ];

    private static async Task<JsonNode> ComponentAsync(Stage c, string name)
    {
        var all = (await c.MetadataAsync())["components"]!.AsArray();
        return all.FirstOrDefault(k => (string?)k!["name"] == name) ?? throw new MismatchException($"component {name}", all.ToJsonString());
    }

    private static async Task<JsonNode> SubscriptionAsync(Stage c, string topic)
    {
        var all = (await c.MetadataAsync())["subscriptions"]!.AsArray();
        return all.FirstOrDefault(s => (string?)s!["topic"] == topic) ?? throw new MismatchException($"a subscription to {topic}", all.ToJsonString());
    }
}
