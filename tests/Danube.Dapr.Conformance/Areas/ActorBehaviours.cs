using System.Diagnostics;
using Dapr.Actors;

namespace Danube.Dapr.Conformance.Areas;

/// <summary>Calls, turns, activation and deactivation.</summary>
internal static class ActorBehaviours
{
    private const string Area = "actors";
    private const string AppFailed = "error invoke actor method: error from actor service: (500) ";

    public static IEnumerable<Behaviour> All() =>
    [
        new(Area, "remoting: arguments and results pass", async c =>
        {
            var actor = c.Actor(Stage.Id("remoting"));
            Check.Equal((1, 6, "x7"), (await actor.Increment(1), await actor.Increment(5), await actor.Concat("x", 7)));
        }),
        new(Area, "remoting: an exception arrives as ActorMethodInvocationException with its message", async c =>
            Check.Contains("boom ü", (await Check.Throws<ActorMethodInvocationException>(() => c.Actor(Stage.Id("throws")).Throw("boom ü"))).ToString())),
        new(Area, "weakly typed: arguments and results pass as JSON", async c =>
        {
            var actor = c.Actors.Create(new ActorId(Stage.Id("json")), c.ActorType);
            Check.Equal(3, await actor.InvokeMethodAsync<int, int>("Increment", 3));
            await actor.InvokeMethodAsync("Nothing");
        }),
        new(Area, "weakly typed: an unknown method throws", async c => await Check.Throws<DaprApiFailure>(() => AsFailure(c.Actors.Create(new ActorId(Stage.Id("json")), c.ActorType).InvokeMethodAsync("NoSuchMethod")))),
        .. new[] { "PUT", "POST", "GET", "DELETE" }.Select(verb => new Behaviour(Area, $"HTTP {verb} of a method reaches the app as PUT", async c =>
        {
            var id = Stage.Id("verb");
            Check.Body(200, "0", await c.SendAsync(verb, c.ActorPath(id) + "/method/Count"));
            Check.Equal("PUT", c.Inbox.To($"/actors/{c.ActorType}/{id}/method/Count")[0].Method);
        })),
        new(Area, "HTTP method call: the argument is JSON, the answer application/json", async c => Check.Body(200, "5", await c.SendAsync("PUT", c.ActorPath(Stage.Id("http")) + "/method/Increment", "5"))),
        new(Area, "HTTP method call without a result is 200 with length 0", async c =>
        {
            var answer = await c.SendAsync("PUT", "/" + c.ActorPath(Stage.Id("http")) + "/method/Nothing");
            Check.Body(200, "", answer);
            Check.Equal("0", answer.Header("Content-Length"));
        }),
        new(Area, "a method that throws is 500 ERR_ACTOR_INVOKE_METHOD", async c => Check.Error(500, "ERR_ACTOR_INVOKE_METHOD", AppFailed, await c.SendAsync("PUT", c.ActorPath(Stage.Id("http")) + "/method/Throw", "\"x\""))),
        new(Area, "an unknown method is 500 ERR_ACTOR_INVOKE_METHOD", async c => Check.Error(500, "ERR_ACTOR_INVOKE_METHOD", AppFailed, await c.SendAsync("PUT", c.ActorPath(Stage.Id("http")) + "/method/NoSuch", "1"))),
        new(Area, "an unknown type is 500 ERR_ACTOR_INVOKE_METHOD after a while", async c => Check.Error(
            500,
            "ERR_ACTOR_INVOKE_METHOD",
            "error invoke actor method: failed to lookup actor: api error: code = FailedPrecondition desc = did not find address for actor 'NoSuchActorType/x'",
            await c.SendAsync("PUT", "/v1.0/actors/NoSuchActorType/x/method/Nothing", "1"))) { Waits = true },
        new(Area, "callbacks carry Dapr-Api-Call, caller app and namespace", async c =>
        {
            var id = Stage.Id("headers");
            await c.Actor(id).Nothing();
            var call = c.Inbox.To($"/actors/{c.ActorType}/{id}/method/Nothing")[0];
            Check.Equal(("true", c.AppId, "default"), (call.Header("Dapr-Api-Call"), call.Header("Dapr-Caller-App-Id"), call.Header("Dapr-Caller-Namespace")));
        }),
        new(Area, "calls of one actor run one after another", async c =>
        {
            var actor = c.Actor(Stage.Id("turns"));
            var spans = (await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => actor.Slow(150)))).OrderBy(s => s.StartMs).ToList();
            Check.True(spans.Zip(spans.Skip(1)).All(p => p.Second.StartMs >= p.First.EndMs), "no overlap", string.Join("; ", spans.Select(s => $"{s.StartMs:0}–{s.EndMs:0}")));
        }),
        new(Area, "calls of several actors run at the same time", async c =>
        {
            var spans = await Task.WhenAll(Enumerable.Range(0, 4).Select(i => c.Actor(Stage.Id("parallel")).Slow(1500)));
            Check.True(spans.Max(s => s.StartMs) < spans.Min(s => s.EndMs), "all at the same time", string.Join("; ", spans.Select(s => $"{s.StartMs:0}–{s.EndMs:0}")));
        }),
        new(Area, "40 increments at the same time: none is lost", async c =>
        {
            var actor = c.Actor(Stage.Id("counter"));
            await Task.WhenAll(Enumerable.Range(0, 40).Select(_ => actor.Increment(1)));
            Check.Equal(40, await actor.Count());
        }),
        new(Area, "an actor calls another", async c => Check.Equal(1, await c.Actor(Stage.Id("caller")).IncrementOther(Stage.Id("callee")))),
        new(Area, "an actor that calls itself waits in vain (no reentrancy) and answers afterwards", async c =>
        {
            var actor = c.Actor(Stage.Id("self"));
            Check.Equal("timed out", await actor.CallSelf(1000));
            await actor.Nothing().WaitAsync(Stage.Patience);
        }) { Waits = true },
        new(Area, "the first call activates, later ones find the same instance", async c =>
        {
            var id = Stage.Id("activate");
            Check.Equal(await c.Actor(id).Instance(), await c.Actor(id).Instance());
            Check.Equal(1, c.Inbox.Of(id, "activate").Count);
        }),
        new(Area, "an idle actor is deactivated by DELETE with application/x-protobuf and no trace", async c =>
        {
            var id = Stage.Id("idle");
            await c.IdleActor(id).Nothing();
            await c.Inbox.ActorEventsAsync(id, "deactivate", "", 1);
            var call = c.Inbox.To($"/actors/{c.IdleActorType}/{id}")[0];
            Check.Equal(("DELETE", "application/x-protobuf", null), (call.Method, call.Header("Content-Type"), call.Header("traceparent")));
        }) { Waits = true },
        new(Area, "state is there after a deactivation, in a new instance", async c =>
        {
            var id = Stage.Id("idle");
            await c.IdleActor(id).Increment(4);
            var before = await c.IdleActor(id).Instance();
            await c.Inbox.ActorEventsAsync(id, "deactivate", "", 1);
            Check.Equal(4, await c.IdleActor(id).Count());
            Check.True(await c.IdleActor(id).Instance() != before, "another instance", before);
        }) { Waits = true },
        new(Area, "an actor that is called again and again is not deactivated", async c =>
        {
            for (var tries = Stopwatch.StartNew(); ;)
            {
                var id = Stage.Id("busy");
                var (last, longest) = (TimeSpan.Zero, TimeSpan.Zero);
                for (var clock = Stopwatch.StartNew(); clock.Elapsed < TimeSpan.FromSeconds(5);)
                {
                    await c.IdleActor(id).Nothing();
                    var now = clock.Elapsed;
                    (last, longest) = (now, now - last > longest ? now - last : longest);
                    await Task.Delay(200);
                }
                // A machine that held up the calls for nearly the idle time may have made it idle.
                var activations = c.Inbox.Of(id, "activate").Count;
                if (activations > 1 && longest > TimeSpan.FromSeconds(2) && tries.Elapsed < Stage.Patience)
                    continue;
                Check.Equal(1, activations);
                return;
            }
        }) { Waits = true },
    ];

    // The SDK's exception type differs between its packages; what counts is that it is one of Dapr's.
    private static async Task AsFailure(Task call)
    {
        try
        {
            await call;
        }
        catch (Exception e) when (e.GetType().Namespace?.StartsWith("Dapr", StringComparison.Ordinal) == true)
        {
            throw new DaprApiFailure(e.Message);
        }
    }

    private sealed class DaprApiFailure(string message) : Exception(message);
}
