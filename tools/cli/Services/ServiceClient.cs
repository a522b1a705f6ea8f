using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Danube.Dapr.Contracts;

namespace Danube.Dapr.Cli.Services;

/// <summary>Calls the services' endpoints; what they refuse becomes one line with their code and detail.</summary>
internal sealed class ServiceClient(HttpClient http, ServiceAddresses addresses)
{
    /// <summary>GET.</summary>
    public Task<ServiceAnswer<T>> GetAsync<T>(string appId, string path, CancellationToken cancellation) =>
        SendAsync<T>(HttpMethod.Get, appId, path, null, cancellation);

    /// <summary>A call with an optional JSON body.</summary>
    /// <exception cref="CliException">The service cannot be reached, refused, or answered with something else.</exception>
    public Task<ServiceAnswer<T>> SendAsync<T>(HttpMethod method, string appId, string path, object? body, CancellationToken cancellation) =>
        SendAsync<T>(method, appId, path, body, null, cancellation);

    /// <summary>A command with an idempotency key: the same key again repeats the answer, not the command.</summary>
    /// <exception cref="CliException">The service cannot be reached, refused, or answered with something else.</exception>
    public async Task<ServiceAnswer<T>> SendAsync<T>(HttpMethod method, string appId, string path, object? body, string? key, CancellationToken cancellation)
    {
        var uri = addresses.Of(appId, path);
        try
        {
            using var request = new HttpRequestMessage(method, uri);
            if (body is not null)
                request.Content = JsonContent.Create(body, body.GetType(), options: ContractsJson.Wire);
            if (key is not null)
                request.Headers.Add("Idempotency-Key", key);
            using var response = await http.SendAsync(request, cancellation);
            var text = await response.Content.ReadAsStringAsync(cancellation);
            if (!response.IsSuccessStatusCode)
                throw Refusal(appId, method, path, response.StatusCode, text);
            var value = text.Length == 0 ? default : JsonSerializer.Deserialize<T>(text, ContractsJson.Wire);
            return new ServiceAnswer<T>(value, text);
        }
        catch (HttpRequestException e)
        {
            throw new CliException($"{appId} does not answer at {uri.GetLeftPart(UriPartial.Authority)}: {e.Message} Is it running there? ('danube-lb up' starts everything; --via and --host name another place.)");
        }
        catch (TaskCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new CliException($"{appId} did not answer {method} {path} within {http.Timeout.TotalSeconds:0} s.");
        }
        catch (JsonException e)
        {
            throw new CliException($"The answer of {appId} to {method} {path} cannot be read: {e.Message}");
        }
    }

    private static CliException Refusal(string appId, HttpMethod method, string path, HttpStatusCode status, string text)
    {
        var (code, detail) = ReadProblem(text);
        var exitCode = status is HttpStatusCode.Conflict or HttpStatusCode.UnprocessableEntity or HttpStatusCode.TooManyRequests ? ExitCodes.No : ExitCodes.Failed;
        return new CliException($"{appId} refused {method} {path} ({(int)status}{(code is null ? "" : $", {code}")}): {detail}", exitCode);
    }

    /// <summary>Code and detail of problem details; validation errors are joined.</summary>
    internal static (string? Code, string Detail) ReadProblem(string text)
    {
        try
        {
            using var document = JsonDocument.Parse(text);
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object)
                return (null, text);
            var code = root.TryGetProperty("code", out var c) ? c.ToString() : root.TryGetProperty("errorCode", out var e) ? e.ToString() : null;
            if (root.TryGetProperty("errors", out var errors) && errors.ValueKind == JsonValueKind.Object)
                return (code, string.Join(" ", errors.EnumerateObject().SelectMany(f => f.Value.EnumerateArray().Select(m => $"{f.Name}: {m}"))));
            foreach (var name in new[] { "detail", "message", "title" })
            {
                if (root.TryGetProperty(name, out var detail))
                    return (code, detail.ToString());
            }
            return (code, text);
        }
        catch (JsonException)
        {
            return (null, text.Length == 0 ? "no detail" : text.ReplaceLineEndings(" "));
        }
    }
}

/// <summary>An answer, read and as it came.</summary>
/// <param name="Value">The answer; null when it had no body.</param>
/// <param name="Json">The answer's text, for <c>--json</c>.</param>
/// <typeparam name="T">What was asked for.</typeparam>
internal sealed record ServiceAnswer<T>(T? Value, string Json);
