using Danube.Dapr.Conformance.App;
using Danube.Dapr.Workflow;

namespace Danube.Dapr.Conformance.Areas;

/// <summary>The sidecar is killed (SIGKILL) and started again beside an app that lives on.</summary>
internal static class RestartBehaviours
{
    private const string Area = "restart";
    private const string Forgets = "an in-memory store ends with its sidecar";

    public static IEnumerable<Behaviour> All() =>
    [
        Durable("saved state is there, with its etag", async r => Check.Equal(("kept", r.Etag), await r.Stage.Dapr.GetStateAndETagAsync<string>(r.Stage.Store, r.Id))),
        Durable("actor state is there", async r => Check.Equal(3, await r.Stage.Actor(r.Id).Count())),
        Durable("a reminder registered before fires after", async r =>
        {
            var fired = (await r.Stage.Inbox.ActorEventsAsync(r.Id, "reminder", "late", 1))[0];
            Check.Equal("after", fired.Data);
            Check.True(fired.AtMs > r.KilledAtMs, "after the kill", fired.AtMs - r.KilledAtMs);
        }),
        Durable("a workflow goes on; activities that were done are not run again", async r =>
        {
            await r.Stage.Workflows.RaiseEventAsync(r.Id, "go", "after");
            Check.Equal("1,after,2", (await WorkflowBehaviours.DoneAsync(r.Stage, r.Id)).ReadOutputAs<string>());
        }),
        Durable("a workflow's timer fires", async r => Check.Equal("on time", (await WorkflowBehaviours.DoneAsync(r.Stage, r.Id + "-timer")).ReadOutputAs<string>())),
        Durable("a finished workflow is still known", async r =>
        {
            var state = await r.Stage.Workflows.GetWorkflowStateAsync(r.Id + "-done");
            Check.Equal((WorkflowRuntimeStatus.Completed, "Hello, again!"), (state.RuntimeStatus, state.ReadOutputAs<string>()));
        }),
        Any("an actor's timer is lost", async r =>
        {
            await Stage.UntilAsync(() => Task.FromResult(r.Stage.Inbox.NowMs > r.KilledAtMs + Restart.ReminderDueMs + 1500), () => "its due time");
            Check.Equal("", string.Join(", ", r.Stage.Inbox.Of(r.Id, "timer").Select(tick => $"{tick.AtMs - r.KilledAtMs} ms after the kill")));
        }),
        Any("the app's settings and subscriptions are asked for again", r =>
        {
            Check.True(r.Stage.Inbox.To("/dapr/config").Count >= 2 && r.Stage.Inbox.To("/dapr/subscribe").Count >= 2, "both twice", $"{r.Stage.Inbox.To("/dapr/config").Count}, {r.Stage.Inbox.To("/dapr/subscribe").Count}");
            return Task.CompletedTask;
        }),
        Any("events are delivered again", async r =>
        {
            var mark = Stage.Id("restart");
            await r.Stage.Dapr.PublishEventAsync(r.Stage.PubSub, Topics.Normal, new { mark });
            await r.Stage.Inbox.EventAsync("normal", mark);
        }),
        Any("invocation, actors and new workflows work again", async r =>
        {
            Check.Status(200, await r.Stage.SendAsync("GET", $"/v1.0/invoke/{r.Stage.AppId}/method/echo/again"));
            Check.Equal(1, await r.Stage.Actor(Stage.Id("again")).Increment(1));
            Check.Equal("Hello, x!", (await WorkflowBehaviours.RunAsync(r.Stage, "Hello", "x")).ReadOutputAs<string>());
        }),
    ];

    private static Behaviour Durable(string name, Func<Restart, Task> run) => Any(name, run).Except(Forgets, StoreKind.InMemory);

    private static Behaviour Any(string name, Func<Restart, Task> run) =>
        new Behaviour(Area, "after kill -9: " + name, async c => await run(await c.Lab.RestartAsync())) { Waits = true }.Launching();
}
