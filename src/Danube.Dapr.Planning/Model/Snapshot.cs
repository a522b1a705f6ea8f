using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Danube.Dapr.Planning;

/// <summary>
/// The state of one cluster at one time: brokers, topics and who owns what. Immutable and free of contradictions; built by
/// <see cref="SnapshotBuilder"/>. Loads are in the units of <see cref="Resource"/>.
/// </summary>
public sealed class Snapshot
{
    private readonly Dictionary<string, int> _brokerIndex;
    private readonly Dictionary<string, int> _topicIndex;
    private readonly int[] _owner;
    private readonly double[] _topicLoad;
    private readonly double[] _baseline;
    private readonly double[] _load;
    private readonly int[] _topicsOn;
    private readonly double[] _bytesIn;
    private readonly long[] _clients;
    private readonly double[] _backlog;
    private readonly bool[] _hasCapacity;
    private string? _hash;

    internal Snapshot(
        DateTimeOffset time, BrokerInfo[] brokers, TopicInfo[] topics, Dictionary<string, int> brokerIndex, Dictionary<string, int> topicIndex,
        int[] owner, double[] topicLoad, double[] baseline, int movesInLastHour, LoadAttribution attribution)
    {
        Time = time;
        Brokers = brokers;
        Topics = topics;
        MovesInLastHour = movesInLastHour;
        Attribution = attribution;
        (_brokerIndex, _topicIndex, _owner, _topicLoad, _baseline) = (brokerIndex, topicIndex, owner, topicLoad, baseline);
        _load = (double[])baseline.Clone();
        _topicsOn = new int[brokers.Length];
        _bytesIn = new double[brokers.Length];
        _clients = new long[brokers.Length];
        _backlog = new double[brokers.Length];
        for (var t = 0; t < owner.Length; t++)
        {
            if (owner[t] < 0) continue;
            _topicsOn[owner[t]]++;
            _bytesIn[owner[t]] += topics[t].BytesInPerSecond;
            _clients[owner[t]] += topics[t].Clients;
            _backlog[owner[t]] += topics[t].BacklogMessages;
            for (var r = 0; r < ResourceVector.Length; r++) _load[(owner[t] * ResourceVector.Length) + r] += topicLoad[(t * ResourceVector.Length) + r];
        }

        _hasCapacity = new bool[ResourceVector.Length];
        for (var r = 0; r < ResourceVector.Length; r++) _hasCapacity[r] = brokers.Length > 0 && brokers.All(b => b.Capacity[(Resource)r] > 0);
    }

    /// <summary>When the snapshot was taken; every age is measured from here.</summary>
    public DateTimeOffset Time { get; }

    /// <summary>The brokers, in the order in which they were added.</summary>
    public IReadOnlyList<BrokerInfo> Brokers { get; }

    /// <summary>The topics, in the order in which they were added.</summary>
    public IReadOnlyList<TopicInfo> Topics { get; }

    /// <summary>Moves in the whole cluster in the hour before <see cref="Time"/>.</summary>
    public int MovesInLastHour { get; }

    /// <summary>How host load was attributed to topics, with its error.</summary>
    public LoadAttribution Attribution { get; }

    /// <summary>SHA-256 (hex) of everything that a plan can depend on. The same content gives the same hash on every machine.</summary>
    public string Hash => _hash ??= ComputeHash();

    internal ReadOnlySpan<int> Owners => _owner;

    internal ReadOnlySpan<double> TopicLoads => _topicLoad;

    /// <summary>The position of a broker in <see cref="Brokers"/>, -1 when there is none of that id.</summary>
    public int BrokerIndex(string id) => _brokerIndex.GetValueOrDefault(id, -1);

    /// <summary>The position of a topic in <see cref="Topics"/>, -1 when there is none of that name.</summary>
    public int TopicIndex(string name) => _topicIndex.GetValueOrDefault(name, -1);

    /// <summary>The position of the broker that owns a topic, -1 when nobody does.</summary>
    public int OwnerOf(int topic) => _owner[topic];

    /// <summary>Number of topics that a broker owns.</summary>
    public int TopicsOn(int broker) => _topicsOn[broker];

    /// <summary>Bytes per second that are published to the topics of a broker.</summary>
    internal double BytesInOn(int broker) => _bytesIn[broker];

    /// <summary>Producers and consumers of the topics of a broker.</summary>
    internal long ClientsOn(int broker) => _clients[broker];

