using Danube.Dapr.LocalSidecar.Actors;
using Danube.Dapr.LocalSidecar.Hosting;
using Danube.Dapr.LocalSidecar.State;
using Grpc.Core;

namespace Danube.Dapr.LocalSidecar.Api;

/// <summary>One write of actor state.</summary>
internal sealed record ActorStateWrite(string Operation, string Key, byte[]? Value, IReadOnlyDictionary<string, string> Metadata);

/// <summary>Actor state, reminders and timers, for both APIs.</summary>
internal sealed class ActorApi(Sidecar sidecar)
{
    public static async Task<StateEntry?> GetStateAsync(AppInstance app, ActorAddress actor, string key, CancellationToken cancellationToken)
    {
        var store = app.Components.ActorStore ?? throw ActorSystem.NoRuntime();
        try
        {
            return await store.Store.GetAsync(Key(app, actor, key), cancellationToken);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            throw ActorSystem.Failed("ERR_ACTOR_STATE_GET", "error getting actor state: " + e.Message);
        }
    }

    public async Task SaveStateAsync(AppInstance app, ActorAddress actor, IReadOnlyList<ActorStateWrite> writes, CancellationToken cancellationToken)
    {
        var store = app.Components.ActorStore ?? throw ActorSystem.NoRuntime();
        if (sidecar.Actors.FindActive(actor, app) is null)
            throw new DaprError("ERR_ACTOR_INSTANCE_MISSING", 400, StatusCode.Internal, "actor instance is missing");
        var operations = new List<StateOperation>(writes.Count);
        foreach (var write in writes)
        {
            if (write.Operation is not ("upsert" or "delete")) throw NotSaved($"operation type {write.Operation} not supported");
            if (write.Metadata.ContainsKey("ttlInSeconds") && !app.Components.Configuration.IsEnabled("ActorStateTTL"))
                throw NotSaved("ttlInSeconds is not supported without the \"ActorStateTTL\" feature enabled");
            try
            {
                operations.Add(new StateOperation(Key(app, actor, write.Key), write.Operation == "delete" ? null : write.Value ?? [], TimeToLive: StateApi.TimeToLive(store, write.Metadata)));
            }
            catch (FormatException e)
            {
                throw NotSaved(e.Message);
            }
        }
        if (operations.Count == 0) return;
        try
        {
            await store.Store.ApplyAsync(operations, cancellationToken);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            throw NotSaved(e.Message);
        }
    }

    public async Task RegisterReminderAsync(AppInstance app, ActorAddress actor, string name, string dueTime, string period, string ttl, string? dataJson, bool overwrite, CancellationToken cancellationToken)
    {
        var reminders = Reminders(app, actor);
        try
        {
            if (!await reminders.RegisterAsync(actor, name, dueTime, period, ttl, dataJson, overwrite, cancellationToken))
                throw new DaprError("ERR_ACTOR_REMINDER_ALREADY_EXISTS", 409, StatusCode.AlreadyExists, $"actor reminder already exists: {name}");
        }
        catch (Exception e) when (e is not (DaprError or OperationCanceledException))
        {
            throw ActorSystem.Failed("ERR_ACTOR_REMINDER_CREATE", "error creating actor reminder: " + e.Message);
        }
    }

    public async Task<Reminder> GetReminderAsync(AppInstance app, ActorAddress actor, string name, CancellationToken cancellationToken) =>
        await Reminders(app, actor).FindAsync(actor, name, cancellationToken)
            ?? throw new DaprError("ERR_ACTOR_REMINDER_NOT_FOUND", 404, StatusCode.NotFound, $"actor reminder not found: {name}");

    public async Task UnregisterReminderAsync(AppInstance app, ActorAddress actor, string name, CancellationToken cancellationToken)
    {
        var reminders = Reminders(app, actor);
        try
        {
            await reminders.UnregisterAsync(actor, name, cancellationToken);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            throw ActorSystem.Failed("ERR_ACTOR_REMINDER_DELETE", "error deleting actor reminder: " + e.Message);
        }
    }

    public void RegisterTimer(AppInstance app, ActorAddress actor, string name, string dueTime, string period, string ttl, string callback, string? dataJson)
    {
        if (app.Components.ActorStore is null) throw ActorSystem.NoRuntime();
        var entry = sidecar.Actors.FindActive(actor, app) ?? throw ActorSystem.Failed("ERR_ACTOR_TIMER_CREATE", $"error creating actor timer: can't create timer for actor {actor}: actor not activated");
        try
        {
            sidecar.Timers.Register(entry, name, dueTime, period, ttl, callback, dataJson);
        }
        catch (FormatException e)
        {
            throw ActorSystem.Failed("ERR_ACTOR_TIMER_CREATE", "error creating actor timer: " + e.Message);
        }
    }

    public void UnregisterTimer(AppInstance app, ActorAddress actor, string name)
    {
        if (app.Components.ActorStore is null) throw ActorSystem.NoRuntime();
        if (sidecar.Actors.FindActive(actor, app) is { } entry) TimerService.Unregister(entry, name);
    }

    private ReminderService Reminders(AppInstance app, ActorAddress actor)
    {
        if (app.Components.ActorStore is null) throw ActorSystem.NoRuntime();
        if (!sidecar.GroupOf(app.AppId)!.Instances.Any(i => i.Actors.Types.ContainsKey(actor.Type)))
            throw new DaprError("ERR_ACTOR_REMINDER_NON_HOSTED", 403, StatusCode.PermissionDenied, "operations on actor reminders are only possible on hosted actor types");
        return sidecar.RemindersOf(app.AppId);
    }

    private static DaprError NotSaved(string problem) => ActorSystem.Failed("ERR_ACTOR_STATE_TRANSACTION_SAVE", "error saving actor transaction state: " + problem);

    private static string Key(AppInstance app, ActorAddress actor, string key) => $"{app.AppId}||{actor.Type}||{actor.Id}||{key}";
}
