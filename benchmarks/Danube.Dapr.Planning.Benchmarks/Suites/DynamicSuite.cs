using Danube.Dapr.Planning.Search;

namespace Danube.Dapr.Planning.Benchmarks;

/// <summary>What one controller did in seven simulated days.</summary>
/// <param name="Planner">The controller.</param>
/// <param name="Seed">Seed of the run.</param>
/// <param name="OverloadArea">Integral of what brokers carried above 1.2 × the mean, in mean broker loads × hours.</param>
/// <param name="Moves">Moves.</param>
/// <param name="PingPong">Moves back to the broker that the topic had left less than two hours before.</param>
/// <param name="Reconnects">Clients of moved topics, summed.</param>
/// <param name="MeanMaxOverMean">Mean over time of the highest load / mean.</param>
internal sealed record DynamicRow(string Planner, int Seed, double OverloadArea, int Moves, int PingPong, long Reconnects, double MeanMaxOverMean);

/// <summary>
/// Seven days in steps of five minutes: daily waves with a phase per namespace, topics that come and go, flash crowds, one broker lost on day 3, one added on day 5. Controllers see
/// loads of the step before with 20 % noise. The cluster itself re-assigns the topics of the lost broker.
/// </summary>
internal sealed class DynamicSuite
{
    private const int StepsPerHour = 12;
    private const int StepsPerDay = 24 * StepsPerHour;
    private const int B = 12;
    private const int T = 480;
    private const int PingPongSteps = 2 * StepsPerHour;

    public List<DynamicRow> Rows { get; } = [];

    // Acts as soon as the peers do, at 1.2 × the mean.
    private static readonly ImbalancePolicy AtTheLimit = ImbalancePolicy.Aggressive with
    {
        Name = "at 1.2", TriggerMaxOverMean = 1.2, TargetMaxOverMean = 1.17, TriggerCoefficientOfVariation = 5, SustainedFor = TimeSpan.Zero,
    };

    private delegate IReadOnlyList<(int Topic, int To)> Controller(World world, Instance seen, int step);

    public void Run(IEnumerable<int> seeds, int days)
    {
        foreach (var seed in seeds)
        {
            foreach (var policy in (ImbalancePolicy[])[ImbalancePolicy.Conservative, ImbalancePolicy.Balanced, ImbalancePolicy.Aggressive, AtTheLimit])
            {
                var trigger = default(ImbalanceTrigger);
                One(StaticSuite.Ours + " " + policy.Name, seed, days, (world, seen, step) => Ours(world, seen, step, policy, ref trigger));
            }

            One("none", seed, days, (_, _, _) => []);
            One("danube", seed, days, (_, seen, _) => Difference(seen, DanubeBuiltIn.Plan(seen, .30, 1)));
            One("cruise-control upper", seed, days, (_, seen, _) => Difference(seen, CruiseControl.Plan(seen, false)));
            One("cruise-control band", seed, days, (_, seen, _) => Difference(seen, CruiseControl.Plan(seen, true)));
            One("pulsar threshold", seed, days, (_, seen, _) => Difference(seen, PulsarShedders.Threshold(seen, 1)));
            One("pulsar transfer", seed, days, (_, seen, _) => Difference(seen, PulsarShedders.Transfer(seen, 1)));
            One("pulsar avg", seed, days, (_, seen, _) => Difference(seen, PulsarShedders.Avg(seen, 1)));
            One("automq", seed, days, (_, seen, _) => Difference(seen, AutoMq.Plan(seen)));
            One("k-move greedy", seed, days, (_, seen, _) => Difference(seen, KMoveGreedy.Plan(seen)));
            One("largest-first greedy", seed, days, (_, seen, _) => Difference(seen, LargestFirst.Plan(seen)));
            One("redpanda count", seed, days, (_, seen, _) => Difference(seen, CountBalancers.Redpanda(seen)));
            Console.Error.WriteLine($"dynamic seed {seed} done");
        }
    }

    private static (int, int)[] Difference(Instance seen, int[] owner) =>
        [.. Enumerable.Range(0, seen.T).Where(t => owner[t] != seen.Home[t]).Select(t => (t, owner[t]))];

    private static IReadOnlyList<(int Topic, int To)> Ours(World world, Instance seen, int step, ImbalancePolicy policy, ref ImbalanceTrigger trigger)
    {
        var time = DateTimeOffset.UnixEpoch.AddMinutes(5 * step);
        var builder = new SnapshotBuilder { Time = time };
        var brokers = Enumerable.Range(0, seen.B).Where(b => !seen.Drained[b]).ToArray();
        foreach (var b in brokers) builder.Add(new BrokerInfo { Id = Instance.Id(b) });
        for (var t = 0; t < seen.T; t++)
        {
            if (seen.Drained[seen.Home[t]]) continue;
            builder.Add(new TopicInfo
            {
                Name = Instance.Id(t), Owner = Instance.Id(seen.Home[t]), Load = new ResourceVector(Throughput: seen.W[t]), Producers = world.Clients[t],
                MovedFrom = world.CameFrom[t] >= 0 ? Instance.Id(world.CameFrom[t]) : null,
                LastMoved = world.MovedAt[t] >= 0 ? DateTimeOffset.UnixEpoch.AddMinutes(5 * world.MovedAt[t]) : null,
            });
        }

        var snapshot = builder.Build();
        (trigger, var sustained) = trigger.Observe(ImbalanceMeasure.Of(snapshot, [Resource.Throughput]), time, policy);
        if (!sustained) return [];
        var plan = Planner.Plan(snapshot, new PlannerOptions
        {
            Policy = policy with { TargetCoefficientOfVariation = 0 }, Resources = [Resource.Throughput], WorkBudget = 500_000,
            Limits = PlanLimits.None with { CoolDown = TimeSpan.FromMinutes(10), NoReturnWithin = TimeSpan.FromHours(2) },
        });
        return [.. plan.Moves.Select(m => (int.Parse(m.Topic, System.Globalization.CultureInfo.InvariantCulture) - 1, int.Parse(m.To, System.Globalization.CultureInfo.InvariantCulture) - 1))];
    }

