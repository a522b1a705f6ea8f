using Danube.Dapr.Contracts;

namespace Danube.Dapr.Planning.Tests;

/// <summary>The least moves or cost by trying every placement, from the wire's snapshot alone: shares none of the planner's code.</summary>
internal static class ExhaustiveOptimum
{
    /// <summary>The fewest moves that bring every broker within its limit and keep the groups apart; null when no placement does.</summary>
    public static int? Moves(ClusterSnapshot snapshot, PlannerOptions options) => (int?)Cost(snapshot, options, _ => 1);

    /// <summary>The same for costs of single topics.</summary>
    public static double? Cost(ClusterSnapshot snapshot, PlannerOptions options, Func<TopicSnapshot, double> cost)
    {
        int brokers = snapshot.Brokers.Count, topics = snapshot.Topics.Count;
        var resources = options.Resources.Count;
        var load = new double[topics, resources];
        var limit = new double[brokers, resources];
        for (var r = 0; r < resources; r++)
        {
            double total = 0;
            for (var t = 0; t < topics; t++) total += load[t, r] = options.Resources[r] == Resource.Throughput ? snapshot.Topics[t].BytesInPerSecond : snapshot.Topics[t].MessagesInPerSecond;
            var weight = snapshot.Brokers.Sum(b => b.Capacity.Weight);
            for (var b = 0; b < brokers; b++) limit[b, r] = options.Policy.TargetMaxOverMean * total * snapshot.Brokers[b].Capacity.Weight / weight;
        }

        var home = snapshot.Topics.Select(t => snapshot.Brokers.ToList().FindIndex(b => b.Id == t.BrokerId)).ToArray();
        var at = new int[topics];
        double? best = null;
        Place(0, 0);
        return best;

        void Place(int t, double spent)
        {
            if (spent >= best) return;
            if (t == topics)
            {
                if (Holds()) best = spent;
                return;
            }

            for (var b = 0; b < brokers; b++)
            {
                at[t] = b;
                Place(t + 1, spent + (b == home[t] ? 0 : cost(snapshot.Topics[t])));
            }
        }

        bool Holds()
        {
            for (var b = 0; b < brokers; b++)
            {
                for (var r = 0; r < resources; r++)
                {
                    double sum = 0;
                    for (var t = 0; t < topics; t++) if (at[t] == b) sum += load[t, r];
                    if (sum > limit[b, r] + (1e-9 * limit[b, r])) return false;
                }
            }

            if (options.Rules.MaxPartitionsPerBroker is not { } most) return true;
            return Enumerable.Range(0, topics).Where(t => snapshot.Topics[t].PartitionGroup is not null)
                .CountBy(t => (snapshot.Topics[t].PartitionGroup, at[t])).All(g => g.Value <= most);
        }
    }
}
