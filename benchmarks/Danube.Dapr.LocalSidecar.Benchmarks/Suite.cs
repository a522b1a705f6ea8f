using System.Globalization;
using Danube.Dapr.LocalSidecar.Benchmarks.Load;
using Danube.Dapr.LocalSidecar.Benchmarks.Processes;
using Etcdserverpb;
using Google.Protobuf;
using Grpc.Net.Client;

namespace Danube.Dapr.LocalSidecar.Benchmarks;

/// <summary>One row of the result: <c>local</c> or <c>daprd</c> under one load; processor time (which hardly depends on what else the machine does) and memory are those of all sidecars together, memory after this load and the most so far. All processor time is that of sidecars, clients, apps and etcd. The last is the share of the cores that others had meanwhile (see <see cref="StolenTime"/>).</summary>
internal sealed record Row(string Sidecar, string Store, int Apps, string Measure, int Clients, double PerSecond, double MedianMs, double P99Ms, double CpuMicrosecondsPerCall, double AllCpuMicrosecondsPerCall, double ResidentMb, double PeakMb, double StolenPercent);

/// <summary>One row of the calls at a set pace; the last are the share of calls within <see cref="Paced.TargetMs"/> and of the cores' time that others had, in percent.</summary>
internal sealed record PacedRow(string Sidecar, string Store, int Apps, string Measure, double AskedPerSecond, double PerSecond, double MedianMs, double P99Ms, double BegunLateP99Ms, double WithinTargetPercent, double StolenPercent);

/// <summary>Runs clients, each made by its number, one way or the other.</summary>
internal delegate Task Runner(Func<int, Task<Func<int, Task>>> makeClient);

/// <summary>All measures of one sidecar with one store.</summary>
internal sealed class Suite(IReadOnlyList<int> clients, TimeSpan duration, IReadOnlyList<string> measures, double paceShare)
{
    // How many calls can be under way when they begin at a set pace.
    private const int ClientsOfPace = 64;

    private const int KeysPerClient = 500;

    // Ended workflows are purged after this time: not while something else is measured.
    private static readonly TimeSpan Retention = TimeSpan.FromSeconds(5);

    // A save ends when the disk has it. etcd takes what came meanwhile into the next flush, so that more clients at once show what it can do.
    private const int ClientsOfEtcd = 64;
    private const string Put = "put without sidecar";
    private const string Get = "get without sidecar";

    /// <summary>The argument that makes a process of this program the server of <see cref="Echo"/>, with its port.</summary>
    public const string ServeEcho = "--serve-echo";
    private const string EchoAlone = "echo without sidecar";
    private static readonly string Value = new('x', 100);

    public List<Row> Rows { get; } = [];

    public List<PacedRow> PacedRows { get; } = [];

    public static IReadOnlyList<string> Measures { get; } = ["state save", "state get", "actor call", "publish", "invocation", "workflow"];

