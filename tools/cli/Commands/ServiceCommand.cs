using System.CommandLine;
using Danube.Dapr.Cli.Services;
using Spectre.Console;

namespace Danube.Dapr.Cli.Commands;

/// <summary>What the commands that call services have in common.</summary>
internal static class ServiceCommand
{
    private static readonly TimeSpan CallTimeout = TimeSpan.FromSeconds(30);

    public static Option<bool> JsonOption { get; } = new("--json") { Description = "Print the service's answer as JSON." };

    /// <summary>A command that makes one call and prints the answer: as JSON, or by <paramref name="print"/>.</summary>
    public static Command Calling<T>(
        string name,
        string description,
        Func<ServiceClient, ParseResult, CancellationToken, Task<ServiceAnswer<T>>> call,
        Action<T, IAnsiConsole> print,
        params Symbol[] symbols)
        where T : class
    {
        var command = new Command(name, description);
        foreach (var symbol in symbols.Concat([JsonOption, ServiceAddresses.ViaOption, ServiceAddresses.HostOption, ServiceAddresses.PortBaseOption]))
        {
            if (symbol is Option option)
                command.Options.Add(option);
            else
                command.Arguments.Add((Argument)symbol);
        }
        command.SetAction(async (parsed, cancellation) =>
        {
            using var http = new HttpClient { Timeout = CallTimeout };
            ApiToken.AddTo(http);
            var answer = await call(new ServiceClient(http, ServiceAddresses.From(parsed)), parsed, cancellation);
            if (parsed.GetValue(JsonOption))
                await Console.Out.WriteLineAsync(answer.Json);
            else if (answer.Value is { } value)
                print(value, Tables.Console());
            else
                await Console.Out.WriteLineAsync("Done.");
            return ExitCodes.Ok;
        });
        return command;
    }

    /// <summary>An option that takes one of the words of an enumeration, in lower case.</summary>
    public static Option<string> Choice<T>(string name, string description, T defaultValue)
        where T : struct, Enum
    {
        var words = Enum.GetNames<T>().Select(n => n.ToLowerInvariant()).ToArray();
        var option = new Option<string>(name) { Description = description, DefaultValueFactory = _ => defaultValue.ToString().ToLowerInvariant() };
        option.Validators.Add(result =>
        {
            if (result.Tokens is [.., var token] && !words.Contains(token.Value))
                result.AddError($"{name} is '{token.Value}', but must be one of {string.Join(", ", words)}.");
        });
        option.CompletionSources.Add(words);
        return option;
    }

    /// <summary>An option for a whole number within bounds.</summary>
    public static Option<int> Number(string name, string description, int defaultValue, int low, int high)
    {
        var option = new Option<int>(name) { Description = $"{description} {low} to {high}, default {defaultValue}.", DefaultValueFactory = _ => defaultValue };
        option.Validators.Add(result =>
        {
            foreach (var token in result.Tokens)
            {
                if (int.TryParse(token.Value, out var value) && (value < low || value > high))
                    result.AddError($"{name} is {value}, but must be {low} to {high}.");
            }
        });
        return option;
    }
}
