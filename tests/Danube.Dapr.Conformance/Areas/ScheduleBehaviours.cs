using Dapr.Actors;
using Danube.Dapr.Conformance.App;

namespace Danube.Dapr.Conformance.Areas;

/// <summary>Timers and reminders of actors.</summary>
internal static class ScheduleBehaviours
{
    private const string Area = "actors";

    public static IEnumerable<Behaviour> All() =>
    [
        new(Area, "a timer fires again and again until it is stopped", async c =>
        {
            var id = Stage.Id("timer");
            await c.Actor(id).StartTimer(new Schedule { Name = "t", DueMs = 200, PeriodMs = 400, Data = "tick" });
            Check.True((await c.Inbox.ActorEventsAsync(id, "timer", "", 3)).All(e => e.Data == "tick"), "its data", "other data");
            await c.Actor(id).StopTimer("t");
            var fired = c.Inbox.Of(id, "timer").Count;
            await Task.Delay(1200);
            Check.Equal(fired, c.Inbox.Of(id, "timer").Count);
        }) { Waits = true },
        new(Area, "a timer without a period fires once", async c =>
        {
            var id = Stage.Id("timer");
            await c.Actor(id).StartTimer(new Schedule { Name = "t", DueMs = 200, Data = "once" });
            await c.Inbox.ActorEventsAsync(id, "timer", "", 1);
            await Task.Delay(1500);
            Check.Equal(1, c.Inbox.Of(id, "timer").Count);
        }) { Waits = true },
        new(Area, "a timer's callback has the registered texts and no trace", async c =>
        {
            var id = Stage.Id("timer");
            await c.Actor(id).StartTimer(new Schedule { Name = "t", DueMs = 100, PeriodMs = 60000, Data = "x" });
            await c.Inbox.ActorEventsAsync(id, "timer", "", 1);
            var call = c.Inbox.To($"/actors/{c.ActorType}/{id}/method/timer/t")[0];
            Check.Equal(("PUT", "application/json", null), (call.Method, call.Header("Content-Type"), call.Header("traceparent")));
            Check.Equal(("OnTimer", "0h0m0s100ms", "0h1m0s0ms"), ((string?)call.Json["callback"], (string?)call.Json["dueTime"], (string?)call.Json["period"]));
            await c.Actor(id).StopTimer("t");
        }),
        new(Area, "a timer's ttl counts from its due time", c => TtlAsync(c, "timer", a => a.StartTimer(Ttl("t")))) { Waits = true },
        new(Area, "PUT and DELETE of a timer are 204, a second DELETE too", async c =>
        {
            var path = await ActiveAsync(c) + "/timers/t1";
            Check.NoContent(await c.SendAsync("PUT", path, """{"dueTime":"1h","period":"","callback":"OnTimer","data":"aGk="}"""));
            Check.NoContent(await c.SendAsync("DELETE", path));
            Check.NoContent(await c.SendAsync("DELETE", path));
        }),
        new(Area, "a reminder fires again and again until it is stopped", async c =>
        {
            var id = Stage.Id("reminder");
            await c.Actor(id).StartReminder(new Schedule { Name = "r", DueMs = 500, PeriodMs = 1000, Data = "hello ü" });
            Check.True((await c.Inbox.ActorEventsAsync(id, "reminder", "r", 3)).All(e => e.Data == "hello ü"), "its data", "other data");
            await c.Actor(id).StopReminder("r");
            var fired = c.Inbox.Of(id, "reminder").Count;
            await Task.Delay(2200);
            Check.True(c.Inbox.Of(id, "reminder").Count <= fired + 1, "no more than one in flight", c.Inbox.Of(id, "reminder").Count - fired);
        }) { Waits = true },
        new(Area, "a reminder without a period fires once", async c =>
        {
            var id = Stage.Id("reminder");
            await c.Actor(id).StartReminder(new Schedule { Name = "r", DueMs = 500, Data = "once" });
            await c.Inbox.ActorEventsAsync(id, "reminder", "r", 1);
            await Task.Delay(2000);
            Check.Equal(1, c.Inbox.Of(id, "reminder").Count);
        }) { Waits = true },
        new(Area, "a reminder due at once fires at once", async c =>
        {
            var id = Stage.Id("reminder");
            await c.Actor(id).StartReminder(new Schedule { Name = "r", DueMs = 0, Data = "now" });
            await c.Inbox.ActorEventsAsync(id, "reminder", "r", 1);
        }),
        new(Area, "a reminder with 3 repetitions fires 3 times", async c =>
        {
            var id = Stage.Id("reminder");
            await c.Actor(id).StartReminder(new Schedule { Name = "r", DueMs = 300, PeriodMs = 1000, Repetitions = 3 });
            await c.Inbox.ActorEventsAsync(id, "reminder", "r", 3);
            await Task.Delay(2500);
            Check.Equal(3, c.Inbox.Of(id, "reminder").Count);
        }) { Waits = true },
        new(Area, "a reminder's ttl counts from its due time", c => TtlAsync(c, "reminder", a => a.StartReminder(Ttl("r")))) { Waits = true },
        new(Area, "a reminder registered again replaces the first", async c =>
        {
            var id = Stage.Id("reminder");
            await c.Actor(id).StartReminder(new Schedule { Name = "r", DueMs = 5000, PeriodMs = 500, Data = "first" });
            await c.Actor(id).StartReminder(new Schedule { Name = "r", DueMs = 5100, Data = "second" });
            await c.Inbox.ActorEventsAsync(id, "reminder", "r", 1);
            await Task.Delay(1200);
            Check.Sequence(["second"], c.Inbox.Of(id, "reminder").Select(e => e.Data));
        }) { Waits = true },
        new(Area, "a reminder whose handler fails is delivered again, a second apart", async c =>
        {
            var id = Stage.Id("reminder");
            await c.Actor(id).StartReminder(new Schedule { Name = "fails-twice", DueMs = 200, PeriodMs = 60000 });
            var fired = await c.Inbox.ActorEventsAsync(id, "reminder", "fails-twice", 3);
            Check.True(fired[1].AtMs - fired[0].AtMs > 800 && fired[2].AtMs - fired[1].AtMs > 800, "a second between the tries", string.Join(", ", fired.Select(f => f.AtMs)));
            await c.Actor(id).StopReminder("fails-twice");
        }) { Waits = true },
        new(Area, "a reminder's callback has empty dueTime and period, and no trace", async c =>
        {
            var id = Stage.Id("reminder");
            await c.Actor(id).StartReminder(new Schedule { Name = "r", DueMs = 100, PeriodMs = 60000, Data = "x" });
            await c.Inbox.ActorEventsAsync(id, "reminder", "r", 1);
            var call = c.Inbox.To($"/actors/{c.ActorType}/{id}/method/remind/r")[0];
            Check.Equal(("PUT", "application/json", null), (call.Method, call.Header("Content-Type"), call.Header("traceparent")));
            Check.Json("""{"data":"eA==","dueTime":"","period":""}""", call.Body);
            await c.Actor(id).StopReminder("r");
        }),
        new(Area, "a reminder activates an actor that was deactivated", async c =>
        {
            var id = Stage.Id("reminder");
            await c.IdleActor(id).StartReminder(new Schedule { Name = "r", DueMs = 7000, Data = "awake" });
            var fired = (await c.Inbox.ActorEventsAsync(id, "reminder", "r", 1))[0];
            Check.True(c.Inbox.Of(id, "deactivate").Any(d => d.AtMs < fired.AtMs), "a deactivation before it fired", "none");
            Check.Equal(2, c.Inbox.Of(id, "activate").Count);
        }) { Waits = true },
        new(Area, "the SDK reads a reminder back: due time and period", async c =>
        {
            var actor = c.Actor(Stage.Id("reminder"));
            await actor.StartReminder(new Schedule { Name = "far", DueMs = 3600000, PeriodMs = 7200000, Data = "far ü" });
            var found = await actor.FindReminder("far");
            Check.Equal((3600000.0, 7200000.0, "far ü"), (found!.DueMs, found.PeriodMs, found.Data));
            await actor.StopReminder("far");
            await Check.Throws<ActorMethodInvocationException>(() => actor.FindReminder("far"));
        }),
        new(Area, "HTTP get of a reminder: dueTime as given, period as @every, no ttl, a newline at the end", async c =>
        {
            var id = Stage.Id("reminder");
            await c.Actor(id).Nothing();
            var path = c.ActorPath(id) + "/reminders/r1";
            Check.NoContent(await c.SendAsync("PUT", path, """{"dueTime":"1h","period":"R5/PT1H","data":{"any":"json"},"ttl":"2h"}"""));
            Check.Body(200, $$$"""{"actorID":"{{{id}}}","actorType":"{{{c.ActorType}}}","data":{"any":"json"},"dueTime":"1h","period":"@every 1h0m0s"}""" + "\n", await c.SendAsync("GET", path));
            Check.NoContent(await c.SendAsync("DELETE", path));
        }),
        new(Area, "DELETE of a reminder is 204, a second time too", async c =>
        {
            var path = await ActiveAsync(c) + "/reminders/r1";
            Check.NoContent(await c.SendAsync("PUT", path, """{"dueTime":"1h"}"""));
            Check.NoContent(await c.SendAsync("DELETE", path));
            Check.NoContent(await c.SendAsync("DELETE", path));
        }),
        new(Area, "a missing reminder is 404 ERR_ACTOR_REMINDER_NOT_FOUND", async c => Check.Error(404, "ERR_ACTOR_REMINDER_NOT_FOUND", "actor reminder not found: none", await c.SendAsync("GET", await ActiveAsync(c) + "/reminders/none"))),
        new(Area, "a bad period is 500 ERR_ACTOR_REMINDER_CREATE", async c => Check.Error(500, "ERR_ACTOR_REMINDER_CREATE", "error creating actor reminder: unsupported period format: often",
            await c.SendAsync("PUT", await ActiveAsync(c) + "/reminders/r2", """{"dueTime":"1h","period":"often"}"""))),
        new(Area, "a reminder of a type that is not hosted is 403 ERR_ACTOR_REMINDER_NON_HOSTED", async c => Check.Error(403, "ERR_ACTOR_REMINDER_NON_HOSTED",
            "operations on actor reminders are only possible on hosted actor types", await c.SendAsync("PUT", "/v1.0/actors/NoSuchActorType/x/reminders/r", """{"dueTime":"1h"}"""))),
    ];

    // The SDK refuses a ttl that is shorter than the due time.
    private static Schedule Ttl(string name) => new() { Name = name, DueMs = 2000, PeriodMs = 1000, TtlMs = 2300 };

    // Due at 2 s, then each second for 2.3 s: 2, 3 and 4 s. Counted from the registration only the first would be left. A machine that stalls may leave one out.
    private static async Task TtlAsync(Stage c, string kind, Func<ICounterActor, Task> start)
    {
        var id = Stage.Id(kind);
        await start(c.Actor(id));
        await c.Inbox.ActorEventsAsync(id, kind, "", 2);
        await Task.Delay(4000);
        Check.True(c.Inbox.Of(id, kind).Count is 2 or 3, "3 ticks", c.Inbox.Of(id, kind).Count);
    }

    private static async Task<string> ActiveAsync(Stage c)
    {
        var id = Stage.Id("schedule");
        await c.Actor(id).Nothing();
        return c.ActorPath(id);
    }
}
