using Danube.Dapr.Contracts;

namespace Danube.Dapr.Ranking.View;

/// <summary>When one topic was seen first.</summary>
/// <param name="Name">Full name.</param>
/// <param name="FirstSeen">When.</param>
internal sealed record TopicSeen(string Name, DateTimeOffset FirstSeen);

/// <summary>
/// Remembers when each topic was seen first, and its last known rates. The times are kept in chunks of bounded size, so that a new topic costs the write of one
/// chunk however many topics there are; the rates live in memory only.
/// </summary>
internal sealed class TopicRegistry
{
    /// <summary>Topics of one chunk: about 20 KB as JSON.</summary>
    internal const int ChunkSize = 250;

    /// <summary>Rates that seem to be newer by more than this are of a clock that was set back since.</summary>
    private static readonly TimeSpan ClockSteps = TimeSpan.FromMinutes(1);

    private readonly Dictionary<string, Entry> _topics = new(StringComparer.Ordinal);
    private readonly List<Dictionary<string, DateTimeOffset>> _chunks = [];
    private readonly HashSet<int> _dirty = [];

    /// <summary>Topics that are known.</summary>
    internal int Count => _topics.Count;

    /// <summary>Chunks that exist, empty ones included.</summary>
    internal int ChunkCount => _chunks.Count;

    /// <summary>Numbers of the chunks that changed since <see cref="Saved"/>.</summary>
    internal IReadOnlyCollection<int> Dirty => _dirty;

    /// <summary>Takes over a stored chunk; chunks are loaded in their order, before anything is seen.</summary>
    internal void Load(IReadOnlyList<TopicSeen> chunk, DateTimeOffset now)
    {
        var number = _chunks.Count;
        _chunks.Add(new Dictionary<string, DateTimeOffset>(StringComparer.Ordinal));
        foreach (var topic in chunk)
        {
            if (_topics.TryAdd(topic.Name, new Entry { FirstSeen = topic.FirstSeen, LastSeen = now, Chunk = number }))
                _chunks[number][topic.Name] = topic.FirstSeen;
        }
    }

    /// <summary>What is to be stored for a chunk.</summary>
    internal IReadOnlyList<TopicSeen> Chunk(int number) => [.. _chunks[number].Select(t => new TopicSeen(t.Key, t.Value))];

    /// <summary>Marks chunks as stored.</summary>
    internal void Saved(IEnumerable<int> chunks) => _dirty.ExceptWith(chunks);

    /// <summary>Notes that a topic exists at <paramref name="time"/>.</summary>
    internal void See(string name, DateTimeOffset time)
    {
        if (_topics.TryGetValue(name, out var known))
        {
            if (time > known.LastSeen)
                known.LastSeen = time;
            if (time < known.FirstSeen)
            {
                // The clock was set back since: a topic must not be too young until it has caught up.
                known.FirstSeen = _chunks[known.Chunk][name] = time;
                _dirty.Add(known.Chunk);
            }

            return;
        }

        var number = _chunks.Count - 1;
        if (number < 0 || _chunks[number].Count >= ChunkSize)
            number = FreeChunk();
        _chunks[number][name] = time;
        _topics[name] = new Entry { FirstSeen = time, LastSeen = time, Chunk = number };
        _dirty.Add(number);
    }

    /// <summary>Notes a topic of a load report, with its rates when they are known.</summary>
    internal void See(TopicLoad topic, DateTimeOffset time)
    {
        See(topic.Name, time);
        if (!topic.RatesKnown)
            return;
        var entry = _topics[topic.Name];
        if (entry.RatesTime is { } last && last > time && last - time < ClockSteps)
            return;
        (entry.Rates, entry.RatesTime) = (topic, time);
    }

    /// <summary>When a topic was seen first; null when it is not known.</summary>
    internal DateTimeOffset? FirstSeen(string name) => _topics.TryGetValue(name, out var entry) ? entry.FirstSeen : null;

    /// <summary>The last known rates of a topic that are not older than <paramref name="notBefore"/>; null when there are none.</summary>
    internal TopicLoad? Rates(string name, DateTimeOffset notBefore) =>
        _topics.TryGetValue(name, out var entry) && entry.RatesTime >= notBefore ? entry.Rates : null;

    /// <summary>Forgets topics that were last seen before <paramref name="limit"/>.</summary>
    internal void Forget(DateTimeOffset limit)
    {
        foreach (var (name, entry) in _topics.Where(t => t.Value.LastSeen < limit).ToArray())
        {
            _topics.Remove(name);
            _chunks[entry.Chunk].Remove(name);
            _dirty.Add(entry.Chunk);
        }
    }

    private int FreeChunk()
    {
        for (var i = 0; i < _chunks.Count; i++)
        {
            if (_chunks[i].Count < ChunkSize / 2)
                return i;
        }

        _chunks.Add(new Dictionary<string, DateTimeOffset>(StringComparer.Ordinal));
        return _chunks.Count - 1;
    }

    private sealed class Entry
    {
        public required DateTimeOffset FirstSeen { get; set; }

        public required DateTimeOffset LastSeen { get; set; }

        public required int Chunk { get; init; }

        public TopicLoad? Rates { get; set; }

        public DateTimeOffset? RatesTime { get; set; }
    }
}
