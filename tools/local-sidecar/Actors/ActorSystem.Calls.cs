using System.Text;
using Danube.Dapr.LocalSidecar.Api;
using Danube.Dapr.LocalSidecar.Hosting;
using Danube.Dapr.LocalSidecar.Names;
using Danube.Dapr.LocalSidecar.Scheduling;
using Danube.Dapr.LocalSidecar.Tracing;
using Grpc.Core;

namespace Danube.Dapr.LocalSidecar.Actors;

/// <summary>A call of an actor's method.</summary>
internal sealed record ActorCall(ActorAddress Address, string Method, IReadOnlyList<KeyValuePair<string, string>> Headers, byte[] Body, string? ContentType, TraceContext Trace, string CallerAppId, string CallerNamespace);

/// <summary>What the app answered to an actor call.</summary>
internal sealed record ActorAnswer(int Status, IReadOnlyList<KeyValuePair<string, IEnumerable<string>>> Headers, byte[] Body)
{
    public static async Task<ActorAnswer> ReadAsync(HttpResponseMessage response, CancellationToken cancellationToken) => new((int)response.StatusCode,
        [.. response.Headers.NonValidated.Select(static h => new KeyValuePair<string, IEnumerable<string>>(h.Key, [.. h.Value])), .. response.Content.Headers.NonValidated.Select(static h => new KeyValuePair<string, IEnumerable<string>>(h.Key, [.. h.Value]))],
        await response.Content.ReadAsByteArrayAsync(cancellationToken));
}

/// <summary>Calls of actors, wherever they are.</summary>
internal sealed partial class ActorSystem
{
    /// <summary>Calls a method of an actor.</summary>
    /// <exception cref="DaprError">The call failed.</exception>
    public async Task<ActorAnswer> InvokeAsync(AppInstance caller, ActorAddress address, string method, IEnumerable<KeyValuePair<string, string>> headers, byte[] body, string? contentType, TraceContext trace, CancellationToken cancellationToken)
    {
        if (caller.Components.ActorStore is null && !IsHosted(address.Type)) throw NoRuntime();
        var call = new ActorCall(address, method, [.. headers], body, contentType, trace, caller.AppId, caller.App.Namespace);

        async ValueTask<ActorAnswer> Once(CancellationToken token)
        {
            var answer = await AtOwnerAsync(address, () => InvokeHereAsync(call, token), place => _relay!.InvokeAsync(place, call, token), token);
            return answer.Status == 200 ? answer
                : throw new Resiliency.CallFailedException($"error from actor service: ({answer.Status}) {Encoding.UTF8.GetString(answer.Body)}", answer.Status);
        }

        try
        {
            var policy = caller.Components.ActorPolicy(address.Type);
            return policy is null ? await Once(cancellationToken) : await policy.RunAsync(Once, cancellationToken);
        }
        catch (NoHostException e)
        {
            throw Failed("ERR_ACTOR_INVOKE_METHOD", $"error invoke actor method: failed to lookup actor: api error: code = FailedPrecondition desc = {e.Message}");
        }
        catch (Exception e) when (e is Resiliency.CallFailedException or HttpRequestException or IOException or Polly.Timeout.TimeoutRejectedException or Polly.CircuitBreaker.BrokenCircuitException
            || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            throw Failed("ERR_ACTOR_INVOKE_METHOD", "error invoke actor method: " + e.Message);
        }
    }

    /// <summary>Calls a method of an actor of this process; whatever the app answers comes back.</summary>
    /// <exception cref="NotHereException">The actor belongs to another process.</exception>
    public Task<ActorAnswer> InvokeHereAsync(ActorCall call, CancellationToken cancellationToken)
    {
        var (sent, address) = (call.Headers, call.Address);
        var reentrancyId = sent.FirstOrDefault(static h => string.Equals(h.Key, "Dapr-Reentrancy-Id", StringComparison.OrdinalIgnoreCase)).Value;
        if (reentrancyId is null && TypeConfig(address.Type).Reentrant)
        {
            reentrancyId = Guid.NewGuid().ToString();
            sent = [.. sent, new("Dapr-Reentrancy-Id", reentrancyId)];
        }
        return TurnAsync(address, LookupTime, reentrancyId, async (_, channel, running) =>
        {
            using var request = channel.Request(HttpMethod.Put, Path(address) + "/method/" + Uri.EscapeDataString(call.Method), call.Trace);
            request.Content = AppChannel.Content(call.Body, call.ContentType);
            foreach (var (name, value) in sent) request.Headers.TryAddWithoutValidation(name, value);
            request.Headers.TryAddWithoutValidation("Dapr-Api-Call", "true");
            request.Headers.TryAddWithoutValidation("Dapr-Caller-App-Id", call.CallerAppId);
            request.Headers.TryAddWithoutValidation("Dapr-Caller-Namespace", call.CallerNamespace);
            using var response = await channel.SendAsync(request, running);
            return await ActorAnswer.ReadAsync(response, running);
        }, cancellationToken);
    }

    /// <summary>Does something in the process that has the actor.</summary>
    /// <exception cref="NoHostException">No process has it, or they did not agree in time.</exception>
    public async Task<T> AtOwnerAsync<T>(ActorAddress address, Func<Task<T>> here, Func<Place, Task<T>> elsewhere, CancellationToken cancellationToken)
    {
        if (_members is null) return await here();
        var limit = new TimeLimit(_time, LookupTime + MovingTime);
        while (true)
        {
            try
            {
                return await (_members.Placement.Latest.OwnerOf(address) is { IsHere: false } place ? elsewhere(place) : here());
            }
            catch (NotHereException)
            {
                if (limit.Left <= TimeSpan.Zero) throw new NoHostException(address);
            }
            await Task.Delay(TimeSpan.FromMilliseconds(30), _time, cancellationToken);
        }
    }

    public static DaprError Failed(string errorCode, string message) => new(errorCode, 500, StatusCode.Internal, message);

    public static DaprError NoRuntime() => Failed("ERR_ACTOR_RUNTIME_NOT_FOUND",
        "the state store is not configured to use the actor runtime. Have you set the - name: actorStateStore value: \"true\" in your state store component file?");

    public static string Path(ActorAddress address) => $"/actors/{Uri.EscapeDataString(address.Type)}/{Uri.EscapeDataString(address.Id)}";
}
