using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Danube.Dapr.Contracts;

namespace Danube.Dapr.Cli.Services;

/// <summary>Calls the services' endpoints; what they refuse becomes one line with their code and detail.</summary>
/// <param name="http">The client; its time limit is the longest that an answer may take.</param>
/// <param name="addresses">Where the services are.</param>
/// <param name="askAfter">After how long without an answer the service is asked whether its state store hangs, again and again; null for 3 s.</param>
internal sealed class ServiceClient(HttpClient http, ServiceAddresses addresses, TimeSpan? askAfter = null)
{
    /// <summary>Where a service tells whether its state store answers.</summary>
    private const string StoreHealth = "/healthz/store";

    private const string StoreDown = nameof(ReasonCode.StoreUnavailable);

    private static readonly HashSet<string> Reasons = new(Enum.GetNames<ReasonCode>(), StringComparer.Ordinal);
    private static readonly TimeSpan HealthTimeout = TimeSpan.FromSeconds(4);

    private readonly TimeSpan _askAfter = askAfter ?? TimeSpan.FromSeconds(3);

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
                request.Headers.Add(HttpNames.IdempotencyKey, key);
            using var response = await SendAsync(request, appId, cancellation);
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

    /// <summary>Sends it. A store that hangs makes the service hang, for as long as it does: that is found out on the way, instead of waiting for the time limit.</summary>
    private async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, string appId, CancellationToken cancellation)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var answer = http.SendAsync(request, stop.Token);
        while (await Task.WhenAny(answer, Task.Delay(_askAfter, cancellation)) != answer && !cancellation.IsCancellationRequested)
        {
            if (await WhyStoreDownAsync(appId, cancellation) is not { } why)
                continue;
            await stop.CancelAsync();
            // Whether it was cancelled or came at the last moment: nobody looks at it any more.
            _ = answer.ContinueWith(late => late.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
            throw new CliException($"{StoreRefusal(appId, why)}{(request.Method == HttpMethod.Get ? "" : " What you asked for may be done all the same: look before you ask again.")}");
        }

        return await answer;
    }

    /// <summary>Why the service's state store does not answer; null when it does, when the service has none, or when nobody can tell.</summary>
    private async Task<string?> WhyStoreDownAsync(string appId, CancellationToken cancellation)
    {
        try
        {
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            patience.CancelAfter(HealthTimeout);
            using var response = await http.GetAsync(addresses.Of(appId, StoreHealth), patience.Token);
            return response.StatusCode == HttpStatusCode.ServiceUnavailable && ReadProblem(await response.Content.ReadAsStringAsync(patience.Token)) is (StoreDown, var why) ? why : null;
        }
        catch (Exception error) when (error is HttpRequestException or OperationCanceledException && !cancellation.IsCancellationRequested)
        {
            return null;
        }
    }

    private static string StoreRefusal(string appId, string why) =>
        $"{appId} is there, but its state store is not ({StoreDown}). {why} Look at the store (etcd, Redis, the disk of SQLite) and at the sidecar's log; once it is back everything goes on by itself.";

    private static CliException Refusal(string appId, HttpMethod method, string path, HttpStatusCode status, string text)
    {
        var (code, detail) = ReadProblem(text);
        if (code == StoreDown)
            return new CliException(StoreRefusal(appId, detail));
        // Whatever the status: a reason of the closed list means that it was understood and not done.
        var exitCode = code is not null && Reasons.Contains(code) ? ExitCodes.No : ExitCodes.Failed;
        return new CliException($"{appId} refused {method} {path} ({(int)status}{(code is null ? "" : $", {code}")}): {detail}", exitCode) { Code = code };
    }

    /// <summary>Code and detail of problem details; validation errors without a detail are joined.</summary>
    internal static (string? Code, string Detail) ReadProblem(string text)
    {
        try
        {
            using var document = JsonDocument.Parse(text);
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object)
                return (null, text);
            var code = root.TryGetProperty("code", out var c) ? c.ToString() : root.TryGetProperty("errorCode", out var e) ? e.ToString() : null;
            // The services' own detail has all faults, each with its field.
            if (!root.TryGetProperty("detail", out _) && root.TryGetProperty("errors", out var errors) && errors.ValueKind == JsonValueKind.Object)
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
