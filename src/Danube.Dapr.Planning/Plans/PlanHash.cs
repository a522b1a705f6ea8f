using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Danube.Dapr.Planning;

/// <summary>The hash that ties a plan to its inputs and moves.</summary>
internal static class PlanHash
{
    public static string Of(Snapshot snapshot, PlannerOptions options, IEnumerable<(string Topic, string From, string To)> moves)
    {
        var text = new StringBuilder();
        void Add(object? value) => text.Append(Convert.ToString(value, CultureInfo.InvariantCulture)).Append('\n');
        void All<T>(IEnumerable<T> values)
        {
            foreach (var value in values) Add(value);
            Add("--");
        }

        Add(snapshot.Hash);
        var policy = options.Policy;
        All<object>([policy.Name, policy.TriggerCoefficientOfVariation, policy.TriggerMaxOverMean, policy.TargetCoefficientOfVariation,
            policy.TargetMaxOverMean, policy.TargetMinOverMean, policy.MaxOverCapacity]);
        All<object>([options.Goal, options.OnlyWhenTriggered, options.AlreadyTriggered, options.Cost.PerMove, options.Cost.PerClient, options.Cost.PerUnexportedByte,
            options.PaybackHorizon.Ticks, options.OverloadSecondsPerCost, options.Seed, options.WorkBudget]);
        All(options.Brokers);
        All(options.Resources);
        var limits = options.Limits;
        All<object>([limits.MaxMovesPerCycle, limits.MaxMovesPerBroker, limits.MaxMovesPerHour, limits.MaxMovesPerNamespace, limits.CoolDown.Ticks, limits.NoReturnWithin.Ticks,
            limits.MinTopicAge.Ticks, limits.MaxReportAge.Ticks, limits.MinBrokers, limits.MoveNonReliable]);
        All(limits.NamespaceBudgets.OrderBy(n => n.Key, StringComparer.Ordinal).Select(n => $"{n.Key} {n.Value}"));
        All(limits.QuietHours.Select(q => FormattableString.Invariant($"{q.From.Ticks} {q.To.Ticks}")));
        var rules = options.Rules;
        All(rules.DeniedTopics);
        All(rules.Pins.Select(p => $"{p.Topic}\t{p.BrokerId}"));
        All(rules.Banned.Select(p => $"{p.Topic}\t{p.BrokerId}"));
        All(rules.ExcludedBrokers);
        All<object?>([rules.MaxPartitionsPerBroker, rules.MaxPartitionsPerZone, rules.NamespaceAffinity]);
        foreach (var rule in rules.Affinity)
        {
            Add($"{rule.Name}\t{rule.Required}");
            All(rule.Topics);
            All(rule.Prefer);
            All(rule.Avoid);
        }

        All(rules.Requirements.Select(r => FormattableString.Invariant($"{r.Topic}\t{r.ThroughputBytesPerSecond}\t{r.SizeBytes}\t{r.CpuIntensive}\t{r.LowLatency}")));
        All(moves.Select(m => $"{m.Topic}\t{m.From}\t{m.To}"));
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }
}
