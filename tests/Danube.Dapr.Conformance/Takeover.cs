using System.Diagnostics;
using Danube.Dapr.Conformance.App;

namespace Danube.Dapr.Conformance;

/// <summary>Two instances of one app had work when one of them was killed, with its sidecar where it has one of its own.</summary>
/// <param name="Survivor">The instance that lives on.</param>
/// <param name="AtFirst">Actors that were active at the instance that was killed.</param>
/// <param name="AtSecond">Actors that were active at the survivor.</param>
/// <param name="Counts">What each actor had counted after one call before and one after the kill.</param>
/// <param name="Took">From the kill until every actor had answered again.</param>
/// <param name="SameActivation">Whether calls through both sidecars reached the same activation.</param>
/// <param name="Workflows">Instances that waited for an event.</param>
internal sealed record Takeover(Stage Survivor, IReadOnlyList<string> AtFirst, IReadOnlyList<string> AtSecond, IReadOnlyList<int> Counts, TimeSpan Took, bool SameActivation, IReadOnlyList<string> Workflows)
{
    private const int Actors = 20;

    public static async Task<Takeover> RunAsync(Lab lab)
    {
        var (first, second, killFirst) = await lab.StartTwiceAsync("twice");
        var ids = Enumerable.Range(0, Actors).Select(_ => Stage.Id("twice")).ToList();
        foreach (var id in ids)
            await first.Actor(id).Increment(1);
        var same = true;
        foreach (var id in ids.Take(5))
            same &= await first.Actor(id).Instance() == await second.Actor(id).Instance();
        List<string> atFirst = [.. ids.Where(id => first.Inbox.Of(id, "activate").Count > 0)], atSecond = [.. ids.Where(id => second.Inbox.Of(id, "activate").Count > 0)];
        foreach (var id in atFirst)
            await second.Actor(id).StartReminder(new Schedule { Name = "again", DueMs = 1000, PeriodMs = 1000, Data = "tick" });
        var workflows = Enumerable.Range(0, 4).Select(_ => Stage.Id("twice")).ToList();
        foreach (var id in workflows)
            await second.Workflows.ScheduleNewWorkflowAsync("Survivor", id, id);
        await Stage.UntilAsync(() => Task.FromResult(workflows.All(id => TestWorkflows.AttemptsOf(id) == 1)), () => "the first activity of each workflow");
        await killFirst();
        var clock = Stopwatch.StartNew();
        var counts = await Task.WhenAll(ids.Select(id => AgainAsync(second, id)));
        return new Takeover(second, atFirst, atSecond, counts, clock.Elapsed, same, workflows);
    }

    // A call that is under way when its actor moves may fail; it is tried again until the actor has a new place.
    private static async Task<int> AgainAsync(Stage stage, string id)
    {
        var count = 0;
        await Stage.UntilAsync(
            async () =>
            {
                try
                {
                    count = await stage.Actor(id).Increment(1);
                    return true;
                }
                catch (Exception e) when (e is global::Dapr.DaprApiException or HttpRequestException)
                {
                    return false;
                }
            },
            () => $"an answer of {id}");
        return count;
    }
}
