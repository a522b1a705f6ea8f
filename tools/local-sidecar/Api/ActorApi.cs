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

    public async Task SaveStateAsync(AppInstance app, ActorAddress actor, IReadOnlyList<ActorStateWrite> writes)
    {
        var store = app.Components.ActorStore ?? throw ActorSystem.NoRuntime();
        using var save = sidecar.Actors.BeginSave();
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
            // Not cancelled with the call: the save is over when nothing of it is under way any more, and the actor may move.
            await app.App.ActorStateStore!.ApplyAsync(operations, CancellationToken.None);
        }
        catch (Exception e)
        {
            throw NotSaved(e.Message);
        }
    }

    public Task RegisterReminderAsync(AppInstance app, ActorAddress actor, string name, string dueTime, string period, string ttl, string? dataJson, bool overwrite, CancellationToken cancellationToken)
    {
        var command = new ReminderCommand(name, dueTime, period, ttl, dataJson, overwrite);
        _ = Reminders(app, actor);
        return AtOwnerAsync(actor, "register", command, () => RegisterReminderHereAsync(app, actor, command, cancellationToken), "ERR_ACTOR_REMINDER_CREATE", "error creating actor reminder: ", cancellationToken);
    }

    /// <exception cref="NotHereException">The actor belongs to another process.</exception>
    public async Task RegisterReminderHereAsync(AppInstance app, ActorAddress actor, ReminderCommand command, CancellationToken cancellationToken)
    {
        try
        {
            if (!await Reminders(app, actor).RegisterAsync(actor, command.Name, command.DueTime, command.Period, command.Ttl, command.Data, command.Overwrite, cancellationToken))
                throw new DaprError("ERR_ACTOR_REMINDER_ALREADY_EXISTS", 409, StatusCode.AlreadyExists, $"actor reminder already exists: {command.Name}");
        }
        catch (Exception e) when (e is not (DaprError or NotHereException or OperationCanceledException))
        {
            throw ActorSystem.Failed("ERR_ACTOR_REMINDER_CREATE", "error creating actor reminder: " + e.Message);
        }
    }

    public async Task<Reminder> GetReminderAsync(AppInstance app, ActorAddress actor, string name, CancellationToken cancellationToken) =>
        await Reminders(app, actor).FindAsync(actor, name, cancellationToken)
            ?? throw new DaprError("ERR_ACTOR_REMINDER_NOT_FOUND", 404, StatusCode.NotFound, $"actor reminder not found: {name}");

    public Task UnregisterReminderAsync(AppInstance app, ActorAddress actor, string name, CancellationToken cancellationToken)
    {
        _ = Reminders(app, actor);
        return AtOwnerAsync(actor, "unregister", new ReminderCommand(name, "", "", "", null, false), () => UnregisterReminderHereAsync(app, actor, name, cancellationToken),
            "ERR_ACTOR_REMINDER_DELETE", "error deleting actor reminder: ", cancellationToken);
    }

    /// <exception cref="NotHereException">The actor belongs to another process.</exception>
    public async Task UnregisterReminderHereAsync(AppInstance app, ActorAddress actor, string name, CancellationToken cancellationToken)
    {
        try
        {
            await Reminders(app, actor).UnregisterAsync(actor, name, cancellationToken);
        }
        catch (Exception e) when (e is not (DaprError or NotHereException or OperationCanceledException))
        {
            throw ActorSystem.Failed("ERR_ACTOR_REMINDER_DELETE", "error deleting actor reminder: " + e.Message);
        }
    }

    public void RegisterTimer(AppInstance app, ActorAddress actor, string name, string dueTime, string period, string ttl, string callback, string? dataJson)
    {
        if (app.Components.ActorStore is null) throw ActorSystem.NoRuntime();
        try
        {
            if (sidecar.Actors.FindActive(actor, app) is not { } entry || !sidecar.Timers.Register(entry, app, name, dueTime, period, ttl, callback, dataJson))
                throw ActorSystem.Failed("ERR_ACTOR_TIMER_CREATE", $"error creating actor timer: can't create timer for actor {actor}: actor not activated");
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

    private async Task AtOwnerAsync(ActorAddress actor, string operation, ReminderCommand command, Func<Task> here, string errorCode, string failure, CancellationToken cancellationToken)
    {
        try
        {
            await sidecar.Actors.AtOwnerAsync(actor, async () =>
            {
                await here();
                return true;
            }, async place =>
            {
                await sidecar.Actors.Relay!.RemindAsync(place, operation, actor, command, cancellationToken);
                return true;
            }, cancellationToken);
        }
        catch (Exception e) when (e is NoHostException or HttpRequestException)
        {
            throw ActorSystem.Failed(errorCode, failure + e.Message);
        }
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
