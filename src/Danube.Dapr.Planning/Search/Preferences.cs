namespace Danube.Dapr.Planning.Search;

/// <summary>Soft rules as a bonus for a topic on a broker, in the unit of a receiver's score: above 0 is better. Used among targets that are all within their limits.</summary>
internal sealed class Preferences
{
    private const double Strong = 10;
    private const double Weak = 5;
    private readonly Problem _p;
    private readonly Dictionary<int, double[]> _byTopic = [];
    private readonly Dictionary<string, int>? _namespaceHome;

    public Preferences(Problem problem)
    {
        _p = problem;
        var rules = problem.Options.Rules;
        foreach (var rule in rules.Affinity.Where(a => !a.Required))
        {
            var bonus = new double[problem.B];
            for (var b = 0; b < problem.B; b++)
            {
                var id = problem.Snapshot.Brokers[b].Id;
                bonus[b] = rule.Prefer.Contains(id) ? Strong : rule.Avoid.Contains(id) ? -Strong : 0;
            }

            for (var t = 0; t < problem.T; t++)
                if (rule.Topics.Any(pattern => Glob.Matches(pattern, problem.Snapshot.Topics[t].Name))) _byTopic.TryAdd(t, bonus);
        }

        if (!rules.NamespaceAffinity) return;
        var counts = new Dictionary<string, int[]>(StringComparer.Ordinal);
        for (var t = 0; t < problem.T; t++)
        {
            if (problem.Home[t] < 0) continue;
            var name = problem.Snapshot.Topics[t].Namespace;
            if (!counts.TryGetValue(name, out var on)) counts[name] = on = new int[problem.B];
            on[problem.Home[t]]++;
        }

        _namespaceHome = counts.ToDictionary(c => c.Key, c => Array.IndexOf(c.Value, c.Value.Max()), StringComparer.Ordinal);
    }

    public bool Any => _byTopic.Count > 0 || _namespaceHome is not null;

    public double Bonus(int topic, int broker)
    {
        if (_byTopic.TryGetValue(topic, out var bonus) && bonus[broker] != 0) return bonus[broker];
        return _namespaceHome is not null && _namespaceHome[_p.Snapshot.Topics[topic].Namespace] == broker ? Weak : 0;
    }
}
