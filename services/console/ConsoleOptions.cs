using System.Globalization;
using Microsoft.Extensions.Options;

namespace Danube.Dapr.WebConsole;

/// <summary>Options of the console, section <c>Console</c>.</summary>
internal sealed class ConsoleOptions
{
    internal const string SectionName = "Console";

    /// <summary>Seconds between two looks at the services while somebody watches, 0.5 to 60.</summary>
    public double RefreshSeconds { get; set; } = 2;
}

/// <summary>Checks the options at start.</summary>
internal sealed class ConsoleOptionsValidator : IValidateOptions<ConsoleOptions>
{
    public ValidateOptionsResult Validate(string? name, ConsoleOptions options) => options.RefreshSeconds is >= 0.5 and <= 60
        ? ValidateOptionsResult.Success
        : ValidateOptionsResult.Fail(string.Create(
            CultureInfo.InvariantCulture, $"{ConsoleOptions.SectionName}:{nameof(options.RefreshSeconds)} is {options.RefreshSeconds}; allowed are 0.5 to 60 seconds."));
}
