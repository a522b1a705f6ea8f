using Danube.Dapr.Planning.Search;

namespace Danube.Dapr.Planning.Benchmarks;

/// <summary>The kinds of instances, each a seeded generator.</summary>
internal static class Workload
{
    private const double MeanBrokerLoad = 1e7;

    public static IReadOnlyList<string> Kinds { get; } =
    [
        "skew", "zipf-heavy", "uniform", "hot-broker", "scale-out", "drain", "two-resources", "anticorrelated", "unequal", "spread", "heavy-topics", "tight",
        "bimodal", "exponential", "pareto", "three-resources",
    ];

    public static Instance Make(string kind, int brokers, int topics, int seed)
    {
        var name = 17UL;
        foreach (var c in kind) name = (name * 31) + c;
        var random = new DeterministicRandom((name * 1_000_003) + ((ulong)seed * 7919) + ((ulong)brokers * 31) + (ulong)topics);
        var resources = kind switch { "two-resources" or "anticorrelated" => 2, "three-resources" => 3, _ => 1 };
        var weights = new double[topics * resources];
        for (var r = 0; r < resources; r++) Weights(kind, r, topics, resources, weights, ref random);
        var slack = kind switch { "tight" => .04, _ => .2 };
        var size = new double[brokers];
        for (var b = 0; b < brokers; b++) size[b] = kind == "unequal" ? 1 << random.Next(3) : 1;
        Cap(weights, topics, resources, brokers, kind == "heavy-topics" ? 1.0 : .5);
        var home = Place(kind, brokers, topics, resources, weights, size, ref random);
        var drained = new bool[brokers];
        if (kind == "drain") for (var k = 0; k < Math.Max(1, brokers / 10); k++) drained[random.Next(brokers)] = true;
        var group = new int[topics];
        Array.Fill(group, -1);
        var perBroker = int.MaxValue;
        if (kind == "spread")
        {
            var partitions = Math.Max(2, Math.Min(8, brokers));
            perBroker = Math.Max(1, (int)Math.Ceiling(1.5 * partitions / brokers));
            for (var t = 0; t < topics / 3; t++) group[t] = t / partitions;
        }

        var w = new long[topics * resources];
        for (var r = 0; r < resources; r++)
        {
            double sum = 0;
            for (var t = 0; t < topics; t++) sum += weights[(t * resources) + r];
            for (var t = 0; t < topics; t++) w[(t * resources) + r] = Math.Max(1, (long)(weights[(t * resources) + r] / sum * MeanBrokerLoad * brokers));
        }

        var (clients, unexported) = Clients(weights, topics, resources, ref random);
        return new Instance
        {
            Kind = kind, Seed = seed, B = brokers, T = topics, R = resources, W = w, Home = home, Size = size, Drained = drained, Group = group,
            PerBroker = perBroker, Slack = slack, Clients = clients, UnexportedBytes = unexported,
        };
    }

    /// <summary>Busy topics have more clients and more of their log not exported yet, with much noise: 1 to 200 clients, up to 64 MiB.</summary>
    private static (int[] Clients, long[] UnexportedBytes) Clients(double[] weights, int topics, int resources, ref DeterministicRandom random)
    {
        double mean = 0;
        for (var t = 0; t < topics; t++) mean += weights[t * resources] / topics;
        var clients = new int[topics];
        var unexported = new long[topics];
        for (var t = 0; t < topics; t++)
        {
            var relative = Math.Sqrt(weights[t * resources] / mean);
            clients[t] = (int)Math.Clamp(4 * relative * Math.Exp(.8 * Normal(ref random)), 1, 200);
            unexported[t] = (long)((64 << 20) * Math.Min(1, .3 * relative * random.NextDouble()));
        }

        return (clients, unexported);
    }

