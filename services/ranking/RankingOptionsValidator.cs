using System.Globalization;
using Danube.Dapr.Planning;
using Danube.Dapr.Planning.Mapping;
using Microsoft.Extensions.Options;

namespace Danube.Dapr.Ranking;

/// <summary>Checks all options at start and names every fault: key, value and what is allowed.</summary>
internal sealed class RankingOptionsValidator : IValidateOptions<RankingOptions>
{
    public ValidateOptionsResult Validate(string? name, RankingOptions options)
    {
        var faults = new List<string>();
        if (!RankingStrategies.Names.Contains(options.Strategy))
            faults.Add($"{Key(nameof(options.Strategy))} is '{options.Strategy}'; allowed are {string.Join(", ", RankingStrategies.Names)}.");
        faults.AddRange(options.Weights.ToWeights().Faults().Select(fault => $"{RankingOptions.SectionName}:{fault}"));
        Range(faults, nameof(options.StaleAfterSeconds), options.StaleAfterSeconds, 5, 3_600, "seconds");
        Range(faults, nameof(options.StrandedAfterSeconds), options.StrandedAfterSeconds, 0, 3_600, "seconds");
        Range(faults, nameof(options.ForgetTopicsAfterMinutes), options.ForgetTopicsAfterMinutes, 10, 43_200, "minutes");
        Range(faults, nameof(options.BalanceSamples), options.BalanceSamples, 10, 10_000, "samples");
        Range(faults, nameof(options.CacheMilliseconds), options.CacheMilliseconds, 0, 10_000, "milliseconds");
        for (var i = 0; i < options.BalanceResources.Count; i++)
        {
            if (ResourceNames.Parse(options.BalanceResources[i]) is null)
                faults.Add($"{Key(nameof(options.BalanceResources))}:{i} is '{options.BalanceResources[i]}'; allowed are {string.Join(", ", Enum.GetValues<Resource>().Select(ResourceNames.Of))}.");
        }

        Brokers(faults, options.Brokers);
        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }

    private static void Brokers(List<string> faults, IList<BrokerOptions> brokers)
    {
        var seen = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        for (var i = 0; i < brokers.Count; i++)
        {
            var broker = brokers[i];
            var key = $"{nameof(RankingOptions.Brokers)}:{i}:";
            if (string.IsNullOrWhiteSpace(broker.Broker))
                faults.Add($"{Key(key + nameof(broker.Broker))} is empty; give the broker's id or address.");
            else if (!seen.Add(broker.Broker))
                faults.Add($"{Key(key + nameof(broker.Broker))} is '{broker.Broker}', which another entry names already.");
            if (broker.Weight is not (> 0 and <= 1_000))
                faults.Add(Text($"{Key(key + nameof(broker.Weight))} is {broker.Weight}; allowed is above 0 to 1000."));
            Positive(faults, key + nameof(broker.MessagesPerSecond), broker.MessagesPerSecond);
            Positive(faults, key + nameof(broker.BytesPerSecond), broker.BytesPerSecond);
            Positive(faults, key + nameof(broker.Topics), broker.Topics);
        }
    }

    private static void Range(List<string> faults, string name, double value, double min, double max, string unit)
    {
        if (!(value >= min && value <= max))
            faults.Add(Text($"{Key(name)} is {value}; allowed are {min} to {max} {unit}."));
    }

    private static void Positive(List<string> faults, string name, double? value)
    {
        if (value is { } number && !(number > 0 && double.IsFinite(number)))
            faults.Add(Text($"{Key(name)} is {number}; allowed is a number above 0, or nothing for no limit."));
    }

    private static string Key(string name) => $"{RankingOptions.SectionName}:{name}";

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
