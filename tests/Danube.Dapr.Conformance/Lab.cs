using Danube.Dapr.Conformance.Launch;

namespace Danube.Dapr.Conformance;

/// <summary>What the suite is to be run against.</summary>
internal sealed record LabOptions(StoreKind Store = StoreKind.InMemory, string? LocalSidecar = null, string? Daprd = null, string? Placement = null, string? Scheduler = null, StageOptions? Running = null)
{
    public Target Target => new(Store, Running is null, Running is null && Daprd is null);
}

/// <summary>Provides the sidecars that the behaviours are tried on; starts each when it is first needed.</summary>
internal sealed class Lab : IAsyncDisposable
{
    public const string GuardToken = "the-sidecars-token";
    public const string AppToken = "the-apps-token";

    private readonly LabOptions _options;
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("danube-conformance-");
    private readonly List<IAsyncDisposable> _stages = [];
    private readonly List<ChildProgram> _programs = [];
    private readonly Lazy<Task<Ground>> _ground;
    private readonly Lazy<Task<(Stage Main, Stage? Neighbour)>> _main;
    private readonly Lazy<Task<Stage>> _guarded;
    private readonly Lazy<Task<Stage>> _bare;
    private readonly Lazy<Task<Stage>> _retrying;
    private readonly Lazy<Task<Restart>> _restart;
    private readonly Lazy<Task<Takeover>> _takeover;

    public Lab(LabOptions options)
    {
        _options = options;
        _ground = new(PrepareAsync);
        _main = new(StartMainAsync);
        _guarded = new(() => StartOneAsync("guarded", token: GuardToken));
        _bare = new(() => StartOneAsync("bare", components: false));
        _retrying = new(() => StartOneAsync("retrying", retries: true));
        _restart = new(() => Restart.RunAsync(this));
        _takeover = new(() => Takeover.RunAsync(this));
    }

    public Target Target => _options.Target;

    /// <summary>The sidecar that most behaviours are tried on.</summary>
    public async Task<Stage> MainAsync() => (await _main.Value).Main;

    /// <summary>A second app, in reach of the main one.</summary>
    public async Task<Stage> NeighbourAsync() => (await _main.Value).Neighbour ?? throw new InvalidOperationException("A running sidecar has no neighbour.");

    /// <summary>A sidecar with DAPR_API_TOKEN and APP_API_TOKEN.</summary>
    public Task<Stage> GuardedAsync() => _guarded.Value;

    /// <summary>A sidecar without any component.</summary>
    public Task<Stage> BareAsync() => _bare.Value;

    /// <summary>A sidecar that delivers events again which failed.</summary>
    public Task<Stage> RetryingAsync() => _retrying.Value;

    /// <summary>A sidecar that was killed and started again.</summary>
    public Task<Restart> RestartAsync() => _restart.Value;

    /// <summary>Two instances of an app, of which one was killed.</summary>
    public Task<Takeover> TakeoverAsync() => _takeover.Value;

    /// <summary>Starts two instances of one app.</summary>
    public async Task<(Stage First, Stage Second, Func<Task> KillFirst)> StartTwiceAsync(string name)
    {
        var ground = await _ground.Value;
        var folder = Path.Combine(_folder.FullName, name);
        Directory.CreateDirectory(folder);
        var resources = ResourceFiles.Components(folder, _options.Store, ground.Etcd, retries: false);
        var configuration = ResourceFiles.Configuration(folder, ground.Program);
        LaunchedApp[] apps = [LaunchedApp.WithFreePorts("conformance-" + name), LaunchedApp.WithFreePorts("conformance-" + name)];
        var (first, second) = (await AppAsync(apps[0], null, true), await AppAsync(apps[1], null, true));
        var programs = Keep(ground.Program.Start(apps, resources, configuration, new Dictionary<string, string>()));
        string? Ended() => programs.Select(p => p.Ended).FirstOrDefault(e => e is not null);
        await Task.WhenAll(first.ReadyAsync(Ended), second.ReadyAsync(Ended));
        return (first, second, async () =>
        {
            if (programs.Count > 1)
                programs[0].Kill();
            await first.KillAppAsync();
        });
    }

