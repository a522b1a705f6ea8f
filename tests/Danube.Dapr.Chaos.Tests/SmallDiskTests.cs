using System.Globalization;
using System.Net.Http.Json;
using Danube.Dapr.Chaos.Tests.Harness;
using Danube.Dapr.Cli.Up;

namespace Danube.Dapr.Chaos.Tests;

/// <summary>A disk that is small, not full: what is kept fits on it many times, what is written on the way does not.</summary>
[Collection("chaos")]
public sealed class SmallDiskTests
{
    private const int DiskMegabytes = 8;
    private const int Rounds = 250;
    private const int Keys = 64;
    private const int ValueBytes = 4096;

    [SmallDiskFact]
    public async Task Sidecar_OnADiskOfAFewMegabytes_WritesManyTimesAsMuch()
    {
        var run = Directory.CreateTempSubdirectory("small-disk-");
        try
        {
            var resources = run.CreateSubdirectory("components").FullName;
            await File.WriteAllTextAsync(Path.Combine(resources, "state.yaml"), """
                apiVersion: dapr.io/v1alpha1
                kind: Component
                metadata:
                  name: state
                spec:
                  type: state.sqlite
                  version: v1
                  metadata:
                    - name: connectionString
                      value: state.db
                """);
            var ports = new Ports(0);
            var http = ports.Free();
            await using var sidecar = new ManagedProcess(ChaosCluster.Sidecar, Path.Combine(run.FullName, "sidecar.log"), () => SmallDisk.Wrap(
                Programs.StartInfo(ChaosCluster.Sidecar, ["--app-id", "disk", "--dapr-http-port", Text(http), "--dapr-grpc-port", Text(ports.Free()), "--resources-path", resources]),
                run.CreateSubdirectory("disk").FullName, DiskMegabytes));
            sidecar.Start();
            using var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{http}"), Timeout = TimeSpan.FromSeconds(30) };
            using var api = new ServiceApi(client.BaseAddress);
            await Poll.UntilAsync("the sidecar is up", async () => sidecar.Runs && await api.TryGetAsync<object>("v1.0/metadata") is not null);

            for (var round = 0; round < Rounds; round++)
            {
                var value = new string((char)('a' + (round % 26)), ValueBytes);
                using var answer = await client.PostAsJsonAsync("v1.0/state/state", Enumerable.Range(0, Keys).Select(k => new { key = $"k{k}", value }));
                Assert.True(answer.IsSuccessStatusCode, $"round {round} of {Rounds}: {answer.StatusCode} {await answer.Content.ReadAsStringAsync()}");
            }
        }
        finally
        {
            run.Delete(recursive: true);
        }
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
