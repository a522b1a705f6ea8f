using Dapr.Actors;
using Danube.Dapr.Conformance.App;

namespace Danube.Dapr.Conformance.Areas;

/// <summary>The state of actors.</summary>
internal static class ActorStateBehaviours
{
    private const string Area = "actors";

    public static IEnumerable<Behaviour> All() =>
    [
        new(Area, "state is set, read and removed", async c =>
        {
            var actor = c.Actor(Stage.Id("state"));
            await actor.Set(new Pair { Key = "k", Value = "v ü" });
            Check.Equal("v ü", await actor.Get("k"));
            Check.Equal((true, null, false), (await actor.Remove("k"), await actor.Get("k"), await actor.Remove("k")));
        }),
        new(Area, "state that a failing turn has set is not saved", async c =>
        {
            var actor = c.Actor(Stage.Id("rollback"));
            await Check.Throws<ActorMethodInvocationException>(() => actor.SetThenThrow(new Pair { Key = "x", Value = "lost" }));
            Check.Equal(null, await actor.Get("x"));
        }),
        new(Area, "HTTP get of state is 200 with the JSON", async c =>
        {
            var id = Stage.Id("get");
            await c.Actor(id).Increment(6);
            Check.Body(200, "6", await c.SendAsync("GET", c.ActorPath(id) + "/state/count"));
        }),
        new(Area, "HTTP get of missing state is 204", async c =>
        {
            var id = Stage.Id("get");
            await c.Actor(id).Nothing();
            Check.NoContent(await c.SendAsync("GET", c.ActorPath(id) + "/state/missing"));
        }),
        new(Area, "HTTP get of the state of an actor that never was is 204", async c => Check.NoContent(await c.SendAsync("GET", c.ActorPath(Stage.Id("never")) + "/state/count"))),
        new(Area, "HTTP transaction upserts and deletes, 204", async c =>
        {
            var id = Stage.Id("put");
            await c.Actor(id).Increment(1);
            Check.NoContent(await c.SendAsync("PUT", c.ActorPath(id) + "/state", """[{"operation":"upsert","request":{"key":"a","value":{"b":1}}},{"operation":"delete","request":{"key":"count"}}]"""));
            Check.Body(200, """{"b":1}""", await c.SendAsync("GET", c.ActorPath(id) + "/state/a"));
            Check.NoContent(await c.SendAsync("GET", c.ActorPath(id) + "/state/count"));
        }),
        new(Area, "state with a ttl is refused (feature ActorStateTTL is off), nothing of the PUT is applied", async c =>
        {
            var id = Stage.Id("ttl");
            await c.Actor(id).Nothing();
            Check.Error(500, "ERR_ACTOR_STATE_TRANSACTION_SAVE", "error saving actor transaction state: ttlInSeconds is not supported without the \"ActorStateTTL\" feature enabled",
                await c.SendAsync("PUT", c.ActorPath(id) + "/state", """[{"operation":"upsert","request":{"key":"a","value":1}},{"operation":"upsert","request":{"key":"b","value":2,"metadata":{"ttlInSeconds":"30"}}}]"""));
            Check.NoContent(await c.SendAsync("GET", c.ActorPath(id) + "/state/a"));
        }),
        new(Area, "an unknown state operation is 500 ERR_ACTOR_STATE_TRANSACTION_SAVE", async c =>
        {
            var id = Stage.Id("op");
            await c.Actor(id).Nothing();
            Check.Error(500, "ERR_ACTOR_STATE_TRANSACTION_SAVE", "error saving actor transaction state: operation type burn not supported",
                await c.SendAsync("PUT", c.ActorPath(id) + "/state", """[{"operation":"burn","request":{"key":"x"}}]"""));
        }),
        new(Area, "state that is no array is 400 ERR_MALFORMED_REQUEST", async c =>
        {
            var id = Stage.Id("array");
            await c.Actor(id).Nothing();
            Check.Error(400, "ERR_MALFORMED_REQUEST", "failed deserializing HTTP body: json: cannot unmarshal object into Go value of type []api.TransactionalOperation",
                await c.SendAsync("PUT", c.ActorPath(id) + "/state", "{}"));
        }),
        new(Area, "writing the state of an actor that is not active is 400 ERR_ACTOR_INSTANCE_MISSING", async c => Check.Contains("ERR_ACTOR_INSTANCE_MISSING", Check.Status(400,
            await c.SendAsync("PUT", c.ActorPath(Stage.Id("never")) + "/state", """[{"operation":"upsert","request":{"key":"x","value":1}}]""")).Body)),
        new(Area, "actors with the same key do not see each other's state", async c =>
        {
            var (a, b) = (c.Actor(Stage.Id("own")), c.Actor(Stage.Id("own")));
            await a.Set(new Pair { Key = "k", Value = "a" });
            Check.Equal(null, await b.Get("k"));
        }),
    ];
}