    private void One(string name, int seed, int days, Controller controller)
    {
        var world = new World(seed);
        double area = 0, maxOverMean = 0;
        int moves = 0, pingPong = 0;
        long reconnects = 0;
        var steps = days * StepsPerDay;
        for (var step = 0; step < steps; step++)
        {
            var seen = world.Report();
            world.Step(step, steps);
            foreach (var (topic, to) in controller(world, seen, step))
            {
                var from = world.Home[topic];
                if (from == to || !world.Alive[to] || !world.Alive[from]) continue;
                moves++;
                reconnects += world.Clients[topic];
                if (world.CameFrom[topic] == to && step - world.MovedAt[topic] < PingPongSteps) pingPong++;
                world.CameFrom[topic] = from;
                world.MovedAt[topic] = step;
                world.Home[topic] = to;
            }

            var (over, most) = world.Overload();
            area += over / StepsPerHour;
            maxOverMean += most / steps;
        }

        Rows.Add(new(name, seed, area, moves, pingPong, reconnects, maxOverMean));
    }

    /// <summary>The cluster: true loads, owners, what a controller is told.</summary>
    private sealed class World
    {
        private readonly double[] _base = new double[T];
        private readonly double[] _phase = new double[T];
        private readonly double[] _flash = new double[T];
        private readonly double[] _load = new double[T];
        private DeterministicRandom _random;
        private DeterministicRandom _noise;

        public World(int seed)
        {
            _random = new DeterministicRandom((ulong)seed * 104_729);
            _noise = new DeterministicRandom((ulong)seed * 15_485_863);
            for (var t = 0; t < T; t++)
            {
                NewTopic(t);
                Home[t] = t % (B - 1);
                MovedAt[t] = -1;
                CameFrom[t] = -1;
                Clients[t] = 1 + _random.Next(40);
            }

            // The last broker joins on day 5.
            for (var b = 0; b < B; b++) Alive[b] = b < B - 1;
            Step(0, 1 << 20);
        }

        public int[] Home { get; } = new int[T];

        public int[] MovedAt { get; } = new int[T];

        public int[] CameFrom { get; } = new int[T];

        public int[] Clients { get; } = new int[T];

        public bool[] Alive { get; } = new bool[B];

        public void Step(int step, int steps)
        {
            // One percent of the topics an hour is replaced by others.
            if (_random.NextDouble() < .01 * T / StepsPerHour) NewTopic(_random.Next(T));
            if (_random.NextDouble() < 1.0 / (8 * StepsPerHour)) _flash[_random.Next(T)] = 10 + (20 * _random.NextDouble());
            if (step == steps * 3 / 7) Lose(2);
            if (step == steps * 5 / 7) Alive[B - 1] = true;
            for (var t = 0; t < T; t++)
            {
                _flash[t] *= .8;
                var day = 2 * Math.PI * step / StepsPerDay;
                _load[t] = _base[t] * (1 + (.6 * Math.Sin(day - _phase[t]))) * (1 + _flash[t]);
            }

            // No single topic above 0.6 of a broker's share: what nobody can split is another question.
            for (var round = 0; round < 10; round++)
            {
                var cap = .6 * _load.Sum() / Alive.Count(a => a);
                for (var t = 0; t < T; t++) _load[t] = Math.Min(_load[t], cap);
            }
        }

        /// <summary>What the last reports say: the loads of the step before, ± 20 %.</summary>
        public Instance Report()
        {
            var w = new long[T];
            for (var t = 0; t < T; t++) w[t] = Math.Max(1, (long)(1000 * _load[t] * (.8 + (.4 * _noise.NextDouble()))));
            var drained = new bool[B];
            for (var b = 0; b < B; b++) drained[b] = !Alive[b];
            var group = new int[T];
            Array.Fill(group, -1);
            var size = new double[B];
            Array.Fill(size, 1);
            return new Instance { Kind = "dynamic", Seed = 1, B = B, T = T, R = 1, W = w, Home = (int[])Home.Clone(), Size = size, Drained = drained, Group = group, Slack = .2 };
        }

        public (double Over, double MaxOverMean) Overload()
        {
            var load = new double[B];
            for (var t = 0; t < T; t++) load[Home[t]] += _load[t];
            var mean = load.Sum() / Alive.Count(a => a);
            return (load.Sum(l => Math.Max(0, (l / mean) - 1.2)), load.Max() / mean);
        }

        private void NewTopic(int t)
        {
            _base[t] = Math.Pow(1 - _random.NextDouble(), -1 / 1.5);
            _phase[t] = 2 * Math.PI * (t % 5) / 10;
            _flash[t] = 0;
        }

        /// <summary>Danube re-assigns the topics of a dead broker, each to the broker with the fewest topics.</summary>
        private void Lose(int broker)
        {
            Alive[broker] = false;
            var count = new int[B];
            foreach (var h in Home) count[h]++;
            for (var t = 0; t < T; t++)
            {
                if (Home[t] != broker) continue;
                var best = -1;
                for (var b = 0; b < B; b++) if (Alive[b] && (best < 0 || count[b] < count[best])) best = b;
                Home[t] = best;
                count[best]++;
            }
        }
    }
}