    public async Task RunAsync(string sidecarName, string store, int appCount, string? daprd)
    {
        var folder = Directory.CreateTempSubdirectory("sidecar-bench-");
        try
        {
            await using var etcd = store == "etcd" ? await EtcdAsync(folder.FullName) : null;
            WriteResources(folder.FullName, store, etcd?.Endpoint);
            await using var apps = await BenchApps.StartAsync(appCount);
            await using var sidecar = await SidecarUnderTest.StartAsync(apps.Ports, folder.FullName, daprd);
            await apps.ConnectWorkflowsAsync();
            // Each once before it counts: the local sidecar compiles its code while it runs, and what comes first would pay for the rest.
            Console.Error.WriteLine($"{sidecarName}, {store}, {appCount} app{(appCount == 1 ? "" : "s")}: warming up");
            foreach (var measure in measures) await MeasureAsync(measure, apps, Closed(ClientsOfEtcd, static () => default));
            foreach (var count in clients)
                foreach (var measure in measures) await AddAsync(measure, count, load => MeasureAsync(measure, apps, load));
            if (paceShare > 0)
                foreach (var measure in measures) await AddPacedAsync(measure, load => MeasureAsync(measure, apps, load));
            if (paceShare > 0 && store == "memory" && appCount == 1) await AddPacedAsync(EchoAlone, EchoAsync);
            if (etcd is null || appCount > 1) return;
            if (measures.Contains("state save"))
            {
                await AddAsync("state save", ClientsOfEtcd, load => MeasureAsync("state save", apps, load));
                await AddStraightAsync(Put, clients.Append(ClientsOfEtcd), load => PutAsync(etcd.Endpoint, load));
            }
            if (measures.Contains("state get")) await AddStraightAsync(Get, clients, load => GetAsync(etcd.Endpoint, load));

            async Task AddStraightAsync(string measure, IEnumerable<int> counts, Func<Runner, Task> run)
            {
                foreach (var count in counts) await AddAsync(measure, count, run);
                if (paceShare > 0) await AddPacedAsync(measure, run);
            }

            async Task AddAsync(string measure, int count, Func<Runner, Task> run)
            {
                Console.Error.Write($"{sidecarName}, {store}, {appCount} app{(appCount == 1 ? "" : "s")}, {count} client{(count == 1 ? "" : "s")}: {measure} ... ");
                var (found, stolen) = await StolenTime.LeastAsync(async () =>
                {
                    Measurement found = null!;
                    await run(Closed(count, () => new CpuTime(
                        sidecar.CpuSeconds, sidecar.CpuSeconds + Environment.CpuUsage.TotalTime.TotalSeconds + (etcd?.Process.CpuSeconds ?? 0)), m => found = m));
                    return found;
                });
                Rows.Add(new Row(sidecarName, store, appCount, measure, count, found.PerSecond, found.MedianMs, found.P99Ms, found.Cpu.Sidecars * 1e6, found.Cpu.All * 1e6, sidecar.ResidentMb, sidecar.PeakMb, stolen));
                Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{found.PerSecond:0}/s, p99 {found.P99Ms:0.0} ms, {sidecar.ResidentMb:0} MB, {stolen:0.0} % stolen"));
            }

            async Task AddPacedAsync(string measure, Func<Runner, Task> run)
            {
                var perSecond = paceShare * Recorded.Rate(store, measure);
                Console.Error.Write(string.Create(CultureInfo.InvariantCulture, $"{sidecarName}, {store}, {appCount} app{(appCount == 1 ? "" : "s")}, {perSecond:0}/s: {measure} ... "));
                var (found, stolen) = await StolenTime.LeastAsync(async () =>
                {
                    PacedMeasurement found = null!;
                    await run(async makeClient => found = await Paced.RunAsync(perSecond, ClientsOfPace, duration, duration, makeClient));
                    return found;
                });
                PacedRows.Add(new PacedRow(sidecarName, store, appCount, measure, perSecond, found.PerSecond, found.MedianMs, found.P99Ms, found.BegunLateP99Ms, found.WithinTarget * 100, stolen));
                Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{found.PerSecond:0}/s, p99 {found.P99Ms:0.0} ms, {found.WithinTarget:0.0%} within {Paced.TargetMs} ms, {stolen:0.0} % stolen"));
            }
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private Runner Closed(int count, Func<CpuTime> cpu, Action<Measurement>? done = null) => async makeClient =>
    {
        var found = await ClosedLoop.RunAsync(count, duration, duration, cpu, makeClient);
        done?.Invoke(found);
    };

    private static Task MeasureAsync(string measure, BenchApps apps, Runner load) => measure switch
    {
        "state save" => HttpAsync(apps, load, static (i, _, n) => RawConnection.Request("POST", "/v1.0/state/statestore", $$"""[{"key":"c{{i}}-{{n}}","value":"{{Value}}"}]""")),
        "state get" => HttpAsync(apps, load, static (i, _, n) => RawConnection.Request("GET", $"/v1.0/state/statestore/c{i}-{n}")),
        "actor call" => HttpAsync(apps, load, static (i, app, n) => RawConnection.Request("PUT", $"/v1.0/actors/Bench{app}/a{i}-{n % 20}/method/m", "{}")),
        // With several apps to the next one: through two sidecars.
        "invocation" => HttpAsync(apps, load, (_, app, _) => RawConnection.Request("GET", $"/v1.0/invoke/bench{(app + 1) % apps.Ports.Count}/method/x")),
        "publish" => PublishAsync(apps, load),
        "workflow" => WorkflowAsync(apps, load),
        _ => throw new ArgumentOutOfRangeException(nameof(measure), measure, null),
    };

    private static async Task HttpAsync(BenchApps apps, Runner load, Func<int, int, int, byte[]> request)
    {
        using var connections = new Connections();
        await load(async i =>
        {
            var app = i % apps.Ports.Count;
            var connection = await connections.OpenAsync(apps.Ports[app].HttpPort);
            var requests = Enumerable.Range(0, KeysPerClient).Select(n => request(i, app, n)).ToArray();
            return async n =>
            {
                var status = await connection.SendAsync(requests[n % KeysPerClient]);
                if (status is < 200 or > 299) throw new InvalidOperationException($"The sidecar answered {status}.");
            };
        });
    }

    private static async Task EchoAsync(Runner load)
    {
        var port = Supervised.FreePort();
        await using var server = new Supervised("dotnet", [Path.Combine(AppContext.BaseDirectory, "Danube.Dapr.LocalSidecar.Benchmarks.dll"), ServeEcho, port.ToString(CultureInfo.InvariantCulture)], Environment.CurrentDirectory);
        await server.ReadyAsync(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}/"));
        using var connections = new Connections();
        var request = RawConnection.Request("GET", "/");
        await load(async _ =>
        {
            var connection = await connections.OpenAsync(port);
            return async _ => await connection.SendAsync(request);
        });
    }

    private static Task PutAsync(string endpoint, Runner load)
    {
        var value = ByteString.CopyFromUtf8($"\"{Value}\"");
        return StraightAsync(endpoint, load, (etcd, key) => etcd.PutAsync(new PutRequest { Key = key, Value = value }).ResponseAsync);
    }

    private static Task GetAsync(string endpoint, Runner load) => StraightAsync(endpoint, load, static (etcd, key) => etcd.RangeAsync(new RangeRequest { Key = key }).ResponseAsync);

    // The same keys, straight from a client to etcd: what it and the disk leave to a sidecar.
    private static async Task StraightAsync(string endpoint, Runner load, Func<KV.KVClient, ByteString, Task> call)
    {
        using var channel = GrpcChannel.ForAddress("http://" + endpoint);
        var client = new KV.KVClient(channel);
        await load(i =>
        {
            var keys = Enumerable.Range(0, KeysPerClient).Select(n => ByteString.CopyFromUtf8(string.Create(CultureInfo.InvariantCulture, $"bench0||c{i}-{n}"))).ToArray();
            return Task.FromResult<Func<int, Task>>(n => call(client, keys[n % KeysPerClient]));
        });
    }

    private static async Task PublishAsync(BenchApps apps, Runner load)
    {
        using var connections = new Connections();
        await load(async i =>
        {
            var app = i % apps.Ports.Count;
            var connection = await connections.OpenAsync(apps.Ports[app].HttpPort);
            return async n =>
            {
                var id = string.Create(CultureInfo.InvariantCulture, $"{i}-{n}");
                var delivered = apps.DeliveryOf(id);
                var status = await connection.SendAsync(RawConnection.Request("POST", $"/v1.0/publish/pubsub/topic{app}?metadata.benchid={id}", $$"""{"value":"{{Value}}"}"""));
                if (status != 204) throw new InvalidOperationException($"The sidecar answered {status}.");
                await delivered;
            };
        });
    }

    private static async Task WorkflowAsync(BenchApps apps, Runner load)
    {
        var run = Guid.NewGuid().ToString("N")[..8];
        var all = apps.Workflows;
        await load(i => Task.FromResult<Func<int, Task>>(async n =>
        {
            var client = all[i % all.Count];
            var id = string.Create(CultureInfo.InvariantCulture, $"{run}-{i}-{n}");
            await client.ScheduleNewWorkflowAsync(nameof(BenchApps.OneActivity), id, Value);
            await client.WaitForWorkflowCompletionAsync(id);
        }));
        await Task.Delay(Retention + TimeSpan.FromSeconds(1));
    }

    private static void WriteResources(string folder, string store, string? etcd)
    {
        var components = Directory.CreateDirectory(Path.Combine(folder, "components")).FullName;
        var spec = store switch
        {
            "memory" => "type: state.in-memory, version: v1, metadata: [",
            "sqlite" => $"type: state.sqlite, version: v1, metadata: [ {{ name: connectionString, value: '{Path.Combine(folder, "state.db")}' }},",
            _ => $"type: state.etcd, version: v1, metadata: [ {{ name: endpoints, value: '{etcd}' }}, {{ name: tlsEnable, value: 'false' }},",
        };
        File.WriteAllText(Path.Combine(components, "statestore.yaml"), $"apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {{ name: statestore }}\nspec: {{ {spec} {{ name: actorStateStore, value: 'true' }} ] }}\n");
        File.WriteAllText(Path.Combine(components, "pubsub.yaml"), "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: { name: pubsub }\nspec: { type: pubsub.in-memory, version: v1, metadata: [] }\n");
        File.WriteAllText(Path.Combine(folder, "config.yaml"), $"apiVersion: dapr.io/v1alpha1\nkind: Configuration\nmetadata: {{ name: bench }}\nspec: {{ tracing: {{ samplingRate: '0' }}, workflow: {{ stateRetentionPolicy: {{ anyTerminal: {Retention.TotalSeconds}s }} }} }}\n");
    }

    private static async Task<Etcd> EtcdAsync(string folder)
    {
        var (port, peer) = (Supervised.FreePort(), Supervised.FreePort());
        var process = new Supervised("etcd", ["--data-dir", Path.Combine(folder, "etcd"), "--log-level", "error", "--listen-client-urls", $"http://127.0.0.1:{port}", "--advertise-client-urls", $"http://127.0.0.1:{port}",
            "--listen-peer-urls", $"http://127.0.0.1:{peer}", "--initial-advertise-peer-urls", $"http://127.0.0.1:{peer}", "--initial-cluster", $"default=http://127.0.0.1:{peer}"], folder);
        await process.ReadyAsync($"http://127.0.0.1:{port}/health");
        return new Etcd(process, string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{port}"));
    }

    private sealed record Etcd(Supervised Process, string Endpoint) : IAsyncDisposable
    {
        public ValueTask DisposeAsync() => Process.DisposeAsync();
    }
}
