using Danube.Dapr.LocalSidecar.Hosting;
using Danube.Dapr.LocalSidecar.Scheduling;

namespace Danube.Dapr.LocalSidecar.Actors;

/// <summary>The timers of active actors.</summary>
internal sealed partial class TimerService(ActorSystem actors, TimeProvider time, ILogger<TimerService> logger)
{
    private static readonly TimeSpan WaitForHost = TimeSpan.FromMilliseconds(200);

    /// <returns>False when the actor is not active at the instance any more.</returns>
    /// <exception cref="FormatException">A time is not understood.</exception>
    public bool Register(ActorEntry actor, AppInstance owner, string name, string dueTime, string period, string ttl, string callback, string? dataJson)
    {
        var timer = new ActorTimer(name, dueTime, period, callback, dataJson, Ticks.Parse(dueTime, period, ttl, time.GetUtcNow()));
        if (!actor.TryAdd(timer, owner)) return false;
        Arm(actor, timer, timer.Ticks.Next);
        return true;
    }

    public static void Unregister(ActorEntry actor, string name)
    {
        lock (actor.Timers)
        {
            if (actor.Timers.Remove(name, out var timer)) timer.Stop();
        }
    }

    private void Arm(ActorEntry actor, ActorTimer timer, DateTimeOffset due)
    {
        timer.Pending = actors.Due.At(due, () => _ = FireAsync(actor, timer));
        if (timer.IsStopped) timer.Pending.Dispose();
    }

    private async Task FireAsync(ActorEntry actor, ActorTimer timer)
    {
        // It is being deactivated: its timers end with it and do not activate it anew.
        if (!actor.TryEnter()) return;
        try
        {
            var goesOn = await actors.TurnAsync(actor.Address, TimeSpan.Zero, null, async (_, channel, running) =>
            {
                if (timer.IsStopped) return false;
                using var request = channel.Request(HttpMethod.Put, $"{ActorSystem.Path(actor.Address)}/method/timer/{Uri.EscapeDataString(timer.Name)}", Tracing.TraceContext.None);
                request.Content = AppChannel.Content(CallbackBody.Timer(timer), "application/json");
                using var response = await channel.SendAsync(request, running);
                if ((int)response.StatusCode != 200) Failed(logger, actor.Address, timer.Name, $"the app answered {(int)response.StatusCode}");
                return !CallbackBody.AsksToCancel(response);
            }, actors.Stopping);
            // The next tick is planned when the callback is over: ticks never overlap.
            if (goesOn && timer.Ticks.After(time.GetUtcNow()) is { } rest)
            {
                timer.Ticks = rest;
                Arm(actor, timer, rest.Next);
                return;
            }
            lock (actor.Timers)
            {
                if (actor.Timers.TryGetValue(timer.Name, out var current) && current == timer) actor.Timers.Remove(timer.Name);
            }
        }
        catch (OperationCanceledException) when (actors.Stopping.IsCancellationRequested)
        {
            // Timers end with the sidecar.
        }
        catch (NotHereException)
        {
            // It moved to another process.
        }
        catch (NoHostException) when (!timer.IsStopped)
        {
            // The app did not get it: this process is cut off from the others for a while, or the timers are about to be stopped with the app.
            Arm(actor, timer, time.GetUtcNow() + WaitForHost);
        }
        catch (Exception e)
        {
            // Also a callback that was broken off; when the actor moves, its timers are stopped.
            Failed(logger, actor.Address, timer.Name, e.Message);
            if (timer.IsStopped || timer.Ticks.After(time.GetUtcNow()) is not { } rest) return;
            timer.Ticks = rest;
            Arm(actor, timer, rest.Next);
        }
        finally
        {
            actors.Exit(actor);
        }
    }

    [LoggerMessage(LogLevel.Warning, "actor {actor}: timer {name} failed: {problem}")]
    private static partial void Failed(ILogger logger, ActorAddress actor, string name, string problem);
}