    private static void Weights(string kind, int r, int topics, int resources, double[] weights, ref DeterministicRandom random)
    {
        var rank = new int[topics];
        for (var t = 0; t < topics; t++) rank[t] = t;
        for (var t = topics - 1; t > 0; t--)
        {
            var other = random.Next(t + 1);
            (rank[t], rank[other]) = (rank[other], rank[t]);
        }

        var exponent = kind == "zipf-heavy" ? 1.3 : 1.0;
        for (var t = 0; t < topics; t++)
        {
            var value = kind switch
            {
                "uniform" => .5 + random.NextDouble(),
                "bimodal" => random.NextDouble() < .2 ? 200 : 1 + random.NextDouble(),
                "exponential" => -Math.Log(1 - random.NextDouble()) * -Math.Log(1 - random.NextDouble()),
                "pareto" => Math.Pow(1 - random.NextDouble(), -1 / 1.3),
                "heavy-topics" => rank[t] < topics / 40 ? 40 * (.5 + random.NextDouble()) : 1 + random.NextDouble(),
                _ => Math.Pow(rank[t] + 1, -exponent) * Math.Exp(.5 * Normal(ref random)),
            };
            var at = (t * resources) + r;
            if (kind == "two-resources" && r == 1) value = weights[at - 1] * Math.Exp(.7 * Normal(ref random));
            if (kind == "anticorrelated" && r == 1) value = 1 / (weights[at - 1] + .001) * Math.Exp(.3 * Normal(ref random));
            weights[at] = value;
        }
    }

    /// <summary>No topic above a share of the mean broker load, or no placement reaches the target.</summary>
    private static void Cap(double[] weights, int topics, int resources, int brokers, double share)
    {
        for (var r = 0; r < resources; r++)
        {
            for (var round = 0; round < 20; round++)
            {
                double sum = 0;
                for (var t = 0; t < topics; t++) sum += weights[(t * resources) + r];
                var cap = share * sum / brokers;
                for (var t = 0; t < topics; t++) weights[(t * resources) + r] = Math.Min(weights[(t * resources) + r], cap);
            }
        }
    }

    private static int[] Place(string kind, int brokers, int topics, int resources, double[] weights, double[] size, ref DeterministicRandom random)
    {
        var home = new int[topics];
        switch (kind)
        {
            case "hot-broker" or "drain" or "heavy-topics" or "tight":
                // Balanced first, then one or a few brokers get more.
                Balanced(home, brokers, topics, resources, weights, size);
                var hot = kind == "tight" ? Math.Max(1, brokers / 3) : Math.Max(1, brokers / 10);
                var extra = kind switch { "hot-broker" => 1.0, "heavy-topics" => .7, "tight" => .2, _ => .3 };
                for (var t = 0; t < topics; t++) if (random.NextDouble() < extra * hot / brokers) home[t] = random.Next(hot);
                break;
            case "scale-out":
                Balanced(home, Math.Max(2, brokers * 3 / 4), topics, resources, weights, size);
                break;
            case "skew" or "two-resources" or "anticorrelated" or "three-resources":
                var popularity = new double[brokers];
                double sum = 0;
                for (var b = 0; b < brokers; b++) sum += popularity[b] = -Math.Log(1 - random.NextDouble());
                for (var t = 0; t < topics; t++)
                {
                    var x = random.NextDouble() * sum;
                    while (home[t] < brokers - 1 && (x -= popularity[home[t]]) > 0) home[t]++;
                }

                break;
            default:
                for (var t = 0; t < topics; t++) home[t] = random.Next(brokers);
                break;
        }

        return home;
    }

    private static void Balanced(int[] home, int brokers, int topics, int resources, double[] weights, double[] size)
    {
        var order = new int[topics];
        var key = new double[topics];
        for (var t = 0; t < topics; t++) (order[t], key[t]) = (t, -weights[t * resources]);
        Array.Sort(key, order);
        var queue = new PriorityQueue<int, (double, int)>();
        for (var b = 0; b < brokers; b++) queue.Enqueue(b, (0, b));
        foreach (var t in order)
        {
            queue.TryDequeue(out var b, out var at);
            home[t] = b;
            queue.Enqueue(b, (at.Item1 + (weights[t * resources] / size[b]), b));
        }
    }

    private static double Normal(ref DeterministicRandom random) =>
        Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}
