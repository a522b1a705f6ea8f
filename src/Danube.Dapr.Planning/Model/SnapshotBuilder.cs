using System.Globalization;

namespace Danube.Dapr.Planning;

/// <summary>Collects brokers and topics and makes a <see cref="Snapshot"/> of them, or reports every fault at once.</summary>
public sealed class SnapshotBuilder
{
    private readonly List<BrokerInfo> _brokers = [];
    private readonly List<TopicInfo> _topics = [];

    /// <summary>The time of the snapshot. Default: the Unix epoch, which makes every age negative, so set it.</summary>
    public DateTimeOffset Time { get; set; } = DateTimeOffset.UnixEpoch;

    /// <summary>Moves in the whole cluster in the hour before <see cref="Time"/>, 0 or more.</summary>
    public int MovesInLastHour { get; set; }

    /// <summary>Adds a broker.</summary>
    public SnapshotBuilder Add(BrokerInfo broker)
    {
        ArgumentNullException.ThrowIfNull(broker);
        _brokers.Add(broker);
        return this;
    }

    /// <summary>Adds a topic.</summary>
    public SnapshotBuilder Add(TopicInfo topic)
    {
        ArgumentNullException.ThrowIfNull(topic);
        _topics.Add(topic);
        return this;
    }

    /// <summary>Makes the snapshot.</summary>
    /// <exception cref="SnapshotException">The input contradicts itself; carries every fault.</exception>
    public Snapshot Build()
    {
        var faults = new List<SnapshotFault>();
        if (MovesInLastHour < 0) faults.Add(new("$.movesInLastHour", $"must be 0 or more, is {MovesInLastHour}."));
        var brokerIndex = CheckBrokers(faults);
        var topicIndex = new Dictionary<string, int>(_topics.Count, StringComparer.Ordinal);
        var owner = new int[_topics.Count];
        for (var t = 0; t < _topics.Count; t++) owner[t] = CheckTopic(t, brokerIndex, topicIndex, faults);
        if (faults.Count > 0) throw new SnapshotException(faults);

        var attribution = LoadAttribution.Derive(_brokers, _topics, owner, out var topicLoad, out var baseline);
        return new Snapshot(
            Time, [.. _brokers], [.. _topics], brokerIndex, topicIndex, owner, topicLoad, baseline, MovesInLastHour, attribution);
    }

    private Dictionary<string, int> CheckBrokers(List<SnapshotFault> faults)
    {
        var index = new Dictionary<string, int>(_brokers.Count, StringComparer.Ordinal);
        for (var b = 0; b < _brokers.Count; b++)
        {
            var broker = _brokers[b];
            var path = $"$.brokers[{b}]";
            if (string.IsNullOrEmpty(broker.Id)) faults.Add(new($"{path}.id", "must not be empty."));
            else if (!index.TryAdd(broker.Id, b)) faults.Add(new($"{path}.id", $"\"{broker.Id}\" is also the id of $.brokers[{index[broker.Id]}]."));
            if (!Enum.IsDefined(broker.State)) faults.Add(new($"{path}.state", $"is not a broker state: {broker.State}."));
            if (broker.ReportedAt > Time) faults.Add(new($"{path}.reportedAt", $"{Text(broker.ReportedAt)} is after the snapshot's time {Text(Time)}."));
            if (!(broker.Weight > 0) || double.IsInfinity(broker.Weight)) faults.Add(new($"{path}.weight", string.Create(CultureInfo.InvariantCulture, $"must be above 0 and finite, is {broker.Weight}.")));
            NotNegative(broker.MovesInLastHour, $"{path}.movesInLastHour", faults);
            for (var r = 0; r < ResourceVector.Length; r++)
            {
                var name = Name((Resource)r);
                NotNegative(broker.Capacity[(Resource)r], $"{path}.capacity.{name}", faults);
                NotNegative(broker.Measured[(Resource)r], $"{path}.measured.{name}", faults);
                if (broker.Baseline is not { } baseline) continue;
                NotNegative(baseline[(Resource)r], $"{path}.baseline.{name}", faults);
            }
        }

        return index;
    }

    private int CheckTopic(int t, Dictionary<string, int> brokers, Dictionary<string, int> seen, List<SnapshotFault> faults)
    {
        var topic = _topics[t];
        string Path(string field) => $"$.topics[{t}].{field}";
        if (string.IsNullOrEmpty(topic.Name)) faults.Add(new(Path("name"), "must not be empty."));
        else if (!seen.TryAdd(topic.Name, t)) faults.Add(new(Path("name"), $"\"{topic.Name}\" is also the name of $.topics[{seen[topic.Name]}]."));
        if (!Enum.IsDefined(topic.Delivery)) faults.Add(new(Path("delivery"), $"is not a delivery mode: {topic.Delivery}."));
        if (!(topic.MessagesInPerSecond >= 0) || double.IsInfinity(topic.MessagesInPerSecond)) NotNegative(topic.MessagesInPerSecond, Path("messagesInPerSecond"), faults);
        if (!(topic.MessagesOutPerSecond >= 0) || double.IsInfinity(topic.MessagesOutPerSecond)) NotNegative(topic.MessagesOutPerSecond, Path("messagesOutPerSecond"), faults);
        if (!(topic.BytesInPerSecond >= 0) || double.IsInfinity(topic.BytesInPerSecond)) NotNegative(topic.BytesInPerSecond, Path("bytesInPerSecond"), faults);
        if (!(topic.BytesOutPerSecond >= 0) || double.IsInfinity(topic.BytesOutPerSecond)) NotNegative(topic.BytesOutPerSecond, Path("bytesOutPerSecond"), faults);
        if (topic.Producers < 0) NotNegative(topic.Producers, Path("producers"), faults);
        if (topic.Consumers < 0) NotNegative(topic.Consumers, Path("consumers"), faults);
        if (topic.BacklogMessages < 0) NotNegative(topic.BacklogMessages, Path("backlogMessages"), faults);
        if (topic.UnexportedBytes < 0) NotNegative(topic.UnexportedBytes, Path("unexportedBytes"), faults);
        if (topic.LastMoved > Time) faults.Add(new(Path("lastMoved"), $"{Text(topic.LastMoved)} is after the snapshot's time {Text(Time)}."));
        if (topic.FirstSeen > Time) faults.Add(new(Path("firstSeen"), $"{Text(topic.FirstSeen)} is after the snapshot's time {Text(Time)}."));
        if (topic.Load is { } load)
        {
            for (var r = 0; r < ResourceVector.Length; r++) NotNegative(load[(Resource)r], Path("load." + Name((Resource)r)), faults);
        }

        if (topic.Owner is null) return -1;
        if (brokers.TryGetValue(topic.Owner, out var owner)) return owner;
        faults.Add(new(Path("owner"), $"\"{topic.Owner}\" is not the id of a broker in this snapshot."));
        return -1;
    }

    private static void NotNegative(double value, string path, List<SnapshotFault> faults)
    {
        if (double.IsNaN(value)) faults.Add(new(path, "must be a number, is NaN."));
        else if (value < 0 || double.IsInfinity(value)) faults.Add(new(path, string.Create(CultureInfo.InvariantCulture, $"must be 0 or more and finite, is {value}.")));
    }

    private static string Text(DateTimeOffset? time) => time?.ToString("O", CultureInfo.InvariantCulture) ?? "";

    /// <summary>The name of a resource as it is written in JSON.</summary>
    internal static string Name(Resource resource)
    {
        var name = resource.ToString();
        return char.ToLowerInvariant(name[0]) + name[1..];
    }
}
