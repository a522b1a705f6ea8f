using System.Globalization;
using System.Reflection;
using System.Text.Json;
using FluentValidation;
using FluentValidation.Results;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Primitives;

namespace Danube.Dapr.ServiceDefaults;

/// <summary>Validates what callers send, in paths, queries, headers and bodies, before a handler runs, and answers all faults at once.</summary>
public static class RequestValidation
{
    /// <summary>Most characters of a refused value that are repeated in the answer.</summary>
    private const int MaxShown = 100;

    /// <summary>Adds the validators of an assembly.</summary>
    /// <param name="services">The service's services.</param>
    /// <param name="assembly">Where the validators are.</param>
    public static IServiceCollection AddRequestValidators(this IServiceCollection services, Assembly assembly) =>
        services.AddValidatorsFromAssembly(assembly, ServiceLifetime.Singleton, includeInternalTypes: true);

    /// <summary>
    /// Where to map endpoints whose parameters are validated, each by the validator of its type: a record of values of path and query (<c>AsParameters</c>), a header, the body. The faults
    /// of all of them are one answer: 400 with the code <c>invalid</c>, and for each field a sentence with the value that was sent and what is allowed.
    /// </summary>
    /// <param name="app">The service.</param>
    public static RouteGroupBuilder MapValidated(this IEndpointRouteBuilder app) => app.MapGroup("").AddEndpointFilterFactory(Create);

    /// <summary>A text as it is repeated to whom sent it.</summary>
    internal static string Quoted(string text) => text.Length <= MaxShown ? $"'{text}'" : $"'{text[..MaxShown]}...' ({text.Length} characters)";

    private static EndpointFilterDelegate Create(EndpointFilterFactoryContext handler, EndpointFilterDelegate next)
    {
        (int Position, IValidator Validator)[] validators =
        [
            .. from parameter in handler.MethodInfo.GetParameters()
               let validator = (IValidator?)handler.ApplicationServices.GetService(typeof(IValidator<>).MakeGenericType(parameter.ParameterType))
               where validator is not null
               select (parameter.Position, validator!),
        ];
        if (validators.Length == 0)
            return next;
        return call =>
        {
            var faults = validators.SelectMany(v => Faults(v.Validator, call.Arguments[v.Position])).ToArray();
            return faults.Length == 0
                ? next(call)
                : ValueTask.FromResult<object?>(ApiProblem.Invalid(faults.GroupBy(Field).ToDictionary(f => f.Key, f => f.Select(Sentence).ToArray())));
        };
    }

    /// <summary>What is wrong with a value; a body that may be left out, and is, has no faults.</summary>
    private static List<ValidationFailure> Faults(IValidator validator, object? value) =>
        value is null ? [] : validator.Validate(new ValidationContext<object>(value)).Errors;

    /// <summary>The field's name on the wire; only the names of headers have a hyphen, and stay as they are.</summary>
    private static string Field(ValidationFailure fault) =>
        fault.PropertyName.Contains('-', StringComparison.Ordinal) ? fault.PropertyName : JsonNamingPolicy.CamelCase.ConvertName(fault.PropertyName);

    private static string Sentence(ValidationFailure fault) => $"{Field(fault)} is {Shown(fault.AttemptedValue)}, allowed: {fault.ErrorMessage}.";

    private static string Shown(object? value) => value switch
    {
        null => "missing",
        string or StringValues => Quoted(value.ToString()!),
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };
}
