using Danube.Dapr.Conformance.App;

namespace Danube.Dapr.Conformance;

/// <summary>A sidecar that had work when it was killed (SIGKILL), and was started again.</summary>
/// <param name="Stage">The app and the sidecar after the restart.</param>
/// <param name="Id">What the work was registered under.</param>
/// <param name="Etag">Etag of the key saved before.</param>
/// <param name="KilledAtMs">When the sidecar was killed, in milliseconds of the app.</param>
internal sealed record Restart(Stage Stage, string Id, string Etag, double KilledAtMs)
{
    /// <summary>The reminder is due this long after it was registered: after the restart.</summary>
    public const int ReminderDueMs = 4000;

    public static async Task<Restart> RunAsync(Lab lab)
    {
        var (stage, killAndStart) = await lab.StartAsync("restarted");
        var id = Stage.Id("restart");
        await stage.Dapr.SaveStateAsync(stage.Store, id, "kept");
        var (_, etag) = await stage.Dapr.GetStateAndETagAsync<string>(stage.Store, id);
        await stage.Actor(id).Increment(3);
        await stage.Workflows.ScheduleNewWorkflowAsync("Survivor", id, id);
        await stage.Workflows.ScheduleNewWorkflowAsync("Timer", id + "-timer", 3000);
        await stage.Workflows.ScheduleNewWorkflowAsync("Hello", id + "-done", "again");
        await stage.Workflows.WaitForWorkflowCompletionAsync(id + "-done").WaitAsync(Stage.Patience);
        await Stage.UntilAsync(() => Task.FromResult(TestWorkflows.AttemptsOf(id) == 1), () => "the first activity of the surviving workflow");
        // Last: on a busy machine the rest may take so long that they would be due before the kill.
        await stage.Actor(id).StartReminder(new Schedule { Name = "late", DueMs = ReminderDueMs, Data = "after" });
        await stage.Actor(id).StartTimer(new Schedule { Name = "lost", DueMs = ReminderDueMs, Data = "lost" });
        var killed = stage.Inbox.NowMs;
        await killAndStart();
        return new Restart(stage, id, etag, killed);
    }
}
