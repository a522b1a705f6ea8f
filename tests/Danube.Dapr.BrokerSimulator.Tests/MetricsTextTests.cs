using System.Text.RegularExpressions;
using Microsoft.Extensions.Time.Testing;

namespace Danube.Dapr.BrokerSimulator.Tests;

/// <summary>The simulated metrics page against one that a real broker wrote.</summary>
public sealed partial class MetricsTextTests
{
    [Fact]
    public async Task Families_ComparedWithARealBroker_HaveTheSameNamesTypesAndHelp()
    {
        var simulated = await SimulatedTextAsync();

        Assert.Equal(Comments(Recorded("metrics-leader.txt")), Comments(simulated));
    }

    [Fact]
    public async Task Labels_ComparedWithARealBroker_AreTheSamePerSeries()
    {
        var simulated = LabelNames(await SimulatedTextAsync());

        foreach (var (name, recorded) in LabelNames(Recorded("metrics-leader.txt")))
            Assert.True(recorded.IsSubsetOf(simulated[name]), $"{name}: recorded {string.Join(" | ", recorded)}, simulated {string.Join(" | ", simulated[name])}");
    }

    [Fact]
    public async Task ActiveReliableTopic_ComparedWithARealBroker_HasTheSameSeries()
    {
        await using var arena = await Arena.StartAsync("steady", 1, 5);
        var topic = arena.Cluster.Truth().Topics[0].Name;
        await arena.UntilAsync(async () => await arena.MetricAsync(arena.Ids[0], "danube_topic_active_producers", topic) > 0, "its clients are there");
        var text = (await arena.Client.GetMetricsTextAsync(arena.Ids[0]))!.Decode();

        Assert.Equal(SeriesOf(Recorded("metrics-leader.txt"), "/default/orders-4"), SeriesOf(text, topic));
    }

    [Fact]
    public async Task OldOwner_AfterAMove_KeepsItsCountersAndItsGaugesAreZero()
    {
        await using var arena = await Arena.StartAsync("steady", 3, 9);
        var topic = arena.Cluster.Truth().Topics[0];
        var (name, old) = (topic.Name, topic.AssignedTo[0]);
        await arena.UntilAsync(async () => await arena.MetricAsync(old, "danube_topic_messages_in_total", name) > 500, "it counts");
        var target = arena.Ids.First(id => id != old);
        await arena.MoveAsync(name, target);

        var frozen = await arena.MetricAsync(old, "danube_topic_messages_in_total", name);
        Assert.True(frozen > 500);
        await arena.UntilAsync(async () => await arena.MetricAsync(target, "danube_topic_messages_in_total", name) > 100, "the new owner counts");
        Assert.Equal(frozen, await arena.MetricAsync(old, "danube_topic_messages_in_total", name));
        foreach (var gauge in new[] { "danube_topic_active_producers", "danube_topic_active_consumers", "danube_topic_active_subscriptions", "danube_subscription_lag_messages" })
            Assert.Equal(0, await arena.MetricAsync(old, gauge, name));
        Assert.Equal(SeriesOf(Recorded("metrics-old-owner-after-move.txt"), "/default/orders-1").Union(["danube_producer_send_total"]).Order(), SeriesOf((await arena.Client.GetMetricsTextAsync(old))!.Decode(), name).Distinct().Order());
        Assert.True(await arena.MetricAsync(old, "danube_producer_send_total", name, "error_code=\"PermissionDenied\"") > 0);
        Assert.True(await arena.MetricAsync(old, "danube_client_redirects_total", "reason=\"not_local\"") > 0);
    }

