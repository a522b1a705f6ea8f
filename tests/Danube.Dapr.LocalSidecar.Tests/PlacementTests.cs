using System.Net;
using System.Reflection;
using Danube.Dapr.LocalSidecar.Actors;
using Danube.Dapr.LocalSidecar.CommandLine;
using Danube.Dapr.LocalSidecar.Hosting;
using Danube.Dapr.LocalSidecar.Names;
using Microsoft.Extensions.Logging.Abstractions;

namespace Danube.Dapr.LocalSidecar.Tests;

public sealed class PlacementTests
{
    [Fact]
    public async Task Place_TwoAppsComeUpAtOnce_BothHostTheirActors()
    {
        await using var actors = new ActorSystem(TimeProvider.System, NullLogger<ActorSystem>.Instance);
        var (early, late) = (Hosting("Early"), Hosting("Late"));
        late.IsReady = false;
        using var pastLate = new ManualResetEventSlim();
        using var goOn = new ManualResetEventSlim();
        // Has seen that the later app is not there yet, and is slow from then on.
        IEnumerable<AppInstance> Slowly()
        {
            yield return late;
            pastLate.Set();
            Assert.True(goOn.Wait(TimeSpan.FromSeconds(30)));
            yield return early;
        }

        var slow = Task.Run(() => actors.Place(Slowly()));
        Assert.True(pastLate.Wait(TimeSpan.FromSeconds(30)));
        late.IsReady = true;
        var quick = Task.Run(() => actors.Place([late, early]));
        // It either has to wait for the slow one, or is done now.
        await Task.WhenAny(quick, Task.Delay(TimeSpan.FromMilliseconds(200)));
        goOn.Set();
        await Task.WhenAll(slow, quick);

        Assert.True(actors.IsHosted("Early"));
        Assert.True(actors.IsHosted("Late"));
    }

    [Fact]
    public async Task Turn_WhereProcessesShareTheActors_LeavesNothingBehind()
    {
        using var folder = new TempFolder();
        await using var members = new Membership(new NameResolution(Path.Combine(folder.Path, "names.db")), "default", TimeProvider.System, NullLogger.Instance);
        await using var actors = new ActorSystem(TimeProvider.System, NullLogger<ActorSystem>.Instance, members);
        actors.Place([Hosting("Counter")]);
        members.Publish([new HostEntry("Counter", 1, "127.0.0.1:1", "127.0.0.1:2", "store", ["Counter"])]);
        members.Start(new IPEndPoint(IPAddress.Loopback, 1), new PlacementActions(static _ => Task.CompletedTask, static () => { }, static _ => { }));
        await TestSidecar.Eventually(() => members.Placement is { IsSettled: true, Latest.Version: > 0 });
        var changed = members.Changed;

        for (var i = 0; i < 200; i++) Assert.Equal(i, await actors.TurnAsync(new ActorAddress("Counter", "1"), TimeSpan.FromSeconds(30), null, (_, _, _) => Task.FromResult(i), default));
        // Nobody hosts the type: the wait is given up, and must not stay behind either.
        await Assert.ThrowsAsync<NoHostException>(() => actors.TurnAsync(new ActorAddress("Unknown", "1"), TimeSpan.FromSeconds(1), null, static (_, _, _) => Task.FromResult(0), default));

        Assert.Same(changed, members.Changed);
        Assert.Equal(0, Continuations(changed));
    }

    [Fact]
    public async Task Move_SaveIsUnderWay_NextInstanceOfEachActorWaitsForItsEnd()
    {
        await using var actors = new ActorSystem(TimeProvider.System, NullLogger<ActorSystem>.Instance);
        var (first, second) = (Hosting("Counter", 1), Hosting("Counter", 2));
        ActorAddress[] both = [new("Counter", "1"), new("Counter", "2")];
        actors.Place([first]);
        foreach (var actor in both) Assert.Same(first, await OwnerAsync(actor));
        var save = actors.BeginSave();
        Assert.All(both, a => Assert.NotNull(actors.FindActive(a, first)));

        actors.Place([second]);
        var turns = both.Select(OwnerAsync).ToList();

        Assert.All(turns, static t => Assert.False(t.IsCompleted));
        Assert.All(both, a => Assert.Null(actors.FindActive(a, first)));
        save.Dispose();
        Assert.All(await Task.WhenAll(turns), owner => Assert.Same(second, owner));
        Assert.All(both, a => Assert.Null(actors.FindActive(a, first)));
        Assert.All(both, a => Assert.NotNull(actors.FindActive(a, second)));

        Task<AppInstance> OwnerAsync(ActorAddress actor) => actors.TurnAsync(actor, TimeSpan.FromSeconds(30), null, static (instance, _, _) => Task.FromResult(instance), default);
    }

    // Who waits for a task is in no public list; the debugger reads the same field.
    private static int Continuations(Task task) =>
        typeof(Task).GetField("m_continuationObject", BindingFlags.Instance | BindingFlags.NonPublic)!.GetValue(task) switch
        {
            null => 0,
            System.Collections.IEnumerable list => list.Cast<object?>().Count(static c => c is not null),
            _ => 1,
        };

    private static AppInstance Hosting(string actorType, int port = 1)
    {
        var time = TimeProvider.System;
        var app = new AppRuntime(actorType, null, time);
        return new AppInstance(new AppOptions { AppId = actorType, DaprHttpPort = port, DaprGrpcPort = 2 }, app, NoComponents(time), null, new(actorType, null, null, time))
        {
            Actors = new ActorConfig(new Dictionary<string, ActorTypeConfig> { [actorType] = ActorTypeConfig.Default }),
        };
    }

    private static AppComponents NoComponents(TimeProvider time) => new(
        new Dictionary<string, Components.StateComponent>(), new Dictionary<string, PubSub.InMemoryBroker>(), [], [], Components.ConfigurationResource.Load([]), time);
}
