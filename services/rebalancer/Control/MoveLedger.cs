namespace Danube.Dapr.Rebalancer.Control;

/// <summary>Moves of the last 60 minutes, in buckets of one minute, so that its size does not grow with the number of moves. Immutable.</summary>
public sealed record MoveLedger
{
    private const int WindowMinutes = 60;

    /// <summary>Buckets of the window, oldest first.</summary>
    public IReadOnlyList<Bucket> Buckets { get; init; } = [];

    /// <summary>Moves in the 60 minutes before <paramref name="now"/>.</summary>
    public int Total(DateTimeOffset now) => Window(now).Sum(b => b.Total);

    /// <summary>Moves from or to a broker.</summary>
    public int OfBroker(DateTimeOffset now, string broker) => Window(now).Sum(b => b.Brokers.GetValueOrDefault(broker));

    /// <summary>Moves of a namespace.</summary>
    public int OfNamespace(DateTimeOffset now, string ns) => Window(now).Sum(b => b.Namespaces.GetValueOrDefault(ns));

    /// <summary>The ledger with <paramref name="moves"/> counted at <paramref name="at"/>, forgetting what has left the window.</summary>
    public MoveLedger Add(DateTimeOffset at, IEnumerable<CountedMove> moves) => Change(at, at, moves, +1);

    /// <summary>The ledger without <paramref name="moves"/>, which were counted at <paramref name="countedAt"/> and then not made.</summary>
    public MoveLedger Remove(DateTimeOffset now, DateTimeOffset countedAt, IEnumerable<CountedMove> moves) => Change(now, countedAt, moves, -1);

    /// <summary>The ledger as it would be had all its moves been counted that much later.</summary>
    /// <param name="step">Whole minutes, as its buckets; negative for earlier.</param>
    public MoveLedger Moved(TimeSpan step) => new() { Buckets = [.. Buckets.Select(b => b with { Minute = b.Minute + (long)step.TotalMinutes })] };

    private MoveLedger Change(DateTimeOffset now, DateTimeOffset at, IEnumerable<CountedMove> moves, int sign)
    {
        var minute = Minute(at);
        var buckets = Window(now).Where(b => b.Minute != minute).ToList();
        if (Minute(now) - minute < WindowMinutes)
        {
            var old = Buckets.FirstOrDefault(b => b.Minute == minute);
            var total = old?.Total ?? 0;
            var brokers = new Dictionary<string, int>(old?.Brokers ?? new Dictionary<string, int>());
            var namespaces = new Dictionary<string, int>(old?.Namespaces ?? new Dictionary<string, int>());
            foreach (var move in moves)
            {
                total += sign;
                Count(brokers, move.From, sign);
                Count(brokers, move.To, sign);
                Count(namespaces, move.Namespace, sign);
            }

            if (total > 0)
                buckets.Add(new Bucket(minute, total, brokers, namespaces));
        }

        return new MoveLedger { Buckets = [.. buckets.OrderBy(b => b.Minute)] };
    }

    private IEnumerable<Bucket> Window(DateTimeOffset now)
    {
        var oldest = Minute(now) - WindowMinutes;
        return Buckets.Where(b => b.Minute > oldest);
    }

    private static void Count(Dictionary<string, int> counts, string key, int sign)
    {
        var value = counts.GetValueOrDefault(key) + sign;
        if (value > 0)
            counts[key] = value;
        else
            counts.Remove(key);
    }

    private static long Minute(DateTimeOffset time) => time.ToUnixTimeSeconds() / 60;

    /// <summary>Moves of one minute since 1970.</summary>
    public sealed record Bucket(long Minute, int Total, IReadOnlyDictionary<string, int> Brokers, IReadOnlyDictionary<string, int> Namespaces);
}

/// <summary>What a move counts against.</summary>
public readonly record struct CountedMove(string Namespace, string From, string To)
{
    public static CountedMove Of(string topic, string from, string to) => new(TopicNames.Namespace(topic), from, to);
}
