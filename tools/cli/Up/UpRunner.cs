using System.Diagnostics;
using System.Runtime.InteropServices;
using Danube.Dapr.Cli.Services;
using Danube.Dapr.Contracts;
using Spectre.Console;

namespace Danube.Dapr.Cli.Up;

/// <summary>The course of <c>danube-lb up</c>: start, wait until all are healthy, show, judge, stop.</summary>
internal sealed class UpRunner : IAsyncDisposable
{
    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(500);

    /// <summary>What a running plan of a real cluster gets to end its move and take its masks away.</summary>
    private static readonly TimeSpan PlanEndGrace = TimeSpan.FromSeconds(2);

    /// <summary>Balanced counts when it has lasted this long.</summary>
    private static readonly TimeSpan SteadyFor = TimeSpan.FromSeconds(4);

    private readonly UpSettings _settings;
    private readonly TimeProvider _time;
    private readonly RunFolders _folders;
    private readonly Supervisor _supervisor;
    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(3) };
    private readonly Stopwatch _clock = Stopwatch.StartNew();

    private UpRunner(UpSettings settings, TimeProvider time)
    {
        _settings = settings;
        _time = time;
        _folders = RunFolders.Create(settings, time);
        _supervisor = new Supervisor(_folders.Logs);
        ApiToken.AddTo(_http);
    }

    public static async Task<int> RunAsync(UpSettings settings, TimeProvider time, CancellationToken cancellation)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, StopOnSignal);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, StopOnSignal);
        using var hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, StopOnSignal);
        await using var runner = new UpRunner(settings, time);
        return await runner.RunAsync(stop.Token);

        void StopOnSignal(PosixSignalContext context)
        {
            context.Cancel = true;
            stop.Cancel();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _supervisor.DisposeAsync();
        _http.Dispose();
        _folders.Dispose();
    }

    private async Task<int> RunAsync(CancellationToken stop)
    {
        Started started;
        try
        {
            started = await StartAsync(stop);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            Say("Stopped before everything was up.");
            return ExitCodes.Failed;
        }
        var observer = new RunObserver(new ControlPlaneClient(_http), started.Topology, _time);
        var verdict = await ObserveAsync(observer, started, stop);
        if (_settings.Move && verdict.Died is null
            && await new RunningPlan(_http, new ControlPlaneClient(_http), started.Topology[DaprNames.Apps.Rebalancer].Address).EndAsync(PlanEndGrace) is { } unfinished)
            await Console.Error.WriteLineAsync($"danube-lb: plan {unfinished} did not end in time. Brokers may be left drained: look with Danube's own tools, or start again with the same --state-dir.");
        var use = _supervisor.Children.Where(c => c.Use() is not null).ToDictionary(c => c.Name, c => c.Use()!);
        await _supervisor.StopAsync();
        if (verdict.Died is { } dead)
        {
            await Console.Error.WriteLineAsync(_supervisor.Describe(dead));
            return ExitCodes.Failed;
        }
        Report(observer, use);
        return verdict.ExitCode;
    }

    private async Task<Started> StartAsync(CancellationToken stop)
    {
        var dapr = ChooseSidecar();
        Say(dapr is null ? "Sidecar: the embedded local-sidecar." : $"Sidecar: daprd at {dapr.Daprd}.");
        Say(_settings.Simulated
            ? "Policy: demonstration (short intervals, high limits); the production defaults are in docs/configuration.md."
            : _settings.Move ? "Policy: demonstration; topics of your cluster WILL be moved." : "Policy: demonstration; plans are only shown (--move moves topics).");
        Say($"Logs: {_folders.Logs}");

        var ports = new Ports(_settings.PortBase);
        var topology = Topology.Create(ports);
        SimulatorReady? simulated = null;
        var seeds = _settings.Seeds;
        if (_settings.Simulated)
        {
            var simulator = _supervisor.Start(Programs.Simulator, Programs.StartInfo(Programs.Simulator, SimulatorArguments()));
            simulated = await SimulatorReady.WaitAsync(simulator, stop);
            seeds = [.. simulated.Brokers.Select(b => new Uri(b.Admin))];
            Say($"Case {simulated.Case}: {simulated.Description}");
        }
        else
        {
            await SeedCheck.RequireOneAsync(seeds, stop);
        }

        var etcd = _settings.State == StateKind.Etcd ? await Etcd.ProvideAsync(_settings, _supervisor, ports, _folders.State, stop) : null;
        var files = Resources.Files(_settings.State, separateSidecars: dapr is not null);
        var resources = Resources.Prepare(files, _folders.Run, etcd);
        foreach (var file in files)
            _supervisor.CopiedFrom(file, Path.Combine(resources, Path.GetFileName(file)));
        var configuration = Resources.PrepareConfiguration(_folders.Run, _settings.Zipkin);
        foreach (var service in topology.Services)
            _supervisor.Start(service.AppId, ServiceStart.Of(service, seeds, _settings));
        var sidecars = dapr is null
            ? Sidecars.Local(topology, resources, configuration, _folders.State)
            : Sidecars.Daprd(dapr, topology, ports, resources, configuration, _folders.State);
        foreach (var sidecar in sidecars)
            _supervisor.Start(sidecar.Name, sidecar.Start);
        await WaitHealthyAsync(topology, stop);
        foreach (var service in topology.Services)
            Say($"{service.AppId,-18} {service.Address}");
        return new Started(topology, simulated);
    }

    private DaprInstallation? ChooseSidecar()
    {
        if (_settings.Dapr == SidecarKind.Local)
            return null;
        var found = DaprInstallation.Find();
        return found is null && _settings.Dapr == SidecarKind.Daprd
            ? throw new CliException("--dapr daprd: no daprd on PATH or in the Dapr home folder (~/.dapr/bin). Install Dapr, or use --dapr local.")
            : found;
    }

    private List<string> SimulatorArguments()
    {
        List<string> arguments = ["--case", _settings.Case];
        if (_settings.Seed is { } seed)
            arguments.AddRange(["--seed", seed.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
        return arguments;
    }

    private async Task WaitHealthyAsync(Topology topology, CancellationToken stop)
    {
        var client = new ControlPlaneClient(_http);
        var waiting = topology.Services.SelectMany(s => new[]
        {
            (s.AppId, Uri: new Uri(s.Address, "/healthz")),
            ($"sidecar of {s.AppId}", Uri: new Uri($"http://127.0.0.1:{s.DaprHttpPort}/v1.0/healthz")),
        }).ToList();
        var deadline = _clock.Elapsed + StartTimeout;
        while (waiting.Count > 0)
        {
            if (_supervisor.Died.IsCompleted)
                throw new CliException(_supervisor.Describe(await _supervisor.Died));
            if (_clock.Elapsed > deadline)
                throw new CliException($"Not healthy after {StartTimeout.TotalSeconds:0} s: {string.Join(", ", waiting.Select(w => w.Item1))}. Their logs are in {_folders.Logs}.");
            List<(string, Uri)> left = [];
            foreach (var item in waiting)
            {
                if (!await client.IsHealthyAsync(item.Item2, stop))
                    left.Add(item);
            }
            waiting = left;
            if (waiting.Count > 0)
                await Task.Delay(100, stop);
        }
    }

    private async Task<Verdict> ObserveAsync(RunObserver observer, Started started, CancellationToken stop)
    {
        if (!_settings.Interactive)
            return await LoopAsync(observer, started, new ProgressLines(Console.Error).Write, stop);
        var view = new LiveView(started, _folders.Logs, AnsiConsole.Profile.Height);
        Verdict verdict = new(ExitCodes.Ok);
        await AnsiConsole.Live(view.Render(observer.State)).AutoClear(false).StartAsync(async context =>
            verdict = await LoopAsync(observer, started, state =>
            {
                context.UpdateTarget(view.Render(state));
                context.Refresh();
            }, stop));
        return verdict;
    }

    private async Task<Verdict> LoopAsync(RunObserver observer, Started started, Action<RunState> show, CancellationToken stop)
    {
        var observing = Stopwatch.StartNew();
        var eventsOver = TimeSpan.FromSeconds(started.Simulated?.LastEventSeconds ?? 0);
        while (true)
        {
            try
            {
                await observer.PollAsync(stop);
                show(observer.State);
                if (_settings.UntilBalanced)
                {
                    if (observing.Elapsed > eventsOver && observer.BalancedSince is { } since && _time.GetUtcNow() - since >= SteadyFor)
                        return new Verdict(ExitCodes.Ok);
                    if (observing.Elapsed > _settings.Timeout)
                        return new Verdict(ExitCodes.No);
                }
                if (_settings.For is { } length && observing.Elapsed > length)
                    return new Verdict(ExitCodes.Ok);
                var pause = Task.Delay(PollInterval, stop);
                if (await Task.WhenAny(pause, _supervisor.Died) == _supervisor.Died)
                {
                    // A system that is shut down ends all at once; who is told to stop did not die.
                    await Task.Delay(200, stop);
                    return new Verdict(ExitCodes.Failed, await _supervisor.Died);
                }
                await pause;
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return new Verdict(_settings.UntilBalanced ? ExitCodes.No : ExitCodes.Ok);
            }
        }
    }

    private void Report(RunObserver observer, Dictionary<string, ProcessUse> use)
    {
        var state = observer.State;
        var summary = new RunSummary
        {
            Case = _settings.Simulated ? _settings.Case : "cluster",
            Balanced = state.WithinTargets,
            CvBefore = Round(state.Before?.CoefficientOfVariation),
            CvAfter = Round(state.Balance?.CoefficientOfVariation),
            MaxOverMeanBefore = Round(state.Before?.MaxOverMean),
            MaxOverMeanAfter = Round(state.Balance?.MaxOverMean),
            Moves = state.MovesDone,
            MovesFailed = state.MovesFailed,
            LowerBound = state.LowerBound,
            Seconds = Math.Round(_clock.Elapsed.TotalSeconds, 1),
            Stranded = state.StrandedSeen,
            Repaired = Math.Max(0, state.StrandedSeen - state.UnownedNow),
            Unsplittable = state.Unsplittable,
            PerService = use.ToDictionary(p => p.Key, p => new ProcessUse(Math.Round(p.Value.MemoryMb, 1), Math.Round(p.Value.CpuSeconds, 2))),
        };
        if (_settings.Json)
            Console.WriteLine(summary.ToJson());
        else
            Say($"{(summary.Balanced ? "Balanced" : "Not balanced")}: CV {summary.CvBefore} → {summary.CvAfter}, max/mean {summary.MaxOverMeanBefore} → {summary.MaxOverMeanAfter}, {summary.Moves} moves (at least {summary.LowerBound} needed), {summary.MovesFailed} failed.");
    }

    private static double? Round(double? value) => value is { } v && double.IsFinite(v) ? Math.Round(v, 3) : null;

    private void Say(string line)
    {
        if (_settings.Interactive)
            AnsiConsole.WriteLine(line);
        else
            Console.Error.WriteLine(line);
    }

    private sealed record Verdict(int ExitCode, ChildProcess? Died = null);
}

/// <summary>What runs, once everything is up.</summary>
internal sealed record Started(Topology Topology, SimulatorReady? Simulated);
