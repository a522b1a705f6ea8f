using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Danube.Dapr.BrokerSimulator;
using Danube.Dapr.Cli.Up;
using Danube.Dapr.Contracts;

namespace Danube.Dapr.Chaos.Tests.Harness;

/// <summary>A simulated Danube cluster and the whole control plane on it, each part a process that can be killed and started again.</summary>
internal sealed class ChaosCluster : IAsyncDisposable
{
    /// <summary>Name of the second rebalancer, which the sidecar knows from the start and which runs only when a test starts it.</summary>
    public const string SecondRebalancer = "rebalancer-2";
    public const string Sidecar = "local-sidecar";
    public const string Etcd = "etcd";

    private readonly Dictionary<string, ManagedProcess> _processes = [];
    private readonly Dictionary<string, ServiceEndpoint> _endpoints = [];
    private readonly Dictionary<string, ServiceApi> _apis = [];
    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(3) };
    private readonly Ports _ports = new(0);
    private readonly DirectoryInfo _run;

    private ChaosCluster(ChaosOptions options, string logs)
    {
        Options = options;
        Logs = logs;
        _run = Directory.CreateTempSubdirectory("chaos-");
        Clock = options.OwnClock ? new WallClock(_run.FullName) : null;
    }

    public ChaosOptions Options { get; }

    /// <summary>Logs of all processes and the simulator's event log; they stay.</summary>
    public string Logs { get; }

    public SimulatorClient Simulator { get; private set; } = null!;

    /// <summary>Admin addresses of the brokers.</summary>
    public IReadOnlyList<Uri> Seeds { get; private set; } = [];

    public ServiceApi Rebalancer => _apis[DaprNames.Apps.Rebalancer];

    public ServiceApi History => _apis[DaprNames.Apps.History];

    public ManagedProcess this[string name] => _processes[name];

    public bool Has(string name) => _processes.ContainsKey(name);

    public ServiceApi Api(string name) => _apis[name];

    /// <summary>What the services and the sidecar take for the time; null when it is the machine's.</summary>
    public WallClock? Clock { get; }

    /// <summary>A file on the small disk, as seen from outside.</summary>
    public string OnSmallDisk(string file) => SmallDisk.PathOf(_processes[Sidecar].Life.Id, StateFolder, file);

    /// <summary>Port of a service's sidecar, HTTP.</summary>
    public Uri SidecarOf(string name) => new($"http://127.0.0.1:{_endpoints[name].DaprHttpPort}");

    /// <summary>True when etcd can be started here.</summary>
    public static bool EtcdInstalled => Programs.OnPath("etcd") is not null;

    public static async Task<ChaosCluster> StartAsync(ChaosOptions options)
    {
        var stamp = string.Create(CultureInfo.InvariantCulture, $"{DateTime.UtcNow:yyyyMMdd-HHmmss}-{options.Name}-{options.Seed}-{Environment.ProcessId}");
        var logs = Directory.CreateDirectory(Path.Combine(Programs.FolderWith("Danube.Dapr.sln") ?? Path.GetTempPath(), "artifacts", "chaos", stamp)).FullName;
        var cluster = new ChaosCluster(options, logs);
        try
        {
            await cluster.StartAsync();
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>Waits until a topic is sent on its way, after the simulator's event <paramref name="seq"/>, or for another step.</summary>
    public async Task MovesAsync(long seq, string when, Func<SimulatedEvent, bool>? step = null)
    {
        if (await Simulator.NextAsync(seq, step ?? (e => MoveSteps.Of(e) == MoveStep.UnloadPosted), Poll.Patience) is not null)
            return;
        var status = await Rebalancer.TryGetAsync<RebalancerStatus>("status");
        var why = status is null ? "the rebalancer does not answer"
            : $"circuit {(status.CircuitOpen ? "open: " + status.CircuitReason : "closed")}, plan {status.RunningPlanId ?? "none"}, last cycle {status.LastCycle?.Time:T} {status.LastCycle?.Outcome} {status.LastCycle?.Reason} {status.LastCycle?.Detail}";
        if (status?.RunningPlanId is { } plan)
        {
            using var workflow = await _http.GetAsync(new Uri(SidecarOf(DaprNames.Apps.Rebalancer), $"v1.0/workflows/dapr/{plan}"));
            why += $", its workflow {await workflow.Content.ReadAsStringAsync()}";
        }

        Assert.Fail($"Nothing was moved for {Poll.Patience.TotalSeconds:0} s {when}: {why} (logs {Logs}).");
    }

    /// <summary>Starts a process and waits until it can be used.</summary>
    public async Task StartAsync(string name)
    {
        _processes[name].Start();
        await UntilUsableAsync(name);
    }

    public async Task UntilUsableAsync(string name) =>
        await Poll.UntilAsync($"{name} healthy", async () =>
        {
            if (!_processes[name].Runs)
                throw new InvalidOperationException($"{name} ended with exit code {_processes[name].Life.ExitCode}: {string.Join(" | ", _processes[name].Life.LastLines())}");
            return name switch
            {
                Sidecar => await IsHealthyAsync(new Uri(SidecarOf(DaprNames.Apps.Rebalancer), "v1.0/healthz/outbound")),
                Etcd => await IsHealthyAsync(new Uri($"http://{_etcd}/health")),
                _ => await _apis[name].IsHealthyAsync(),
            };
        });

    public async ValueTask DisposeAsync()
    {
        // Services first: killed, as everything here.
        foreach (var process in _processes.Values.Reverse())
            await process.DisposeAsync();
        foreach (var api in _apis.Values)
            api.Dispose();
        Simulator?.Dispose();
        _http.Dispose();
        _run.Delete(recursive: true);
    }

    private string _etcd = "";

    private async Task StartAsync()
    {
        await StartSimulatorAsync();
        string? etcd = null;
        if (Options.Store == Store.Etcd)
        {
            etcd = _etcd = $"127.0.0.1:{_ports.Free()}";
            Add(Etcd, EtcdCommand($"127.0.0.1:{_ports.Free()}"));
            await StartAsync(Etcd);
        }

        var resources = Resources.Prepare(Resources.Files(etcd is null ? StateKind.Sqlite : StateKind.Etcd, separateSidecars: false), _run.FullName, etcd);
        var configuration = Resources.PrepareConfiguration(_run.FullName, null);
        foreach (var service in Topology.Create(_ports).Services.Where(s => s.AppId != DaprNames.Apps.Console))
            AddService(service.AppId, service);
        AddService(SecondRebalancer, new ServiceEndpoint(DaprNames.Apps.Rebalancer, _ports.Free(), _ports.Free(), _ports.Free()));
        Add(Sidecar, () =>
        {
            var start = OnClock(Sidecars.Local(new Topology([.. _endpoints.Values]), resources, configuration, StateFolder)[0].Start);
            return Options.DiskMegabytes is { } megabytes ? SmallDisk.Wrap(start, StateFolder, megabytes) : start;
        });
        foreach (var name in _endpoints.Keys.Where(n => n != SecondRebalancer).Append(Sidecar))
            _processes[name].Start();
        foreach (var name in _endpoints.Keys.Where(n => n != SecondRebalancer).Append(Sidecar))
            await UntilUsableAsync(name);
    }

    private async Task StartSimulatorAsync()
    {
        Add(Programs.Simulator, () => Programs.StartInfo(Programs.Simulator,
        [
            "--case", "steady", "--brokers", Text(Options.Brokers), "--topics", Text(Options.Topics), "--seed", Text(Options.Seed), "--control-port", "0",
            "--broker-ttl", Text(Options.BrokerTtlSeconds), "--event-log", Path.Combine(Logs, "events.jsonl"),
        ]));
        _processes[Programs.Simulator].Start();
        using var patience = new CancellationTokenSource(Poll.Patience);
        await foreach (var line in _processes[Programs.Simulator].Life.Output.ReadAllAsync(patience.Token))
        {
            if (line == "ready")
                return;
            if (!line.StartsWith('{'))
                continue;
            using var start = JsonDocument.Parse(line);
            Simulator = new SimulatorClient(new Uri(start.RootElement.GetProperty("control").GetString()!));
            Seeds = [.. start.RootElement.GetProperty("brokers").EnumerateArray().Select(b => new Uri(b.GetProperty("admin").GetString()!))];
        }

        throw new InvalidOperationException("The simulator ended before it was ready.");
    }

    private void AddService(string name, ServiceEndpoint endpoint)
    {
        _endpoints[name] = endpoint;
        _apis[name] = new ServiceApi(endpoint.Address);
        Add(name, () =>
        {
            var start = ServiceStart.Of(endpoint, Seeds, new UpSettings());
            foreach (var (key, value) in ServicePolicy(endpoint.AppId).Concat(Options.Environment))
                start.Environment[key] = value;
            return OnClock(start);
        });
    }

    private string StateFolder => Options.DiskMegabytes is null ? _run.FullName : _run.CreateSubdirectory("disk").FullName;

    private ProcessStartInfo OnClock(ProcessStartInfo start)
    {
        foreach (var (key, value) in Clock?.Variables ?? [])
            start.Environment[key] = value;
        return start;
    }

    /// <summary>As for a demonstration, and quicker: what takes minutes in production takes seconds.</summary>
    private Dictionary<string, string> ServicePolicy(string appId) => appId switch
    {
        DaprNames.Apps.History => new Dictionary<string, string> { ["History__GapCheckSeconds"] = "3" },
        DaprNames.Apps.Rebalancer => new Dictionary<string, string>
        {
            ["Rebalancer__CheckIntervalSeconds"] = "1",
            ["Rebalancer__SustainedSeconds"] = "0",
            ["Rebalancer__CoolDownSeconds"] = Text(Options.CoolDownSeconds),
            ["Rebalancer__MaxMovesPerCycle"] = Text(Options.MovesPerCycle),
            ["Rebalancer__MaxMovesPerHour"] = Text(Options.MovesPerHour),
            ["Rebalancer__MaxMovesPerBrokerPerHour"] = Text(Options.MovesPerHour),
            ["Rebalancer__MaxMovesPerNamespacePerHour"] = Text(Options.MovesPerHour),
            ["Rebalancer__MoveTimeoutSeconds"] = "15",
            ["Rebalancer__MaxMaskSeconds"] = "20",
            ["Rebalancer__MaxLatencyRatio"] = "1000",
            // The time to resume is that of a restart, not of the rest that the pace keeps when clients notice a batch.
            ["Rebalancer__MaxRestSeconds"] = "2",
        },
        _ => [],
    };

    private void Add(string name, Func<ProcessStartInfo> command) => _processes[name] = new ManagedProcess(name, Path.Combine(Logs, name + ".log"), command);

    private Func<ProcessStartInfo> EtcdCommand(string peer) => () =>
    {
        var start = new ProcessStartInfo(Programs.OnPath("etcd")!);
        string[] arguments =
        [
            "--data-dir", Path.Combine(_run.FullName, "etcd"),
            "--listen-client-urls", $"http://{_etcd}", "--advertise-client-urls", $"http://{_etcd}",
            "--listen-peer-urls", $"http://{peer}", "--initial-advertise-peer-urls", $"http://{peer}", "--initial-cluster", $"default=http://{peer}",
        ];
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        return start;
    };

    private async Task<bool> IsHealthyAsync(Uri uri)
    {
        try
        {
            using var answer = await _http.GetAsync(uri);
            return answer.IsSuccessStatusCode;
        }
        catch (Exception error) when (error is HttpRequestException or TaskCanceledException or IOException)
        {
            return false;
        }
    }

    private static string Text(int value) => value.ToString(CultureInfo.InvariantCulture);
}
