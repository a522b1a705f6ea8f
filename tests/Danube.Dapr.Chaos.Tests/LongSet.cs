using System.Globalization;
using Danube.Dapr.Chaos.Tests.Faults;
using Danube.Dapr.Chaos.Tests.Harness;
using Danube.Dapr.Contracts;

namespace Danube.Dapr.Chaos.Tests;

/// <summary>Kills drawn at random from a seed, by the hundred, while topics move all the time. Runs with <c>./test --chaos</c>.</summary>
[Collection("chaos")]
public sealed class LongSet
{
    private const int KillsPerLife = 60;
    private const int KillsPerCheck = 15;

    private static readonly (string Victim, int Weight)[] Weights =
    [
        (DaprNames.Apps.Rebalancer, 30), (ChaosCluster.Sidecar, 20), (DaprNames.Apps.History, 15), (DaprNames.Apps.Ranking, 15),
        (DaprNames.Apps.MetricsCollector, 10), ("broker", 10),
    ];

    [Fact]
    public async Task Kills_AtRandomSteps_LoseRepeatAndLeaveNothing()
    {
        if (Environment.GetEnvironmentVariable("DANUBE_CHAOS_KILLS") is not { Length: > 0 } asked)
            return;
        var kills = int.Parse(asked, CultureInfo.InvariantCulture);
        var seed = int.Parse(Environment.GetEnvironmentVariable("DANUBE_CHAOS_SEED") is { Length: > 0 } given ? given : "1", CultureInfo.InvariantCulture);
        var report = new ChaosReport(seed);
        var failures = new List<string>();
        for (var life = 0; report.Kills.Count < kills; life++)
        {
            try
            {
                await LiveAsync(report, seed + life, Math.Min(KillsPerLife, kills - report.Kills.Count));
            }
            catch (Exception error) when (error is Xunit.Sdk.XunitException or TimeoutException or InvalidOperationException or HttpRequestException)
            {
                failures.Add($"life {life} (seed {seed + life}), logs {report.Logs}: {error.Message}");
                await SayAsync($"FAILED {failures[^1]}{Environment.NewLine}");
                Assert.True(failures.Count < 20, string.Join(Environment.NewLine, failures));
            }

            await SayAsync($"--- after life {life}{Environment.NewLine}{report}");
        }

        Assert.True(failures.Count == 0, string.Join(Environment.NewLine, failures));
    }

    /// <summary>One cluster from its start to its end.</summary>
    private static async Task LiveAsync(ChaosReport report, int seed, int kills)
    {
        var random = new Random(seed);
        await using var cluster = await ChaosCluster.StartAsync(new ChaosOptions
        {
            Name = "long",
            Seed = seed,
            Topics = 100,
            Store = ChaosCluster.EtcdInstalled ? Store.Etcd : Store.Sqlite,
        });
        report.Logs = cluster.Logs;
        var invariants = new Invariants(cluster, report);
        var before = report.Kills.Count;
        while (report.Kills.Count - before < kills)
        {
            var until = Math.Min(report.Kills.Count - before + KillsPerCheck, kills);
            await using (Unrest.Begin(cluster, random.Next()))
            {
                while (report.Kills.Count - before < until)
                    await StrikeAsync(cluster, report, random);
            }

            await invariants.HoldAsync();
        }
    }

    /// <summary>Waits for a random step of a move and kills one to three at once.</summary>
    private static async Task StrikeAsync(ChaosCluster cluster, ChaosReport report, Random random)
    {
        var victims = Draw(random, random.Next(10) switch { < 5 => 1, < 8 => 2, _ => 3 });
        var step = (MoveStep)random.Next(Enum.GetValues<MoveStep>().Length);
        var seen = await cluster.Simulator.NextAsync(await cluster.Simulator.LastSeqAsync(), e => MoveSteps.Of(e) == step, TimeSpan.FromSeconds(20));
        var moment = seen is null ? "no move under way" : step.ToString();
        if (victims.Remove("broker"))
        {
            var slot = await BrokerDeath.KillAsync(cluster, report, random, moment);
            // Half of them come back before Danube has noticed, half after it has given their topics to others.
            if (random.Next(2) == 0)
                await BrokerDeath.UntilDroppedAsync(cluster);
            await BrokerDeath.ReviveAsync(cluster, slot);
        }

        if (victims.Count > 0)
            await Killing.NowAsync(cluster, report, victims, moment);
    }

    private static List<string> Draw(Random random, int count)
    {
        var drawn = new List<string>();
        while (drawn.Count < count)
        {
            var ticket = random.Next(Weights.Sum(w => w.Weight));
            var victim = Weights.First(w => (ticket -= w.Weight) < 0).Victim;
            if (!drawn.Contains(victim))
                drawn.Add(victim);
        }

        return drawn;
    }

    private static async Task SayAsync(string text)
    {
        if (Environment.GetEnvironmentVariable("DANUBE_CHAOS_SUMMARY") is { Length: > 0 } file)
            await File.AppendAllTextAsync(file, text);
    }
}
