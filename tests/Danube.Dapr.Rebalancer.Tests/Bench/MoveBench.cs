using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Json;
using Danube.Dapr.BrokerClient;
using Danube.Dapr.BrokerSimulator;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Actors;
using Danube.Dapr.Rebalancer.Control;
using Danube.Dapr.Rebalancer.Cycle;
using Danube.Dapr.Rebalancer.Options;
using Danube.Dapr.Workflow;
using Danube.Dapr.Workflow.Testing;
using Dapr.Actors.Client;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace Danube.Dapr.Rebalancer.Tests.Bench;

/// <summary>The whole rebalancer without a sidecar: real workflows and activities, real actors in memory, against a simulated Danube cluster over gRPC.</summary>
internal sealed class MoveBench : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly QueuedWorkflows _workflows;
    private readonly ServiceProvider _services;

    private MoveBench(SimulatedCluster cluster, RebalancerOptions options)
    {
        Cluster = cluster;
        Options = options;
        Time = new BenchTime(() => Host?.UtcNow ?? DateTime.UnixEpoch);
        Danube = new DanubeCluster(new DanubeClientOptions { Seeds = cluster.Seeds, TopologyMaxAge = TimeSpan.FromMilliseconds(100) });
        Host = new WorkflowTestHost(
            workflows =>
            {
                workflows.UseJsonSerializerOptions(ContractsJson.Wire);
                RebalancerServices.RegisterWorkflows(workflows);
            },
            Configure);
        _workflows = new QueuedWorkflows(Host);
        var collection = new ServiceCollection().AddLogging();
        Configure(collection);
        _services = collection.BuildServiceProvider();
        Actors.Services = _services;
        Actors.Register<ControlLoopActor>(DaprNames.Actors.ControlLoop);
        Actors.Register<TopicActor>(DaprNames.Actors.Topic);
        Actors.Register<PlanActor>(DaprNames.Actors.Plan);
        Actors.Register<MaskActor>(DaprNames.Actors.Mask);
    }

    public SimulatedCluster Cluster { get; }

    public RebalancerOptions Options { get; }

    public DanubeCluster Danube { get; }

    public WorkflowTestHost Host { get; }

    public MemoryActors Actors { get; } = new();

    public RecordedEvents Events { get; } = new();

    public BenchTime Time { get; }

    /// <summary>True: workflows that are started are lost.</summary>
    public bool LoseStarts
    {
        get => _workflows.LoseStarts;
        set => _workflows.LoseStarts = value;
    }

    /// <summary>True: the sidecar's workflow engine does not answer when something is told to a workflow.</summary>
    public bool WorkflowsHang
    {
        get => _workflows.Hanging;
        set => _workflows.Hanging = value;
    }

    public ActorDirectory Directory => new(Actors);

    /// <summary>Ids of the living brokers, in slot order.</summary>
    public IReadOnlyList<string> Brokers => [.. Cluster.Brokers.Where(b => b.Alive).OrderBy(b => b.Slot).Select(b => b.Id)];

    public static async Task<MoveBench> StartAsync(string simulated = "steady", int brokers = 3, int topics = 12, Action<RebalancerOptions>? configure = null, double electionSeconds = 1, params Fault[] faults)
    {
        var cluster = await SimulatedCluster.StartAsync(new SimulatorOptions
        {
            Case = simulated,
            Brokers = brokers,
            Topics = topics,
            Faults = faults,
            BrokerTtl = TimeSpan.FromSeconds(2),
            ElectionTime = TimeSpan.FromSeconds(electionSeconds),
            LoadReportInterval = TimeSpan.FromMilliseconds(200),
        });
        var options = new RebalancerOptions
        {
            Mode = "auto",
            StorageMode = "shared_fs",
            SustainedSeconds = 0,
            MinTopicAgeSeconds = 0,
            MaxMovesPerCycle = 100,
            MaxMovesPerHour = 1000,
            MaxMovesPerBrokerPerHour = 1000,
            MaxMovesPerNamespacePerHour = 1000,
        };
        configure?.Invoke(options);
        return new MoveBench(cluster, options);
    }

    /// <summary>Moves topics to brokers by a plan of its own, to the end.</summary>
    public async Task<PlanRun> RunPlanAsync(params (string Topic, string To)[] moves)
    {
        var plan = PlanOf(moves);
        var result = await Directory.Control.SubmitAsync(new PlanSubmission(plan, "test"));
        Assert.Null(result.Reason);
        await RunWorkflowsAsync();
        return (await Directory.Plan(plan.Id).GetAsync())!;
    }

    public RebalancePlan PlanOf(params (string Topic, string To)[] moves)
    {
        var truth = Cluster.Truth();
        var balance = new BalanceReport { Time = Time.GetUtcNow(), Brokers = Brokers.Count, CoefficientOfVariation = 0, MaxOverMean = 1, MinOverMean = 1 };
        var id = $"t-{Guid.NewGuid():n}";
        return new RebalancePlan
        {
            Id = id,
            Hash = new string('a', 64),
            CreatedAt = Time.GetUtcNow(),
            Trigger = PlanTrigger.Manual,
            Before = balance,
            PredictedAfter = balance,
            Summary = "A plan of a test",
            Moves = [.. moves.Select(m => new PlannedMove { Topic = m.Topic, From = truth.Topics.Single(t => t.Name == m.Topic).AssignedTo.Single(), To = m.To, Cause = MoveCause.Manual })],
        };
    }

    /// <summary>A part of the rebalancer.</summary>
    public T Part<T>() where T : notnull => _services.GetRequiredService<T>();

    /// <summary>Runs the workflows that were started until they end.</summary>
    public Task RunWorkflowsAsync() => _workflows.RunAsync();

    /// <summary>Begins moves of one source, which lets none of them go, and waits until so many unloads were sent.</summary>
    public async Task<(RebalancePlan Plan, Task Running)> HangAsync(int inFlight, params (string Topic, string To)[] moves)
    {
        var plan = PlanOf(moves);
        Cluster.SetFault(Fault.HangingWatcher, on: true, target: plan.Moves[0].From);
        await Directory.Control.SubmitAsync(new PlanSubmission(plan, "test"));
        var running = RunWorkflowsAsync();
        await UntilAsync(() => Unloads().Count == inFlight, $"{inFlight} in flight");
        return (plan, running);
    }

    /// <summary>Runs the workflows that were started, without letting time pass.</summary>
    public Task RunUntilIdleAsync() => _workflows.RunUntilIdleAsync();

    public TopicTruth Topic(string name) => Cluster.Truth().Topics.Single(t => t.Name == name);

    /// <summary>Names of the topics that a broker owns.</summary>
    public IReadOnlyList<string> TopicsOf(string broker) => [.. Cluster.Truth().Topics.Where(t => t.AssignedTo.Contains(broker)).Select(t => t.Name)];

    /// <summary>Makes topics such that nobody owns them: unloads them while no other broker takes topics.</summary>
    public async Task StrandAsync(params string[] topics)
    {
        foreach (var topic in topics)
        {
            var owner = Topic(topic).AssignedTo.Single();
            foreach (var other in Brokers.Where(b => b != owner))
                await Danube.MaskBrokerAsync(other);
            await Danube.UnloadTopicAsync(topic);
            await UntilAsync(() => Cluster.Events().Any(e => e.Event == "assign-failed" && e.Topic == topic), $"{topic} is stranded");
            foreach (var other in Brokers.Where(b => b != owner))
                await Danube.ActivateBrokerAsync(other, "test");
        }
    }

    /// <summary>Lets Danube's own rebalancer make one move, between two cycles, of which the second sees it.</summary>
    public async Task SeeBuiltInAsync()
    {
        await Directory.Control.NudgeAsync();
        using var channel = GrpcChannel.ForAddress(Cluster.Brokers.Single(b => b.Id == Cluster.Truth().LeaderId).Admin);
        // Unlimited it goes on with one each second of the machine's clock, while the test's stands still.
        byte[] maxMovesOne = [0x10, 1];
        var bytes = Marshallers.Create<byte[]>(b => b, b => b);
        await channel.CreateCallInvoker().AsyncUnaryCall(new Method<byte[], byte[]>(MethodType.Unary, "danube_admin.BrokerAdmin", "TriggerRebalance", bytes, bytes), null, default, maxMovesOne);
        await UntilAsync(() => Cluster.Events().Any(e => e.Event == "built-in-move"), "a built-in move");
        await Directory.Control.NudgeAsync();
    }

    /// <summary>Unloads that really happened, by topic.</summary>
    public IReadOnlyDictionary<string, int> Unloads() =>
        Cluster.Events().Where(e => e.Event == "unload-posted").GroupBy(e => e.Topic!).ToDictionary(g => g.Key, g => g.Count());

    /// <summary>State of each living broker as the cluster has it.</summary>
    public IReadOnlyDictionary<string, string> States() => Cluster.Truth().Brokers.Where(b => b.Broker.Alive).ToDictionary(b => b.Broker.Id, b => b.State);

    public static async Task UntilAsync(Func<bool> condition, string what)
    {
        var end = DateTime.UtcNow + Patience;
        while (!condition())
        {
            Assert.True(DateTime.UtcNow < end, $"Waited in vain for: {what}.");
            await Task.Delay(20);
        }
    }

    internal void Configure(IServiceCollection services)
    {
        services.AddMetrics();
        services.AddSingleton<TimeProvider>(Time);
        services.AddSingleton(new SteadyClock(Time, proc: null));
        services.AddSingleton<IOptionsMonitor<RebalancerOptions>>(new FixedOptions(Options));
        services.AddSingleton(Danube);
        services.AddSingleton<IActorProxyFactory>(Actors);
        services.AddSingleton<IDaprWorkflowClient>(_ => _workflows);
        services.AddSingleton(new RankingClient(new HttpClient(new SnapshotHandler(this)) { BaseAddress = new Uri("http://ranking") }));
        services.AddRebalancerCore();
        services.Replace(ServiceDescriptor.Singleton<EventPublisher>(Events));
    }

    public async ValueTask DisposeAsync()
    {
        await _services.DisposeAsync();
        await Host.DisposeAsync();
        Danube.Dispose();
        await Cluster.DisposeAsync();
    }

    /// <summary>The snapshot as ranking would give it.</summary>
    public ClusterSnapshot Snapshot()
    {
        var truth = Cluster.Truth();
        var now = Time.GetUtcNow();
        return new ClusterSnapshot
        {
            Time = now,
            Generation = now.ToUnixTimeMilliseconds(),
            LeaderId = truth.LeaderId,
            RaftTerm = truth.Term,
            Brokers =
            [
                .. truth.Brokers.Where(b => b.Registered).OrderBy(b => b.Broker.Id, StringComparer.Ordinal).Select(b => new BrokerSnapshot
                {
                    Id = b.Broker.Id,
                    Address = b.Broker.Client.OriginalString,
                    State = Enum.Parse<BrokerState>(b.State, ignoreCase: true),
                    Reachable = b.Broker.Alive,
                    ReportTime = now,
                }),
            ],
            Topics =
            [
                .. truth.Topics.OrderBy(t => t.Name, StringComparer.Ordinal).Select(t => new TopicSnapshot
                {
                    Name = t.Name,
                    BrokerId = t.AssignedTo.Count == 0 ? null : t.AssignedTo[0],
                    Reliable = t.Reliable,
                    MessagesInPerSecond = t.ClientsAway ? 0 : t.MessagesPerSecond,
                    MessagesOutPerSecond = t.ClientsAway || t.Backlog > 0 ? 0 : t.MessagesPerSecond,
                    BacklogMessages = t.ClientsAway ? null : (long)t.Backlog,
                    Consumers = t.ClientsAway ? 0 : 1,
                    LoadedTwice = t.AssignedTo.Count > 1,
                    BytesInPerSecond = t.MessagesPerSecond * 1000,
                    FirstSeen = now.AddHours(-1),
                }),
            ],
        };
    }

    /// <summary>Runs before ranking answers; null for nothing.</summary>
    public Func<CancellationToken, Task>? BeforeRanking { get; set; }

    /// <summary>Since when topics without owner are without; null for a minute.</summary>
    public DateTimeOffset? UnownedSince { get; set; }

    /// <summary>Topics without owner, as ranking would name them.</summary>
    public IReadOnlyList<UnownedTopic> Unowned() =>
        [.. Cluster.Truth().Topics.Where(t => t.AssignedTo.Count == 0).Select(t => new UnownedTopic(t.Name, UnownedSince ?? Time.GetUtcNow().AddMinutes(-1), null, t.Reliable))];

    private sealed class SnapshotHandler(MoveBench bench) : HttpMessageHandler
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            if (bench.BeforeRanking is { } before)
                await before(cancellationToken);
            return new HttpResponseMessage(HttpStatusCode.OK)
            {
                Content = request.RequestUri!.AbsolutePath == "/unowned"
                    ? JsonContent.Create<IReadOnlyList<UnownedTopic>>(bench.Unowned(), options: ContractsJson.Wire)
                    : JsonContent.Create(bench.Snapshot(), options: ContractsJson.Wire),
            };
        }
    }
}

