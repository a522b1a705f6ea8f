using Danube.Dapr.BrokerClient.Protocol.Admin;

namespace Danube.Dapr.BrokerSimulator;

/// <summary>Danube's own rebalancer, as <c>TriggerRebalance</c> runs it: the lightest topic of an overloaded broker, by the delete path (D2).</summary>
internal sealed class BuiltInRebalancer(Cluster cluster, BrokerInstance leader)
{
    private const double Threshold = 0.30;
    private const int MaxUnlimited = 10_000;

    /// <summary>Imbalance of the active brokers by the leader's ranking.</summary>
    public readonly record struct Imbalance(double Mean, double Max, double Min, double StandardDeviation)
    {
        public double Cv => Mean == 0 ? 0 : StandardDeviation / Mean;

        public double Band => Math.Max(StandardDeviation, Math.Max(0.2 * Mean, 2)) * (Cv > 0.3 ? 0.5 : 1);

        public bool IsOverloaded(double load) => load > Mean + Band;

        public bool IsUnderloaded(double load) => load < Mean - Band;
    }

    public static Imbalance Measure(IEnumerable<long> activeLoads)
    {
        var loads = activeLoads.Select(load => (double)load).ToList();
        if (loads.Count == 0)
            return default;
        var mean = loads.Average();
        return new Imbalance(mean, loads.Max(), loads.Min(), Math.Sqrt(loads.Average(load => (load - mean) * (load - mean))));
    }

    /// <summary>Called with the gate held. Without a dry run the moves go on in the background.</summary>
    public RebalanceResponse Trigger(bool dryRun, uint? maxMoves)
    {
        var imbalance = Measure(Active().Select(entry => entry.Score));
        leader.ImbalanceCv = imbalance.Cv;
        if (imbalance.Cv < Threshold)
        {
            return new RebalanceResponse
            {
                Success = true,
                ErrorMessage = FormattableString.Invariant($"Cluster is balanced (CV: {imbalance.Cv:F3}, threshold: {Threshold:F3})"),
            };
        }

        if (Propose(imbalance) is not { } move)
            return new RebalanceResponse { Success = true, ErrorMessage = "No suitable candidates for rebalancing" };
        var answer = new RebalanceResponse { Success = true, ProposedMoves = { move } };
        if (dryRun)
            return answer;
        answer.MovesExecuted = 1;
        Execute(move);
        Continue((int)Math.Min(maxMoves ?? MaxUnlimited, MaxUnlimited) - 1);
        return answer;
    }

    private void Continue(int left) => cluster.Later(TimeSpan.FromSeconds(1), () =>
    {
        var imbalance = Measure(Active().Select(entry => entry.Score));
        leader.ImbalanceCv = imbalance.Cv;
        if (left <= 0 || cluster.AliveLeader != leader || imbalance.Cv < Threshold || Propose(imbalance) is not { } move)
            return;
        Execute(move);
        Continue(left - 1);
    });

    private void Execute(ProposedMove move)
    {
        var from = move.FromBroker.ToString(System.Globalization.CultureInfo.InvariantCulture);
        var to = move.ToBroker.ToString(System.Globalization.CultureInfo.InvariantCulture);
        leader.RebalancingMoves++;
        cluster.Log.Add("built-in-move", move.TopicName, from, $"to {to}");
        // The source sees the delete and no unload marker: it takes the delete path.
        cluster.PutMarker(move.TopicName, new Marker(MarkerReason.Rebalance, from, to));
        cluster.DeleteAssignment(from, move.TopicName);
    }

    private ProposedMove? Propose(Imbalance imbalance)
    {
        var active = Active().ToList();
        var source = active.LastOrDefault(entry => imbalance.IsOverloaded(entry.Score) && cluster.AssignedTo(entry.BrokerId).Count > 0);
        var target = active.FirstOrDefault(entry => entry.BrokerId != source?.BrokerId);
        if (source is null || target is null)
            return null;
        var seconds = cluster.Now;
        var topic = cluster.AssignedTo(source.BrokerId).MinBy(name => BrokerUsage.Cost(cluster.Topics[name], seconds))!;
        return new ProposedMove
        {
            TopicName = topic,
            FromBroker = ulong.Parse(source.BrokerId, System.Globalization.CultureInfo.InvariantCulture),
            ToBroker = ulong.Parse(target.BrokerId, System.Globalization.CultureInfo.InvariantCulture),
            EstimatedLoad = 1,
            Reason = "LoadImbalance",
        };
    }

    private IEnumerable<RankedReport> Active() =>
        leader.Manager.Rankings.Where(entry => cluster.ModeOf(entry.BrokerId) == BrokerMode.Active);
}
