using System.Globalization;
using Danube.Dapr.Planning;
using Danube.Dapr.Rebalancer.Control;
using Danube.Dapr.Rebalancer.Cycle;
using Microsoft.Extensions.Options;

namespace Danube.Dapr.Rebalancer.Options;

/// <summary>Checks every value of <see cref="RebalancerOptions"/> and names all faults at once.</summary>
internal sealed class RebalancerOptionsValidator : IValidateOptions<RebalancerOptions>
{
    public ValidateOptionsResult Validate(string? name, RebalancerOptions options)
    {
        var faults = new Faults();
        faults.OneOf(nameof(options.Mode), options.Mode, ["observe", "advise", "auto"]);
        faults.OneOf(nameof(options.Policy), options.Policy, ImbalancePolicy.Names);
        faults.OneOf(nameof(options.StorageMode), options.StorageMode, ["unknown", "shared_fs", "object_store", "local"]);
        faults.OneOf(nameof(options.Repair), options.Repair, ["off", "advise", "auto"]);
        faults.Range(nameof(options.CheckIntervalSeconds), options.CheckIntervalSeconds, 1, 86_400);
        faults.Range(nameof(options.MaxCycleSeconds), options.MaxCycleSeconds, 2, 300);
        if (options.SustainedSeconds is { } sustained)
            faults.Range(nameof(options.SustainedSeconds), sustained, 0, 86_400);
        faults.Range(nameof(options.MaxMovesPerCycle), options.MaxMovesPerCycle, 1, PlanMaker.MostMoves);
        faults.Range(nameof(options.MaxMovesPerHour), options.MaxMovesPerHour, 1, 100_000);
        faults.Range(nameof(options.MaxMovesPerBrokerPerHour), options.MaxMovesPerBrokerPerHour, 1, 100_000);
        faults.Range(nameof(options.MaxMovesPerNamespacePerHour), options.MaxMovesPerNamespacePerHour, 1, 100_000);
        faults.Range(nameof(options.CoolDownSeconds), options.CoolDownSeconds, 0, 604_800);
        faults.Range(nameof(options.MinTopicAgeSeconds), options.MinTopicAgeSeconds, 0, 604_800);
        faults.Range(nameof(options.MinBrokers), options.MinBrokers, 2, 1_000);
        faults.Range(nameof(options.MaxReportAgeSeconds), options.MaxReportAgeSeconds, 1, 86_400);
        faults.Range(nameof(options.MoveTimeoutSeconds), options.MoveTimeoutSeconds, 10, 600);
        faults.Range(nameof(options.MaxMovesPerMask), options.MaxMovesPerMask, 1, 200);
        faults.Range(nameof(options.UnloadsInFlight), options.UnloadsInFlight, 1, 8, " (1 is safe: each topic in flight is left without owner when Danube's leader dies in that moment)");
        faults.Range(nameof(options.StartMovesPerMask), options.StartMovesPerMask, 1, 200);
        faults.Range(nameof(options.MaxRestSeconds), options.MaxRestSeconds, 1, 3_600);
        faults.Range(nameof(options.SlowMoveSeconds), options.SlowMoveSeconds, 0.1, 600);
        faults.Range(nameof(options.SlowLatencyRatio), options.SlowLatencyRatio, 1.1, 1_000);
        faults.Range(nameof(options.LatencyFloorMs), options.LatencyFloorMs, 0.1, 10_000);
        faults.Range(nameof(options.SlowRedirectsPerClient), options.SlowRedirectsPerClient, 1, 10_000);
        faults.Range(nameof(options.MaxRedirectsPerClient), options.MaxRedirectsPerClient, 1, 10_000);
        faults.Range(nameof(options.MaxPlanMinutes), options.MaxPlanMinutes, 1, 10_080);
        faults.Range(nameof(options.EffectAfterSeconds), options.EffectAfterSeconds, 0, 3_600);
        faults.Range(nameof(options.EffectPatienceSeconds), options.EffectPatienceSeconds, 1, 86_400);
        faults.Range(nameof(options.StalledAfterSeconds), options.StalledAfterSeconds, 0, 86_400);
        faults.Range(nameof(options.MaxMaskSeconds), options.MaxMaskSeconds, 10, 3_600);
        faults.Range(nameof(options.ApprovalTimeoutMinutes), options.ApprovalTimeoutMinutes, 1, 10_080);
        faults.Range(nameof(options.MaxDrift), options.MaxDrift, 0, 1);
        faults.Range(nameof(options.MaxFailureShare), options.MaxFailureShare, 0.01, 1);
        faults.Range(nameof(options.MaxLatencyRatio), options.MaxLatencyRatio, 1.1, 1_000);
        faults.Range(nameof(options.StrandedAfterSeconds), options.StrandedAfterSeconds, 2, 3_600);
        faults.Range(nameof(options.RepeatedCycleSeconds), options.RepeatedCycleSeconds, 0, 86_400);
        if (options.MaxPartitionsPerBroker is { } partitions)
            faults.Range(nameof(options.MaxPartitionsPerBroker), partitions, 1, 1_000_000);
        if (options.MaxMaskSeconds < options.MoveTimeoutSeconds)
        {
            faults.Add(nameof(options.MaxMaskSeconds), options.MaxMaskSeconds.ToString(CultureInfo.InvariantCulture),
                $"MoveTimeoutSeconds ({options.MoveTimeoutSeconds.ToString(CultureInfo.InvariantCulture)}) or more, so that a slow move does not lose its mask");
        }

        // The other way round the circuit breaker would open before the pace had slowed down.
        faults.AtMost(nameof(options.SlowLatencyRatio), options.SlowLatencyRatio, nameof(options.MaxLatencyRatio), options.MaxLatencyRatio);
        faults.AtMost(nameof(options.SlowRedirectsPerClient), options.SlowRedirectsPerClient, nameof(options.MaxRedirectsPerClient), options.MaxRedirectsPerClient);
        for (var i = 0; i < options.ExcludedBrokers.Count; i++)
        {
            if (!ulong.TryParse(options.ExcludedBrokers[i], NumberStyles.None, CultureInfo.InvariantCulture, out _))
                faults.Add($"{nameof(options.ExcludedBrokers)}:{i}", options.ExcludedBrokers[i], "a broker's decimal id");
        }

        faults.Globs(nameof(options.DeniedTopics), options.DeniedTopics);
        faults.Globs(nameof(options.RecreateTopics), options.RecreateTopics);
        for (var i = 0; i < options.QuietHours.Count; i++)
        {
            if (!Control.QuietHours.TryParse(options.QuietHours[i], out _))
                faults.Add($"{nameof(options.QuietHours)}:{i}", options.QuietHours[i], "HH:mm-HH:mm in UTC, with two different times");
        }

        return faults.Result();
    }

