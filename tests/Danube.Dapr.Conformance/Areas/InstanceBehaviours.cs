namespace Danube.Dapr.Conformance.Areas;

/// <summary>Two instances of one app, and what becomes of the work of one that is killed.</summary>
internal static class InstanceBehaviours
{
    private const string Area = "instances";

    /// <summary>A real daprd went on 1.5 s after the kill; a busy machine needs more.</summary>
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(20);

    public static IEnumerable<Behaviour> All() =>
    [
        Two("each actor is active at one of two instances, and each has some", t =>
        {
            Check.True(t.AtFirst.Count > 0 && t.AtSecond.Count > 0 && !t.AtFirst.Intersect(t.AtSecond).Any(), "some here, some there, none twice", $"{t.AtFirst.Count} and {t.AtSecond.Count}");
            return Task.CompletedTask;
        }),
        Two("a call through either sidecar reaches the same activation", t =>
        {
            Check.Equal(true, t.SameActivation);
            return Task.CompletedTask;
        }),
        Two("after one is killed its actors answer at the other within seconds, with their state", t =>
        {
            Check.True(t.Took < Soon, $"answers within {Soon.TotalSeconds} s", t.Took);
            Check.True(t.Counts.All(n => n >= 2), "counts of at least 2", string.Join(", ", t.Counts));
            return Task.CompletedTask;
        }),
        Two("after one is killed its reminders fire at the other", async t =>
        {
            foreach (var id in t.AtFirst)
                Check.Equal("tick", (await t.Survivor.Inbox.ActorEventsAsync(id, "reminder", "again", 2))[0].Data);
        }),
        Two("after one is killed its workflows go on at the other, and what was done is not done again", async t =>
        {
            foreach (var id in t.Workflows)
            {
                await t.Survivor.Workflows.RaiseEventAsync(id, "go", "after");
                Check.Equal("1,after,2", (await WorkflowBehaviours.DoneAsync(t.Survivor, id)).ReadOutputAs<string>());
            }
        }),
    ];

    private static Behaviour Two(string name, Func<Takeover, Task> run)
    {
        var behaviour = new Behaviour(Area, name, async c => await run(await c.Lab.TakeoverAsync())) { Waits = true };
        return (behaviour with { SkipReason = static t => t is { IsLocal: false, Store: StoreKind.InMemory } ? "two daprd do not share an in-memory store" : null }).Launching();
    }
}
