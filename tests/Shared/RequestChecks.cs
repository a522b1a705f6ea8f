using System.Net;
using System.Reflection;
using System.Text;
using System.Text.Json;
using FluentValidation;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Danube.Dapr.Testing;

/// <summary>What a service lets through, and what its endpoints take.</summary>
internal static class RequestChecks
{
    /// <summary>
    /// <c>GET /path/{id}: field</c> for each value that callers can send to the endpoints of a service, each of which must have a rule of a validator. Messages of the sidecar are no requests, and a
    /// bool that can be read is never wrong.
    /// </summary>
    /// <param name="services">The service's services.</param>
    /// <param name="service">Where its endpoints are.</param>
    /// <param name="except">Endpoints that are not looked at, <c>GET /path</c>.</param>
    public static IReadOnlyList<string> Values(IServiceProvider services, Assembly service, params string[] except)
    {
        var values = new List<string>();
        foreach (var endpoint in services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>())
        {
            var path = endpoint.RoutePattern.RawText!;
            if (endpoint.Metadata.GetMetadata<MethodInfo>() is not { } handler || handler.DeclaringType?.Assembly != service || path.StartsWith("/events/", StringComparison.Ordinal))
                continue;
            var name = $"{endpoint.Metadata.GetMetadata<HttpMethodMetadata>()!.HttpMethods.Single()} {path}";
            if (except.Contains(name))
                continue;
            var fields = handler.GetParameters().SelectMany(p => Fields(services, name, p)).ToArray();
            Assert.All(endpoint.RoutePattern.Parameters, p => Assert.Contains(p.Name, fields, StringComparer.OrdinalIgnoreCase));
            values.AddRange(fields.Select(f => $"{name}: {f}"));
        }

        Assert.NotEmpty(values);
        return [.. values.Order(StringComparer.Ordinal)];
    }

    /// <summary>Sends what must be refused because of its values.</summary>
    /// <returns>For each field what is wrong.</returns>
    public static async Task<IReadOnlyDictionary<string, string[]>> RefusedAsync(HttpClient http, string method, string path, string? body = null, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        if (body is not null)
            request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        foreach (var (name, value) in headers)
            request.Headers.TryAddWithoutValidation(name, value);
        using var answer = await http.SendAsync(request);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.StatusCode == HttpStatusCode.BadRequest, $"{method} {path}: {answer.StatusCode} {text}");
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        using var problem = JsonDocument.Parse(text);
        var errors = problem.RootElement.GetProperty("errors").Deserialize<Dictionary<string, string[]>>()!;
        Assert.Equal("invalid", problem.RootElement.GetProperty("code").GetString());
        Assert.Equal(string.Join(' ', errors.Values.SelectMany(e => e)), problem.RootElement.GetProperty("detail").GetString());
        return errors;
    }

    /// <summary>Sends what must be refused because of one value alone, and told so.</summary>
    public static async Task RefusedAsync(HttpClient http, string endpoint, string path, string? body, (string Name, string Value)[] headers, string field, string told, string allowed)
    {
        var errors = await RefusedAsync(http, endpoint[..endpoint.IndexOf(' ', StringComparison.Ordinal)], path, body, headers);
        Assert.Equal($"{field} is {told}, allowed: {allowed}.", Assert.Single(Assert.Single(errors, e => e.Key == field).Value));
        Assert.Single(errors);
    }

    private static IEnumerable<string> Fields(IServiceProvider services, string endpoint, ParameterInfo parameter)
    {
        var type = parameter.ParameterType;
        if (type == typeof(CancellationToken) || services.GetRequiredService<IServiceProviderIsService>().IsService(type))
            return [];
        var validator = (IValidator?)services.GetService(typeof(IValidator<>).MakeGenericType(type));
        Assert.True(validator is not null, $"No validator sees {parameter.Name} of {endpoint}: give {type.Name} one, or take it in a record that has one.");
        var rules = validator.CreateDescriptor().Rules.ToLookup(r => r.Member.Name, r => r.PropertyName);
        var taken = type.GetProperties().Where(p => p.CanWrite && p.PropertyType != typeof(bool)).Select(p => p.Name).ToArray();
        Assert.All(taken, property => Assert.True(rules.Contains(property), $"{validator.GetType().Name} has no rule for {property}, which {endpoint} takes."));
        return taken.Select(property => rules[property].First()).Select(name => name.Contains('-', StringComparison.Ordinal) ? name : JsonNamingPolicy.CamelCase.ConvertName(name));
    }
}
