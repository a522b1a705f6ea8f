using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.Json;
using Danube.Dapr.Chaos.Tests.Harness;
using Danube.Dapr.Contracts;

namespace Danube.Dapr.Chaos.Tests.Faults;

/// <summary>What the API and the command line say while the state store is dead, or hangs.</summary>
internal static class StoreRefusals
{
    private const string Code = nameof(ReasonCode.StoreUnavailable);

    /// <summary>About 10 s are promised; the rest is for a machine on which a process takes seconds to start.</summary>
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(20);

    public static async Task WhileDownAsync(ChaosCluster cluster)
    {
        foreach (var (app, method, path) in new[]
        {
            (DaprNames.Apps.History, HttpMethod.Get, "history?limit=1"),
            (DaprNames.Apps.Rebalancer, HttpMethod.Post, "pause"),
            (DaprNames.Apps.Rebalancer, HttpMethod.Get, "healthz/store"),
            (DaprNames.Apps.Ranking, HttpMethod.Get, "healthz/store"),
        })
        {
            using var answer = await cluster.Api(app).SendAsync(method, path);
            var text = await answer.Content.ReadAsStringAsync();
            Assert.True(answer.StatusCode == HttpStatusCode.ServiceUnavailable, $"{method} {path} of {app}: {(int)answer.StatusCode} {text}");
            using var problem = JsonDocument.Parse(text);
            Assert.Equal(Code, problem.RootElement.GetProperty("code").GetString());
            Assert.True(answer.Headers.RetryAfter?.Delta > TimeSpan.Zero, $"{method} {path} of {app} does not say when to come again.");
        }

        var (exit, said, _) = await DanubeLbAsync("pause", "--minutes", "1", "--via", $"{cluster.SidecarOf(DaprNames.Apps.Rebalancer)}");
        Assert.True(exit == 1 && said.Contains($"rebalancer is there, but its state store is not ({Code})", StringComparison.Ordinal), $"exit code {exit}: {said}");
        Assert.Single(said.Trim().Split('\n'));
    }

    public static async Task WhileHangingAsync(ChaosCluster cluster)
    {
        await SignalAsync(cluster, "-STOP");
        try
        {
            foreach (string[] command in (string[][])[["history"], ["pause", "--minutes", "1"]])
            {
                var (exit, said, took) = await DanubeLbAsync([.. command, "--via", $"{cluster.SidecarOf(DaprNames.Apps.History)}"]);
                Assert.True(exit == 1 && said.Contains($"its state store is not ({Code})", StringComparison.Ordinal), $"{command[0]}, exit code {exit}: {said}");
                Assert.InRange(took, TimeSpan.Zero, Soon);
            }
        }
        finally
        {
            await SignalAsync(cluster, "-CONT");
        }

        // A pause that was asked for in vain is made all the same now, as the command said that it may be.
        await Poll.UntilAsync("moves go on", async () => await cluster.Rebalancer.TryPostAsync("resume"));
    }

    private static async Task SignalAsync(ChaosCluster cluster, string signal)
    {
        using var kill = Process.Start("kill", [signal, cluster[ChaosCluster.Etcd].Life.Id.ToString(CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync();
        Assert.Equal(0, kill.ExitCode);
    }

    private static async Task<(int Exit, string Said, TimeSpan Took)> DanubeLbAsync(params string[] arguments)
    {
        var here = Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory);
        var program = Path.GetFullPath(Path.Combine(here, "..", "..", "Danube.Dapr.Cli", Path.GetFileName(here), "danube-lb.dll"));
        var clock = Stopwatch.StartNew();
        using var process = Process.Start(new ProcessStartInfo("dotnet", [program, .. arguments]) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        var output = process.StandardOutput.ReadToEndAsync();
        var said = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, said.Length > 0 ? said : await output, clock.Elapsed);
    }
}