    /// <summary>Starts a sidecar with the app beside it.</summary>
    public async Task<(Stage Stage, Func<Task> KillAndStart)> StartAsync(string name, bool components = true, bool retries = false, string? token = null)
    {
        var ground = await _ground.Value;
        var folder = Path.Combine(_folder.FullName, name);
        Directory.CreateDirectory(folder);
        var resources = components ? ResourceFiles.Components(folder, _options.Store, ground.Etcd, retries) : ResourceFiles.Empty(folder);
        var configuration = ResourceFiles.Configuration(folder, ground.Program);
        var environment = token is null ? new Dictionary<string, string>() : new() { ["DAPR_API_TOKEN"] = token, ["APP_API_TOKEN"] = AppToken };
        var app = LaunchedApp.WithFreePorts("conformance-" + name);
        var stage = await AppAsync(app, token, components);
        var program = Launch();
        await stage.ReadyAsync(() => program.Ended);
        return (stage, async () =>
        {
            program.Kill();
            program = Launch();
            await stage.ReadyAsync(() => program.Ended);
        });

        ChildProgram Launch()
        {
            var started = Keep(ground.Program.Start([app], resources, configuration, environment));
            return started[0];
        }
    }

    public async ValueTask DisposeAsync()
    {
        List<IAsyncDisposable> stages;
        List<ChildProgram> programs;
        lock (_programs)
            (stages, programs) = ([.. _stages], [.. _programs]);
        foreach (var program in Enumerable.Reverse(programs))
            program.Dispose();
        await Task.WhenAll(stages.Select(s => s.DisposeAsync().AsTask()));
        try
        {
            _folder.Delete(recursive: true);
        }
        catch (IOException)
        {
            // A file that a dying process still held; it is in the system's temporary folder.
        }
    }

    private async Task<Ground> PrepareAsync()
    {
        string? etcd = null;
        if (_options.Store == StoreKind.EtcdV1)
        {
            (var process, etcd) = await Backends.StartEtcdAsync(_folder.FullName);
            Keep([process]);
        }
        if (_options.Daprd is not { } daprd)
        {
            var local = _options.LocalSidecar ?? LocalSidecarProgram.Find() ?? throw new InvalidOperationException("no local-sidecar.dll beside the suite; name it: --local PATH");
            return new Ground(new LocalSidecarProgram(local), etcd);
        }
        if (_options is { Placement: { } placement, Scheduler: { } scheduler })
            return new Ground(new DaprdProgram(daprd, placement, scheduler), etcd);
        var (processes, ownPlacement, ownScheduler) = Backends.StartControlPlane(daprd, _folder.FullName);
        Keep(processes);
        return new Ground(new DaprdProgram(daprd, _options.Placement ?? ownPlacement, _options.Scheduler ?? ownScheduler), etcd);
    }

    private async Task<(Stage Main, Stage? Neighbour)> StartMainAsync()
    {
        if (_options.Running is { } running)
        {
            var stage = await Stage.StartAsync(running, Target, this);
            lock (_programs)
                _stages.Add(stage);
            return (await stage.ReadyAsync(static () => null), null);
        }
        var ground = await _ground.Value;
        var folder = Path.Combine(_folder.FullName, "main");
        Directory.CreateDirectory(folder);
        var resources = ResourceFiles.Components(folder, _options.Store, ground.Etcd, retries: false);
        var configuration = ResourceFiles.Configuration(folder, ground.Program);
        var (app, other) = (LaunchedApp.WithFreePorts("conformance"), LaunchedApp.WithFreePorts("neighbour"));
        var (main, neighbour) = (await AppAsync(app, null, true), await AppAsync(other, null, false, allTopics: false));
        var programs = Keep(ground.Program.Start([app, other], resources, configuration, new Dictionary<string, string>()));
        string? Ended() => programs.Select(p => p.Ended).FirstOrDefault(e => e is not null);
        await Task.WhenAll(main.ReadyAsync(Ended), neighbour.ReadyAsync(Ended));
        return (main, neighbour);
    }

    private async Task<Stage> StartOneAsync(string name, bool components = true, bool retries = false, string? token = null) =>
        (await StartAsync(name, components, retries, token)).Stage;

    private async Task<Stage> AppAsync(LaunchedApp app, string? token, bool actorsAndWorkflows, bool allTopics = true)
    {
        var stage = await Stage.StartAsync(new StageOptions(app.AppId, app.HttpPort, app.GrpcPort, app.AppPort, ApiToken: token, ActorsAndWorkflows: actorsAndWorkflows, AllTopics: allTopics), Target, this);
        lock (_programs)
            _stages.Add(stage);
        return stage;
    }

    private IReadOnlyList<ChildProgram> Keep(IReadOnlyList<ChildProgram> programs)
    {
        lock (_programs)
            _programs.AddRange(programs);
        return programs;
    }

    private sealed record Ground(SidecarProgram Program, string? Etcd);
}