    [Fact]
    public async Task Counters_TenSecondsLater_HaveGrownByTheRate()
    {
        var time = new FakeTimeProvider();
        await using var cluster = await SimulatedCluster.StartAsync(new SimulatorOptions { Case = "steady", Brokers = 1, Topics = 5, Time = time });
        using var http = new HttpClient();
        var topic = cluster.Truth().Topics[0];
        async Task<double> CountAsync() => Value(await http.GetStringAsync(new Uri(cluster.Brokers[0].Metrics, "metrics")), topic.Name);

        time.Advance(TimeSpan.FromSeconds(5));
        var before = await CountAsync();
        time.Advance(TimeSpan.FromSeconds(10));
        var grown = await CountAsync() - before;

        Assert.InRange(grown / 10, topic.MessagesPerSecond * 0.9, topic.MessagesPerSecond * 1.1);
    }

    [Fact]
    public async Task SimulatedHost_TopicBecomesHotter_CpuAndNetworkRise()
    {
        await using var arena = await Arena.StartAsync("steady", 2, 8);
        var topic = arena.Cluster.Truth().Topics[0];
        using var http = new HttpClient();
        var address = new Uri(arena.Broker(topic.AssignedTo[0]).Metrics, "simulated-host");
        async Task<BrokerUsage> UsageAsync() => System.Text.Json.JsonSerializer.Deserialize(await http.GetStringAsync(address), SimulatorJson.Default.BrokerUsage)!;
        var before = await UsageAsync();

        arena.Cluster.SetTopicFactor(topic.Name, 3);

        var after = await UsageAsync();
        Assert.True(after.CpuPercent > before.CpuPercent * 1.2);
        Assert.True(after.NetworkInBytesPerSecond > before.NetworkInBytesPerSecond * 1.2);
        Assert.InRange(after.MemoryPercent, 20, 95);
    }

    private static async Task<string> SimulatedTextAsync()
    {
        await using var arena = await Arena.StartAsync("steady", 1, 60);
        // The recorded leader had assigned topics, sent a client elsewhere and turned a producer away.
        await arena.Client.CreateTopicAsync("/default/new", Danube.Dapr.BrokerClient.TopicDelivery.Reliable);
        await arena.UntilEventAsync("assign", "/default/new");
        await arena.Client.CreateProducerAsync(arena.Ids[0], "/default/created-by-knocking", "p", Danube.Dapr.BrokerClient.TopicDelivery.Reliable);
        return (await arena.Client.GetMetricsTextAsync(arena.Ids[0]))!.Decode();
    }

    private static string Recorded(string file) => File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Recordings", file));

    private static IEnumerable<string> Comments(string text) =>
        text.Split('\n').Where(line => line.StartsWith('#')).Order(StringComparer.Ordinal);

    private static Dictionary<string, HashSet<string>> LabelNames(string text) => Samples(text)
        .Where(sample => sample.Name is not ("danube_broker_rpc_total" or "danube_client_redirects_total"))
        .GroupBy(sample => sample.Name)
        .ToDictionary(group => group.Key, group => group.Select(sample => string.Join(",", LabelName().Matches(sample.Labels).Select(match => match.Groups[1].Value))).ToHashSet());

    private static IEnumerable<string> SeriesOf(string text, string topic) => Samples(text)
        .Where(sample => sample.Labels.Contains($"topic=\"{topic}\"", StringComparison.Ordinal) && !sample.Labels.Contains("PermissionDenied", StringComparison.Ordinal))
        .Select(sample => sample.Name).Order(StringComparer.Ordinal);

    private static IEnumerable<(string Name, string Labels)> Samples(string text) => text.Split('\n')
        .Where(line => line.Length > 0 && !line.StartsWith('#'))
        .Select(line => (line[..line.IndexOf('{', StringComparison.Ordinal)], line[line.IndexOf('{', StringComparison.Ordinal)..(line.LastIndexOf('}') + 1)]));

    private static double Value(string text, string topic) => double.Parse(
        text.Split('\n').Single(line => line.StartsWith("danube_topic_messages_in_total{", StringComparison.Ordinal) && line.Contains($"\"{topic}\"", StringComparison.Ordinal)).Split(' ')[1],
        System.Globalization.CultureInfo.InvariantCulture);

    [GeneratedRegex("([a-z_]+)=\"")]
    private static partial Regex LabelName();
}
