using System.Collections.Concurrent;
using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization;
using Danube.Dapr.LocalSidecar.Api;
using Danube.Dapr.LocalSidecar.Hosting;
using Danube.Dapr.LocalSidecar.Names;
using Danube.Dapr.LocalSidecar.Tracing;
using Grpc.Core;

namespace Danube.Dapr.LocalSidecar.Actors;

/// <summary>What is asked about a reminder of an actor of another process; a text that an operation does not need is empty.</summary>
internal sealed record ReminderCommand(string Name, string DueTime, string Period, string Ttl, string? Data, bool Overwrite);

/// <summary>A refusal or failure on its way between processes.</summary>
internal sealed record RelayedError(string ErrorCode, int HttpStatus, int GrpcCode, string Message);

[JsonSerializable(typeof(ReminderCommand))]
[JsonSerializable(typeof(RelayedError))]
internal sealed partial class RelayJson : JsonSerializerContext;

/// <summary>Passes calls on to the process that has the actor, which looks by itself whether it has it.</summary>
internal sealed class ActorRelay(Membership members) : IDisposable
{
    /// <summary>Set on a request between sidecars that is for an actor: what to do.</summary>
    public const string OperationHeader = "Dapr-Sidecar-Actor";

    /// <summary>The caller of an actor's method.</summary>
    public const string CallerHeader = "Dapr-Sidecar-Caller";

    /// <summary>Its namespace.</summary>
    public const string CallerNamespaceHeader = "Dapr-Sidecar-Caller-Namespace";

    private readonly ConcurrentDictionary<string, AppChannel> _channels = new(StringComparer.Ordinal);

    /// <exception cref="NotHereException">The other process does not have it, or is not there any more.</exception>
    /// <exception cref="HttpRequestException">The call failed on the way or in the other process.</exception>
    public async Task<ActorAnswer> InvokeAsync(Place place, ActorCall call, CancellationToken cancellationToken)
    {
        var channel = ChannelTo(place);
        using var request = Request(channel, "invoke", call.Address, call.Method, call.Trace);
        request.Content = AppChannel.Content(call.Body, call.ContentType);
        request.Headers.TryAddWithoutValidation(CallerHeader, call.CallerAppId);
        request.Headers.TryAddWithoutValidation(CallerNamespaceHeader, call.CallerNamespace);
        foreach (var (name, value) in call.Headers) request.Headers.TryAddWithoutValidation(name, value);
        return await SendAsync(place, channel, request, call.Address, cancellationToken);
    }

    /// <param name="operation">register or unregister.</param>
    /// <exception cref="DaprError">The other process refused it.</exception>
    public async Task RemindAsync(Place place, string operation, ActorAddress actor, ReminderCommand command, CancellationToken cancellationToken)
    {
        var channel = ChannelTo(place);
        using var request = Request(channel, operation, actor, "", TraceContext.None);
        request.Content = AppChannel.Content(JsonSerializer.SerializeToUtf8Bytes(command, RelayJson.Default.ReminderCommand), "application/json");
        await SendAsync(place, channel, request, actor, cancellationToken);
    }

    public void Dispose()
    {
        foreach (var channel in _channels.Values) channel.Dispose();
    }

    private static HttpRequestMessage Request(AppChannel channel, string operation, ActorAddress actor, string method, TraceContext trace)
    {
        var request = channel.Request(HttpMethod.Post, $"/{Uri.EscapeDataString(actor.Type)}/{Uri.EscapeDataString(actor.Id)}/{Uri.EscapeDataString(method)}", trace);
        request.Headers.TryAddWithoutValidation(OperationHeader, operation);
        return request;
    }

    private async Task<ActorAnswer> SendAsync(Place place, AppChannel channel, HttpRequestMessage request, ActorAddress actor, CancellationToken cancellationToken)
    {
        // One that is asleep would answer when it wakes, long after others have taken over.
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, members.GoneToken(place.Registration));
        try
        {
            using var response = await channel.SendAsync(request, either.Token);
            var answer = await ActorAnswer.ReadAsync(response, either.Token);
            if (!response.Headers.TryGetValues(Neighbours.ProblemHeader, out var problem)) return answer;
            if (response.StatusCode == HttpStatusCode.MisdirectedRequest) throw new NotHereException(actor);
            if (answer.Body.Length > 0 && JsonSerializer.Deserialize(answer.Body, RelayJson.Default.RelayedError) is { } error)
                throw new DaprError(error.ErrorCode, error.HttpStatus, (StatusCode)error.GrpcCode, error.Message);
            throw new HttpRequestException(Uri.UnescapeDataString(string.Concat(problem)));
        }
        catch (HttpRequestException e) when (AppChannel.WasRefused(e))
        {
            throw new NotHereException(actor);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new HttpRequestException("the sidecar that had the actor is gone");
        }
    }

    private AppChannel ChannelTo(Place place) => _channels.GetOrAdd(place.Host.Address, static a =>
    {
        var address = IPEndPoint.Parse(a);
        return new AppChannel(address.Address.ToString(), address.Port);
    });
}