/// <summary>Options that do not change by themselves.</summary>
internal sealed class FixedOptions(RebalancerOptions options) : IOptionsMonitor<RebalancerOptions>
{
    public RebalancerOptions CurrentValue => options;

    public RebalancerOptions Get(string? name) => options;

    public IDisposable? OnChange(Action<RebalancerOptions, string?> listener) => null;
}

/// <summary>What was published.</summary>
internal sealed class RecordedEvents() : EventPublisher(null!)
{
    public ConcurrentQueue<MoveRecord> Moves { get; } = new();

    public ConcurrentQueue<CycleRecord> Cycles { get; } = new();

    public ConcurrentQueue<RebalancePlan> Plans { get; } = new();

    public ConcurrentQueue<BrokerEvent> Happened { get; } = new();

    public override Task PublishAsync(CycleRecord cycle)
    {
        Cycles.Enqueue(cycle);
        return Task.CompletedTask;
    }

    public override Task PublishAsync(BrokerEvent happened)
    {
        Happened.Enqueue(happened);
        return Task.CompletedTask;
    }

    public override Task PublishAsync(RebalancePlan plan)
    {
        Plans.Enqueue(plan);
        return Task.CompletedTask;
    }

    public override Task PublishAsync(MoveRecord move)
    {
        Moves.Enqueue(move);
        return Task.CompletedTask;
    }
}
