using System.Text.Json.Nodes;
using Dapr;
using Dapr.AspNetCore;

namespace Danube.Dapr.Conformance.App;

/// <summary>The subscriptions; each route answers in its own way.</summary>
internal static class Topics
{
    public const string Normal = "conf-normal", Retry = "conf-retry", Fail = "conf-fail", Drop = "conf-drop", NotFound = "conf-404", Odd = "conf-odd",
        FailDead = "conf-fail-dead", DropDead = "conf-drop-dead", NotFoundDead = "conf-404-dead", Dead = "conf-dead", Raw = "conf-raw", Bulk = "conf-bulk",
        Order = "conf-order", Routed = "conf-routed", Declared = "conf-declared", Success = "conf-success", Text = "conf-text";

    /// <summary>Maps the routes and subscribes them. Without <paramref name="all"/> only what every app has: where apps share a broker, each that has a topic makes dead letters of its own.</summary>
    public static void Map(WebApplication app, Inbox inbox, string pubSub, bool all)
    {
        app.MapPost("/events/normal", () => Results.Ok()).WithMetadata(new TopicAttribute(pubSub, Normal));
        // No attribute: a Subscription in the resources folder names this route.
        app.MapPost("/events/declared", () => Results.Ok());
        if (!all)
            return;
        app.MapPost("/events/success", () => Status("SUCCESS")).WithTopic(pubSub, Success);
        app.MapPost("/events/text", () => Results.Text("thank you")).WithTopic(pubSub, Text);
        app.MapPost("/events/order", async () =>
        {
            await Task.Delay(Random.Shared.Next(0, 5));
            return Results.Ok();
        }).WithTopic(pubSub, Order);

        // Twice a failure, then fine: whether it comes again is for the sidecar to decide.
        app.MapPost("/events/retry", async (HttpRequest r) => Status(inbox.Count("retry" + await BodyAsync(r)) <= 2 ? "RETRY" : "SUCCESS")).WithTopic(pubSub, Retry);
        app.MapPost("/events/fail", async (HttpRequest r) => Results.StatusCode(inbox.Count("fail" + await BodyAsync(r)) <= 2 ? 500 : 200)).WithTopic(pubSub, Fail);
        app.MapPost("/events/drop", () => Status("DROP")).WithTopic(pubSub, Drop);
        app.MapPost("/events/notfound", () => Results.NotFound()).WithTopic(pubSub, NotFound);
        app.MapPost("/events/odd", () => Status("WAT")).WithTopic(Dying(Odd));

        app.MapPost("/events/fail-dead", () => Results.StatusCode(500)).WithTopic(Dying(FailDead));
        app.MapPost("/events/drop-dead", () => Status("DROP")).WithTopic(Dying(DropDead));
        app.MapPost("/events/notfound-dead", () => Results.NotFound()).WithTopic(Dying(NotFoundDead));
        app.MapPost("/events/dead", () => Results.Ok()).WithTopic(pubSub, Dead);

        app.MapPost("/events/raw", () => Results.Ok()).WithTopic(pubSub, Raw, enableRawPayload: true);
        app.MapPost("/events/routed-rule", () => Results.Ok()).WithTopic(new TopicOptions { PubsubName = pubSub, Name = Routed, Match = "event.type == \"conf.rule\"", Priority = 1 });
        app.MapPost("/events/routed-default", () => Results.Ok()).WithTopic(new TopicOptions { PubsubName = pubSub, Name = Routed });
        app.MapPost("/events/bulk", async (HttpRequest r) =>
        {
            var body = JsonNode.Parse(await BodyAsync(r))!;
            return Results.Json(new BulkSubscribeAppResponse(
                [.. body["entries"]!.AsArray().Select(e => new BulkSubscribeAppResponseEntry((string)e!["entryId"]!, BulkSubscribeAppResponseStatus.SUCCESS))]));
        }).WithTopic(pubSub, Bulk).WithBulkSubscribe(new BulkSubscribeTopicOptions { TopicName = Bulk, MaxMessagesCount = 20, MaxAwaitDurationMs = 100 });

        TopicOptions Dying(string topic) => new() { PubsubName = pubSub, Name = topic, DeadLetterTopic = Dead };
    }

    private static IResult Status(string status) => Results.Text(new JsonObject { ["status"] = status }.ToJsonString(), "application/json");

    private static async Task<string> BodyAsync(HttpRequest request)
    {
        using var reader = new StreamReader(request.Body);
        return await reader.ReadToEndAsync();
    }
}