    private sealed class Faults
    {
        private readonly List<string> _faults = [];

        public void Add(string field, string? value, string allowed) =>
            _faults.Add($"{RebalancerOptions.Section}:{field} is '{value}', allowed: {allowed}.");

        public void OneOf(string field, string? value, IReadOnlyList<string> allowed)
        {
            if (!allowed.Contains(value, StringComparer.OrdinalIgnoreCase))
                Add(field, value, string.Join(", ", allowed));
        }

        public void Range(string field, double value, double least, double most, string note = "")
        {
            if (!(value >= least && value <= most))
                Add(field, value.ToString(CultureInfo.InvariantCulture), string.Create(CultureInfo.InvariantCulture, $"{least:#,0.##} to {most:#,0.##}{note}"));
        }

        public void AtMost(string field, double value, string limit, double most)
        {
            if (value > most)
                Add(field, value.ToString(CultureInfo.InvariantCulture), string.Create(CultureInfo.InvariantCulture, $"{limit} ({most}) or less"));
        }

        public void Globs(string field, IList<string> globs)
        {
            for (var i = 0; i < globs.Count; i++)
            {
                if (!TopicGlobs.IsValid(globs[i]))
                    Add($"{field}:{i}", globs[i], "a topic name or glob that begins with '/', such as /default/orders-*");
            }
        }

        public ValidateOptionsResult Result() => _faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(_faults);
    }
}
