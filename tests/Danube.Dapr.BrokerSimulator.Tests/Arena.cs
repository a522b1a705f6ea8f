using Danube.Dapr.BrokerClient;
using Grpc.Net.Client;

namespace Danube.Dapr.BrokerSimulator.Tests;

/// <summary>A small simulated cluster with quick timings, and a client on it.</summary>
internal sealed class Arena : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly List<GrpcChannel> _channels = [];

    private Arena(SimulatedCluster cluster)
    {
        Cluster = cluster;
        Client = new DanubeCluster(new DanubeClientOptions { Seeds = cluster.Seeds, TopologyMaxAge = TimeSpan.FromMilliseconds(200) });
    }

    public SimulatedCluster Cluster { get; }

    public DanubeCluster Client { get; }

    /// <summary>Ids of the living brokers, in slot order.</summary>
    public IReadOnlyList<string> Ids => [.. Cluster.Brokers.Where(broker => broker.Alive).OrderBy(broker => broker.Slot).Select(broker => broker.Id)];

    public static Task<Arena> StartAsync(string simulated = "steady", int brokers = 3, int topics = 0, params Fault[] faults) =>
        StartAsync(TimeSpan.FromSeconds(1.5), simulated, brokers, topics, faults);

    public static Task<Arena> StartAsync(TimeSpan electionTime, string simulated = "steady", int brokers = 3, int topics = 0, params Fault[] faults) =>
        StartAsync(TimeProvider.System, electionTime, simulated, brokers, topics, faults);

    public static Task<Arena> StartAsync(TimeProvider time, TimeSpan electionTime, string simulated = "steady", int brokers = 3, int topics = 0, params Fault[] faults) =>
        StartAsync(new SimulatorOptions
        {
            Case = simulated,
            Brokers = brokers,
            Topics = topics,
            Faults = faults,
            BrokerTtl = TimeSpan.FromSeconds(1.5),
            ElectionTime = electionTime,
            LoadReportInterval = TimeSpan.FromMilliseconds(200),
            Time = time,
        });

    /// <summary>Balanced topics on three brokers whose registrations outlive them for so long.</summary>
    public static Task<Arena> StartAsync(int topics, TimeSpan brokerTtl) => StartAsync(new SimulatorOptions
    {
        Case = "steady",
        Brokers = 3,
        Topics = topics,
        BrokerTtl = brokerTtl,
        ElectionTime = TimeSpan.FromSeconds(1.5),
        LoadReportInterval = TimeSpan.FromMilliseconds(200),
    });

    private static async Task<Arena> StartAsync(SimulatorOptions options) => new(await SimulatedCluster.StartAsync(options));

    public GrpcChannel Channel(Uri address)
    {
        var channel = GrpcChannel.ForAddress(address);
        _channels.Add(channel);
        return channel;
    }

    public SimulatedBroker Broker(string id) => Cluster.Brokers.Last(broker => broker.Id == id);

    public TopicTruth Topic(string name) => Cluster.Truth().Topics.Single(topic => topic.Name == name);

    /// <summary>Creates a topic on a broker by masking all others.</summary>
    public async Task CreateOnAsync(string brokerId, string topic, TopicDelivery delivery = TopicDelivery.Reliable)
    {
        await WithMaskAsync([brokerId], async () =>
        {
            Assert.Equal(CreateTopicOutcome.Accepted, (await Client.CreateTopicAsync(topic, delivery)).Outcome);
            await UntilServedByAsync(topic, brokerId);
        });
    }

    /// <summary>Moves a topic to a broker by masking all but it and the topic's owner.</summary>
    public async Task MoveAsync(string topic, string brokerId)
    {
        var source = Topic(topic).AssignedTo.Single();
        await WithMaskAsync([source, brokerId], async () =>
        {
            Assert.Equal(UnloadOutcome.Accepted, (await Client.UnloadTopicAsync(topic)).Outcome);
            await UntilServedByAsync(topic, brokerId);
        });
    }

    public Task UntilServedByAsync(string topic, string brokerId) =>
        UntilAsync(() => Topic(topic) is { } truth && truth.AssignedTo.SequenceEqual([brokerId]) && truth.LoadedOn.Contains(brokerId), $"{topic} on {brokerId}");

    public async Task WithMaskAsync(IReadOnlyCollection<string> unmasked, Func<Task> work)
    {
        var masked = Ids.Except(unmasked).ToList();
        foreach (var id in masked)
            Assert.Equal(MaskOutcome.Masked, (await Client.MaskBrokerAsync(id)).Outcome);
        await work();
        foreach (var id in masked)
            await Client.ActivateBrokerAsync(id, "test");
    }

    public Task UntilEventAsync(string what, string? topic = null) =>
        UntilAsync(() => Cluster.Events().Any(entry => entry.Event == what && (topic is null || entry.Topic == topic)), $"event {what}");

    public Task UntilAsync(Func<bool> condition, string what) => UntilAsync(() => Task.FromResult(condition()), what);

    public async Task UntilAsync(Func<Task<bool>> condition, string what)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (!await condition())
        {
            if (TimeProvider.System.GetElapsedTime(started) > Patience)
                Assert.Fail($"Not within {Patience}: {what}. Last events: {string.Join("; ", Cluster.Events().TakeLast(15))}");
            await Task.Delay(10);
        }
    }

    /// <summary>Value of a series, or null; labels in any order.</summary>
    public async Task<double?> MetricAsync(string brokerId, string name, params string[] labels)
    {
        var text = (await Client.GetMetricsTextAsync(brokerId))!.Decode();
        var line = text.Split('\n').FirstOrDefault(line =>
            line.StartsWith(name + "{", StringComparison.Ordinal) && labels.All(label => line.Contains(label, StringComparison.Ordinal)));
        return line is null ? null : double.Parse(line[(line.LastIndexOf(' ') + 1)..], System.Globalization.CultureInfo.InvariantCulture);
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        foreach (var channel in _channels)
            channel.Dispose();
        await Cluster.DisposeAsync();
    }
}
