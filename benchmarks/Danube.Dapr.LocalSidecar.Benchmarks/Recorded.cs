namespace Danube.Dapr.LocalSidecar.Benchmarks;

/// <summary>What daprd 1.18.3 did with one app, on a machine with two cores that client and app shared.</summary>
internal static class Recorded
{
    private static readonly Dictionary<(string Store, string Measure), double> Rates = new()
    {
        [("memory", "state save")] = 22_500, [("memory", "state get")] = 22_500, [("memory", "workflow")] = 430, [("memory", "actor call")] = 5_000,
        [("sqlite", "state save")] = 2_400, [("sqlite", "state get")] = 17_300, [("sqlite", "workflow")] = 140, [("sqlite", "actor call")] = 5_000,
        [("etcd", "state save")] = 4_500, [("etcd", "state get")] = 6_400, [("etcd", "workflow")] = 190, [("etcd", "actor call")] = 5_000,
    };

    /// <summary>Calls a second, or null where nothing was recorded.</summary>
    public static double? Find(string store, string measure) => Rates.TryGetValue((store, measure), out var rate) ? rate : null;

    /// <summary>The rate that a pace is a share of: the recorded one; for what was not recorded that of the like, and half of it for publish, where an event makes two calls.</summary>
    public static double Rate(string store, string measure) => measure switch
    {
        "invocation" => Rates[(store, "actor call")],
        "publish" => Rates[(store, "actor call")] / 2,
        "put without sidecar" => Rates[(store, "state save")],
        "get without sidecar" or "echo without sidecar" => Rates[(store, "state get")],
        _ => Rates[(store, measure)],
    };
}
