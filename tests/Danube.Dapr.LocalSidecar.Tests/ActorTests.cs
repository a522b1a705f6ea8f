using System.Collections.Concurrent;

namespace Danube.Dapr.LocalSidecar.Tests;

public sealed class ActorTests
{
    [Fact]
    public async Task Turns_OfOneActor_DoNotOverlapAndOthersRunBeside()
    {
        var running = new ConcurrentDictionary<string, int>();
        var overlapped = false;
        var both = new TaskCompletionSource();
        await using var app = await new TestApp
        {
            Answer = async call =>
            {
                var id = call.Path.Split('/')[3];
                if (running.AddOrUpdate(id, 1, static (_, n) => n + 1) > 1) overlapped = true;
                if (running.Count(static r => r.Value > 0) == 2) both.TrySetResult();
                await both.Task;
                await Task.Yield();
                running.AddOrUpdate(id, 0, static (_, n) => n - 1);
                return (200, "");
            },
        }.StartAsync();
        await using var sidecar = await TestSidecar.StartAsync(("a", app.Port));

        await Task.WhenAll(Enumerable.Range(0, 20).Select(i => sidecar.SendAsync("PUT", $"/v1.0/actors/Counter/{i % 2}/method/Add")));

        Assert.False(overlapped);
        Assert.Equal(20, app.Calls.Count(static c => c.Path.EndsWith("/method/Add", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Method_AppFails_AnswersWithItsStatusAndBody()
    {
        await using var app = await new TestApp { Answer = static _ => Task.FromResult((500, "boom")) }.StartAsync();
        await using var sidecar = await TestSidecar.StartAsync(("a", app.Port));

        var (status, body) = await sidecar.SendAsync("PUT", "/v1.0/actors/Counter/1/method/Add");

        Assert.Equal(500, status);
        Assert.Equal("""{"errorCode":"ERR_ACTOR_INVOKE_METHOD","message":"error invoke actor method: error from actor service: (500) boom"}""", body);
    }

    [Fact]
    public async Task State_OfAnActiveActor_IsSavedAtOnceOrNotAtAll()
    {
        await using var app = await new TestApp().StartAsync();
        await using var sidecar = await TestSidecar.StartAsync(("a", app.Port));
        Assert.Contains("ERR_ACTOR_INSTANCE_MISSING", (await sidecar.SendAsync("PUT", "/v1.0/actors/Counter/1/state", "[]")).Body, StringComparison.Ordinal);
        await sidecar.SendAsync("PUT", "/v1.0/actors/Counter/1/method/Add");

        Assert.Equal(204, (await sidecar.SendAsync("PUT", "/v1.0/actors/Counter/1/state", """[{"operation":"upsert","request":{"key":"n","value":1}}]""")).Status);
        var refused = await sidecar.SendAsync("PUT", "/v1.0/actors/Counter/1/state", """[{"operation":"delete","request":{"key":"n"}},{"operation":"upsert","request":{"key":"t","value":1,"metadata":{"ttlInSeconds":"9"}}}]""");

        Assert.Contains("ActorStateTTL", refused.Body, StringComparison.Ordinal);
        Assert.Equal((200, "1"), await sidecar.SendAsync("GET", "/v1.0/actors/Counter/1/state/n"));
        Assert.Equal((204, ""), await sidecar.SendAsync("GET", "/v1.0/actors/Counter/1/state/t"));
    }

    [Fact]
    public async Task Reminder_Restart_IsStillThereAndFires()
    {
        using var folder = new TempFolder();
        folder.Write("statestore.yaml", $"kind: Component\nmetadata: {{ name: statestore }}\nspec: {{ type: state.sqlite, metadata: [ {{ name: connectionString, value: '{folder.Path}/state.db' }}, {{ name: actorStateStore, value: 'true' }} ] }}");
        await using var app = await new TestApp().StartAsync();
        await using (var sidecar = await TestSidecar.StartAsync(folder, false, static o => o, ("a", app.Port)))
        {
            Assert.Equal(204, (await sidecar.SendAsync("PUT", "/v1.0/actors/Counter/1/reminders/once", """{"dueTime":"0h0m2s0ms","period":"","data":"aGk="}""")).Status);
            Assert.Equal(204, (await sidecar.SendAsync("PUT", "/v1.0/actors/Counter/1/reminders/far", """{"dueTime":"1h","period":"R5/PT1H"}""")).Status);
        }

        await using var again = await TestSidecar.StartAsync(folder, false, static o => o, ("a", app.Port));
        await TestSidecar.Eventually(() => app.To("/actors/Counter/1/method/remind/once").Any());

        Assert.Equal("""{"data":"aGk=","dueTime":"","period":""}""", app.To("/actors/Counter/1/method/remind/once").First().Body);
        Assert.Equal((200, """{"actorID":"1","actorType":"Counter","dueTime":"1h","period":"@every 1h0m0s"}""" + "\n"), await again.SendAsync("GET", "/v1.0/actors/Counter/1/reminders/far"));
        await TestSidecar.Eventually(async () => (await again.SendAsync("GET", "/v1.0/actors/Counter/1/reminders/once")).Status == 404);
    }

    [Fact]
    public async Task Reminder_AppIsDown_WaitsUntilItIsBack()
    {
        await using var app = await new TestApp().StartAsync();
        await using var sidecar = await TestSidecar.StartAsync(("a", app.Port));
        await sidecar.SendAsync("PUT", "/v1.0/actors/Counter/1/reminders/once", """{"dueTime":"300ms","period":""}""");
        await app.KillAsync();
        await TestSidecar.Eventually(async () => (await sidecar.SendAsync("GET", "/v1.0/healthz")).Status == 500);

        await app.StartAsync();

        await TestSidecar.Eventually(() => app.To("/actors/Counter/1/method/remind/once").Any());
    }

    [Theory]
    [InlineData("""{"dueTime":"1h","period":"often"}""", "error creating actor reminder: unsupported period format: often")]
    [InlineData("""{"dueTime":"soon"}""", "error creating actor reminder: unsupported due time format: soon")]
    public async Task Reminder_WrongTime_IsRefused(string body, string expected)
    {
        await using var app = await new TestApp().StartAsync();
        await using var sidecar = await TestSidecar.StartAsync(("a", app.Port));

        var answer = await sidecar.SendAsync("PUT", "/v1.0/actors/Counter/1/reminders/r", body);

        Assert.Equal(500, answer.Status);
        Assert.Contains(expected, answer.Body, StringComparison.Ordinal);
        Assert.Equal(404, (await sidecar.SendAsync("GET", "/v1.0/actors/Counter/1/reminders/r")).Status);
    }

    [Fact]
    public async Task Timer_OfAnIdleActor_EndsWithItsDeactivation()
    {
        await using var app = await new TestApp { Config = """{"entities":["Counter"],"actorIdleTimeout":"300ms"}""" }.StartAsync();
        await using var sidecar = await TestSidecar.StartAsync(("a", app.Port));
        await sidecar.SendAsync("PUT", "/v1.0/actors/Counter/1/method/Add");

        Assert.Equal(204, (await sidecar.SendAsync("PUT", "/v1.0/actors/Counter/1/timers/t", """{"dueTime":"10ms","period":"","callback":"OnTick","data":"x"}""")).Status);
        await TestSidecar.Eventually(() => app.Calls.Any(static c => c.Method == "DELETE"));

        Assert.Equal("""{"data":"x","callback":"OnTick","dueTime":"10ms","period":""}""", Assert.Single(app.To("/actors/Counter/1/method/timer/t")).Body);
        Assert.Equal("application/x-protobuf", app.Calls.Single(static c => c.Method == "DELETE").Headers["Content-Type"]);
    }

    [Fact]
    public async Task Timer_SetWhileItsActorIsDeactivated_EndsWithIt()
    {
        TestSidecar? sidecar = null;
        await using var app = await new TestApp
        {
            Config = """{"entities":["Counter","Clock"],"entitiesConfig":[{"entities":["Counter"],"actorIdleTimeout":"100ms"}]}""",
            Answer = async call =>
            {
                if (call.Method == "DELETE" && sidecar is not null)
                    Assert.Equal(204, (await sidecar.SendAsync("PUT", "/v1.0/actors/Counter/1/timers/late", """{"dueTime":"0s","period":"20ms"}""")).Status);
                return (200, "");
            },
        }.StartAsync();
        await using var started = sidecar = await TestSidecar.StartAsync(("a", app.Port));
        await sidecar.SendAsync("PUT", "/v1.0/actors/Counter/1/method/Add");
        await TestSidecar.Eventually(async () => (await sidecar.SendAsync("PUT", "/v1.0/actors/Counter/1/state", "[]")).Body.Contains("ERR_ACTOR_INSTANCE_MISSING", StringComparison.Ordinal));

        await sidecar.SendAsync("PUT", "/v1.0/actors/Clock/1/method/Add");
        await sidecar.SendAsync("PUT", "/v1.0/actors/Clock/1/timers/t", """{"dueTime":"0s","period":"100ms"}""");
        await TestSidecar.Eventually(() => app.To("/actors/Clock/1/method/timer/t").Count() >= 5);

        Assert.Empty(app.To("/actors/Counter/1/method/timer/late"));
        Assert.Single(app.Calls, static c => c.Method == "DELETE");
    }

    [Fact]
    public async Task Config_IsNoObject_IsAskedForUntilItIs()
    {
        await using var app = await new TestApp { Config = "[]" }.StartAsync();
        var starting = TestSidecar.StartAsync(("a", app.Port));
        await TestSidecar.Eventually(() => app.To("/dapr/config").Count() >= 2);

        app.Config = """{"entities":["Counter"]}""";

        await using var sidecar = await starting;
        Assert.Equal(200, (await sidecar.SendAsync("PUT", "/v1.0/actors/Counter/1/method/Add")).Status);
    }

    [Fact]
    public async Task TwoInstances_ActorMovesFromACallThatGoesOn_OnlyTheNewOneMaySave()
    {
        const string Save = """[{"operation":"upsert","request":{"key":"n","value":1}}]""";
        TestSidecar? sidecar = null;
        using var goOn = new SemaphoreSlim(0);
        var savedAtTheEnd = new TaskCompletionSource<int>();
        var config = """{"entities":["Counter"],"drainOngoingCallTimeout":"200ms"}""";
        await using var one = await new TestApp
        {
            Config = config,
            Answer = async call =>
            {
                if (call.Path.EndsWith("/method/Slow", StringComparison.Ordinal)) await goOn.WaitAsync();
                if (call.Method == "DELETE") savedAtTheEnd.TrySetResult((await sidecar!.SendAsync("PUT", call.Path.Replace("/actors", "/v1.0/actors", StringComparison.Ordinal) + "/state", Save)).Status);
                return (200, "");
            },
        }.StartAsync();
        await using var two = await new TestApp { Config = config }.StartAsync();
        await using var started = sidecar = await TestSidecar.StartAsync(("a", one.Port), ("a", two.Port));
        var id = 0;
        for (; !two.Calls.Any(static c => c.Path.EndsWith("/method/Add", StringComparison.Ordinal)); id++) await sidecar.SendAsync("PUT", $"/v1.0/actors/Counter/{id}/method/Add");
        var actor = $"/v1.0/actors/Counter/{id - 1}";
        await two.KillAsync();
        await TestSidecar.Eventually(async () => (await sidecar.SendAsync("PUT", actor + "/method/Add")).Status == 200 && one.To($"/actors/Counter/{id - 1}/method/Add").Any());
        var slow = sidecar.SendAsync("PUT", actor + "/method/Slow");
        await TestSidecar.Eventually(() => one.To($"/actors/Counter/{id - 1}/method/Slow").Any());
        Assert.Equal(204, (await sidecar.SendAsync("PUT", actor + "/state", Save)).Status);

        await two.StartAsync();
        Assert.Equal(500, (await slow).Status);
        Assert.Equal(204, await savedAtTheEnd.Task);
        await TestSidecar.Eventually(async () => (await sidecar.SendAsync("PUT", actor + "/state", Save, app: 1)).Status == 400);
        await sidecar.SendAsync("PUT", actor + "/method/Add");

        var late = await sidecar.SendAsync("PUT", actor + "/state", Save);
        Assert.Equal(400, late.Status);
        Assert.Contains("ERR_ACTOR_INSTANCE_MISSING", late.Body, StringComparison.Ordinal);
        Assert.Equal(204, (await sidecar.SendAsync("PUT", actor + "/state", Save, app: 1)).Status);
        Assert.Equal(1, two.To($"/actors/Counter/{id - 1}/method/Add").Count(c => c == two.Calls.Last()));
        goOn.Release();
    }

    [Fact]
    public async Task TwoInstances_OneDies_TheOtherTakesItsActorsOver()
    {
        await using var one = await new TestApp().StartAsync();
        await using var two = await new TestApp().StartAsync();
        await using var sidecar = await TestSidecar.StartAsync(("a", one.Port), ("a", two.Port));
        async Task CallAll()
        {
            for (var i = 0; i < 30; i++) Assert.Equal(200, (await sidecar.SendAsync("PUT", $"/v1.0/actors/Counter/{i}/method/Add")).Status);
        }
        static HashSet<string> Actors(TestApp app) => [.. app.Calls.Where(static c => c.Path.EndsWith("/method/Add", StringComparison.Ordinal)).Select(static c => c.Path)];

        await CallAll();
        await CallAll();
        Assert.Empty(Actors(one).Intersect(Actors(two)));
        Assert.Equal(30, Actors(one).Count + Actors(two).Count);
        Assert.NotEmpty(Actors(one));
        Assert.NotEmpty(Actors(two));

        await one.KillAsync();
        await CallAll();

        Assert.Equal(30, Actors(two).Count);
    }

    [Fact]
    public void Placement_OverHostsWithPortsThatDifferByOneDigit_IsEven()
    {
        for (var port = 3500; port < 3600; port++)
        {
            var first = Enumerable.Range(0, 1000).Count(i => Actors.ActorSystem.Weight($"Counter||{i}@a:{port}") > Actors.ActorSystem.Weight($"Counter||{i}@a:{port + 1}"));
            Assert.InRange(first, 400, 600);
        }
    }

    [Fact]
    public async Task TwoInstances_Subscribed_ShareTheEvents()
    {
        const string Subscriptions = """[{"topic":"t","pubsubName":"pubsub","route":"events"}]""";
        await using var one = await new TestApp { Subscriptions = Subscriptions }.StartAsync();
        await using var two = await new TestApp { Subscriptions = Subscriptions }.StartAsync();
        await using var sidecar = await TestSidecar.StartAsync(("a", one.Port), ("a", two.Port));

        for (var i = 0; i < 20; i++) await sidecar.SendAsync("POST", "/v1.0/publish/pubsub/t", "1");
        await TestSidecar.Eventually(() => one.To("/events").Count() + two.To("/events").Count() >= 20);

        Assert.Equal(20, one.To("/events").Count() + two.To("/events").Count());
        Assert.NotEmpty(one.To("/events"));
        Assert.NotEmpty(two.To("/events"));
    }
}
