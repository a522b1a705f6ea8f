using System.Globalization;
using Microsoft.Extensions.Options;

namespace Danube.Dapr.History;

/// <summary>Options of the history service, section <c>History</c>.</summary>
internal sealed class HistoryOptions
{
    internal const string SectionName = "History";

    /// <summary>Days for which entries are kept, 1 to 365.</summary>
    public int RetentionDays { get; set; } = 30;
}

/// <summary>Checks the options at start.</summary>
internal sealed class HistoryOptionsValidator : IValidateOptions<HistoryOptions>
{
    public ValidateOptionsResult Validate(string? name, HistoryOptions options) => options.RetentionDays is >= 1 and <= 365
        ? ValidateOptionsResult.Success
        : ValidateOptionsResult.Fail(string.Create(
            CultureInfo.InvariantCulture, $"{HistoryOptions.SectionName}:{nameof(options.RetentionDays)} is {options.RetentionDays}; allowed are 1 to 365 days."));
}
