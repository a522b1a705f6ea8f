using Danube.Dapr.Chaos.Tests.Harness;
using Danube.Dapr.Contracts;

namespace Danube.Dapr.Chaos.Tests.Faults;

/// <summary>SIGKILL of a process at a step of a move, as the simulated cluster sees it, and its start again.</summary>
internal static class Killing
{
    /// <summary>How long a move to kill in is waited for.</summary>
    private static readonly TimeSpan MovePatience = TimeSpan.FromSeconds(90);
    private static readonly TimeSpan ResumePatience = TimeSpan.FromSeconds(60);

    /// <summary>What is killed: processes of the suite.</summary>
    public static IReadOnlyList<string> Victims { get; } =
        [DaprNames.Apps.Rebalancer, DaprNames.Apps.Ranking, DaprNames.Apps.MetricsCollector, DaprNames.Apps.History, ChaosCluster.Sidecar];

    /// <summary>Kills when the step comes, starts the victim again at once, and measures until the cluster sees the control plane's next step.</summary>
    public static async Task AtStepAsync(ChaosCluster cluster, ChaosReport report, string victim, MoveStep step)
    {
        var seen = await cluster.Simulator.NextAsync(await cluster.Simulator.LastSeqAsync(), e => MoveSteps.Of(e) == step, MovePatience);
        Assert.True(seen is not null, $"Nothing to kill in: no move came to {step} within {MovePatience.TotalSeconds:0} s (logs {cluster.Logs}).");
        await NowAsync(cluster, report, victim, step.ToString());
    }

    public static Task NowAsync(ChaosCluster cluster, ChaosReport report, string victim, string moment) => NowAsync(cluster, report, [victim], moment);

    /// <summary>Kills several in the same moment.</summary>
    public static async Task NowAsync(ChaosCluster cluster, ChaosReport report, IReadOnlyList<string> victims, string moment)
    {
        await Task.WhenAll(victims.Select(v => cluster[v].KillAsync()));
        var killed = TimeProvider.System.GetTimestamp();
        var seq = await cluster.Simulator.LastSeqAsync();
        foreach (var victim in victims)
            cluster[victim].Start();
        var next = await cluster.Simulator.NextAsync(seq, MoveSteps.IsOurs, ResumePatience);
        double? resumed = next is null ? null : TimeProvider.System.GetElapsedTime(killed).TotalSeconds;
        foreach (var victim in victims)
            report.Add(new Kill(victim, moment, resumed));
        foreach (var victim in victims)
            await cluster.UntilUsableAsync(victim);
    }
}
