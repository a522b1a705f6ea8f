using Danube.Dapr.LocalSidecar.PubSub;

namespace Danube.Dapr.LocalSidecar.Hosting;

/// <summary>The instances of one app-id.</summary>
internal sealed class AppGroup(AppRuntime runtime, IReadOnlyList<AppInstance> instances)
{
    private int _next;

    public AppRuntime Runtime { get; } = runtime;

    public IReadOnlyList<AppInstance> Instances { get; } = instances;

    /// <summary>An instance that can be reached, each in its turn; one that cannot when there is no other, so that the caller sees why.</summary>
    public AppInstance? Next()
    {
        var first = (uint)Interlocked.Increment(ref _next);
        AppInstance? fallback = null;
        for (var i = 0; i < Instances.Count; i++)
        {
            var instance = Instances[(int)((first + i) % (uint)Instances.Count)];
            if (instance.Channel is null) continue;
            if (instance.IsReady) return instance;
            fallback ??= instance;
        }
        return fallback;
    }

    /// <summary>What handles the events of each subscription of its instances.</summary>
    public Dictionary<(string PubSubName, string Topic), Subscriber> Subscribers { get; } = [];

    public bool HasReadyInstance => Instances.Any(static i => i is { IsReady: true, Channel: not null });
}
