namespace Danube.Dapr.EndToEnd.Tests;

/// <summary>The main job with its state in etcd.</summary>
[Collection("end to end")]
public sealed class EtcdTests
{
    [EtcdFact]
    public async Task Skew_OnEtcd_EndsBalanced()
    {
        var run = await DanubeLb.RunAsync("up", "--case", "skew", "--state", "etcd", "--until-balanced", "--timeout", "240", "--json", "--port-base", "0", "--dapr", "local");

        Assert.True(run.ExitCode == 0, run.ToString());
        var summary = run.Summary;
        Assert.True(summary.GetProperty("balanced").GetBoolean());
        Assert.Equal(0, summary.GetProperty("movesFailed").GetInt32());
        Assert.Equal(0, summary.GetProperty("stranded").GetInt32());
        Assert.True(summary.GetProperty("moves").GetInt32() > 0);
        // It measured 130 MB; far more would be a leak.
        Assert.InRange(summary.GetProperty("perService").GetProperty("local-sidecar").GetProperty("memoryMb").GetDouble(), 1, 250);
    }
}

/// <summary>A test that needs etcd; skipped where it is not installed.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class EtcdFactAttribute : FactAttribute
{
    /// <summary>Looks for etcd.</summary>
    public EtcdFactAttribute()
    {
        if (!(Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Any(static p => File.Exists(Path.Combine(p, "etcd"))))
            Skip = "etcd is not on PATH (Debian: apt-get install etcd-server)";
    }
}
