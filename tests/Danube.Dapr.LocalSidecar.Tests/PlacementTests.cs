using Danube.Dapr.LocalSidecar.Actors;
using Danube.Dapr.LocalSidecar.CommandLine;
using Danube.Dapr.LocalSidecar.Hosting;
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

    private static AppInstance Hosting(string actorType)
    {
        var time = TimeProvider.System;
        var app = new AppRuntime(actorType, null, time);
        return new AppInstance(new AppOptions { AppId = actorType, DaprHttpPort = 1, DaprGrpcPort = 2 }, app, NoComponents(time), null, new(actorType, null, null, time))
        {
            Actors = new ActorConfig(new Dictionary<string, ActorTypeConfig> { [actorType] = ActorTypeConfig.Default }),
        };
    }

    private static AppComponents NoComponents(TimeProvider time) => new(
        new Dictionary<string, Components.StateComponent>(), new Dictionary<string, PubSub.InMemoryBroker>(), [], [], Components.ConfigurationResource.Load([]), time);
}