    /// <summary>Backlog of the topics of a broker, in messages.</summary>
    internal double BacklogOn(int broker) => _backlog[broker];

    /// <summary>The load that one topic causes.</summary>
    public double TopicLoad(int topic, Resource resource) => _topicLoad[(topic * ResourceVector.Length) + (int)resource];

    /// <summary>The load of a broker: its baseline and that of its topics.</summary>
    public double BrokerLoad(int broker, Resource resource) => _load[(broker * ResourceVector.Length) + (int)resource];

    /// <summary>The part of a broker's load that no topic causes.</summary>
    public double BaselineLoad(int broker, Resource resource) => _baseline[(broker * ResourceVector.Length) + (int)resource];

    /// <summary>True when every broker's capacity of the resource is known; else brokers are compared by <see cref="BrokerInfo.Weight"/>.</summary>
    public bool HasCapacity(Resource resource) => _hasCapacity[(int)resource];

    /// <summary>What a broker's load is divided by to compare brokers: its capacity, or its weight when <see cref="HasCapacity"/> is false.</summary>
    public double Capacity(int broker, Resource resource) => _hasCapacity[(int)resource] ? Brokers[broker].Capacity[resource] : Brokers[broker].Weight;

    /// <summary>Load over capacity: a share of 1 when the capacity is known, else the load per weight.</summary>
    public double Utilization(int broker, Resource resource) => BrokerLoad(broker, resource) / Capacity(broker, resource);

    private string ComputeHash()
    {
        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[1 << 16];
        var used = 0;
        void Bytes(ReadOnlySpan<byte> data)
        {
            if (used + data.Length > buffer.Length)
            {
                sha.AppendData(buffer.AsSpan(0, used));
                used = 0;
            }

            if (data.Length > buffer.Length) sha.AppendData(data);
            else
            {
                data.CopyTo(buffer.AsSpan(used));
                used += data.Length;
            }
        }

        Span<byte> eight = stackalloc byte[8];
        void Long(long value, Span<byte> scratch)
        {
            BinaryPrimitives.WriteInt64LittleEndian(scratch, value);
            Bytes(scratch);
        }

        void Text(string? value, Span<byte> scratch)
        {
            if (value is null)
            {
                Long(-1, scratch);
                return;
            }

            var bytes = Encoding.UTF8.GetBytes(value);
            Long(bytes.Length, scratch);
            Bytes(bytes);
        }

        Long(Time.UtcTicks, eight);
        Long(MovesInLastHour, eight);
        Long(Brokers.Count, eight);
        for (var b = 0; b < Brokers.Count; b++)
        {
            var broker = Brokers[b];
            Text(broker.Id, eight);
            Text(broker.Zone, eight);
            Long((int)broker.State + (broker.Suspect ? 256 : 0), eight);
            Long(broker.ReportedAt?.UtcTicks ?? -1, eight);
            Long(broker.MovesInLastHour, eight);
            Long(BitConverter.DoubleToInt64Bits(broker.Weight), eight);
            for (var r = 0; r < ResourceVector.Length; r++)
            {
                Long(BitConverter.DoubleToInt64Bits(broker.Capacity[(Resource)r]), eight);
                Long(BitConverter.DoubleToInt64Bits(_baseline[(b * ResourceVector.Length) + r]), eight);
            }
        }

        for (var t = 0; t < _owner.Length; t++)
        {
            var topic = Topics[t];
            Text(topic.Name, eight);
            Text(topic.PartitionGroup, eight);
            Text(topic.MovedFrom, eight);
            Long(_owner[t], eight);
            Long((int)topic.Delivery + (topic.Busy ? 256 : 0) + (topic.RatesKnown ? 0 : 512) + (topic.LoadedTwice ? 1024 : 0), eight);
            Long(topic.Clients, eight);
            Long(topic.UnexportedBytes, eight);
            Long(topic.FirstSeen?.UtcTicks ?? -1, eight);
            Long(topic.LastMoved?.UtcTicks ?? -1, eight);
            for (var r = 0; r < ResourceVector.Length; r++) Long(BitConverter.DoubleToInt64Bits(_topicLoad[(t * ResourceVector.Length) + r]), eight);
        }

        sha.AppendData(buffer.AsSpan(0, used));
        return Convert.ToHexStringLower(sha.GetHashAndReset());
    }
}
