using System.Globalization;
using Microsoft.Extensions.Options;

namespace Danube.Dapr.History;

/// <summary>Options of the history service, section <c>History</c>.</summary>
internal sealed class HistoryOptions
{
    internal const string SectionName = "History";

    /// <summary>Days for which entries are kept, 1 to 365.</summary>
    public int RetentionDays { get; set; } = 30;

    /// <summary>Seconds between two comparisons of the record with the rebalancer's plans, 1 to 86,400; default 30.</summary>
    public double GapCheckSeconds { get; set; } = 30;
}

/// <summary>Checks the options at start.</summary>
internal sealed class HistoryOptionsValidator : IValidateOptions<HistoryOptions>
{
    public ValidateOptionsResult Validate(string? name, HistoryOptions options)
    {
        var faults = new List<string>();
        if (options.RetentionDays is not (>= 1 and <= 365))
            faults.Add(string.Create(CultureInfo.InvariantCulture, $"{HistoryOptions.SectionName}:{nameof(options.RetentionDays)} is {options.RetentionDays}; allowed are 1 to 365 days."));
        if (options.GapCheckSeconds is not (>= 1 and <= 86_400))
            faults.Add(string.Create(CultureInfo.InvariantCulture, $"{HistoryOptions.SectionName}:{nameof(options.GapCheckSeconds)} is {options.GapCheckSeconds}; allowed are 1 to 86400 seconds."));
        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }
}
