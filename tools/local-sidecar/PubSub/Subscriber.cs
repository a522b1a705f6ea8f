using System.Buffers;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Threading.Channels;
using Danube.Dapr.LocalSidecar.Hosting;
using Danube.Dapr.LocalSidecar.Resiliency;
using Danube.Dapr.LocalSidecar.Tracing;
using Polly.CircuitBreaker;
using Polly.Timeout;

namespace Danube.Dapr.LocalSidecar.PubSub;

/// <summary>Delivers the events of one subscription to the app's instances, one call at a time.</summary>
internal sealed partial class Subscriber(AppGroup group, AppInstance settings, Subscription subscription, InMemoryBroker broker, TimeProvider time, ILogger logger)
{
    private static readonly TimeSpan WaitForApp = TimeSpan.FromMilliseconds(50);
    private readonly Policy? _policy = settings.Components.InboundPolicy(subscription.PubSubName);
    private readonly Tracer _tracer = settings.Tracer;

    private enum Outcome { Done, Retry, Drop }

    public async Task RunAsync(ChannelReader<BrokerMessage> events, CancellationToken cancellationToken)
    {
        try
        {
            while (await events.WaitToReadAsync(cancellationToken))
            {
                if (subscription.Bulk is { } bulk)
                {
                    var entries = await GatherAsync(events, bulk, cancellationToken);
                    if (entries.Count > 0) await DeliverBulkAsync(entries, cancellationToken);
                }
                else if (events.TryRead(out var message))
                {
                    await DeliverAsync(message, cancellationToken);
                }
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The sidecar stops: events that wait are lost with this process, as with any broker in memory.
        }
    }

    private async Task DeliverAsync(BrokerMessage message, CancellationToken cancellationToken)
    {
        var body = subscription.IsRaw ? CloudEvents.WrapRaw(subscription.PubSubName, subscription.Topic, message.Body, message.Metadata) : message.Body;
        var (expired, path, trace) = Inspect(body);
        if (expired) return;
        // A raw event that was published over gRPC has its trace beside it.
        if (!trace.IsValid && !subscription.IsRaw && message.Metadata.TryGetValue("traceid", out var beside)) trace = TraceContext.Parse(beside, null);
        if (path is null)
        {
            // An event that no rule wants counts as handled.
            if (subscription.DeadLetterTopic.Length > 0) await DeadLetterAsync(message, cancellationToken);
            return;
        }
        var outcome = await TryAsync(async (channel, token) =>
        {
            using var span = trace.IsValid ? _tracer.Start("pubsub/" + subscription.Topic, trace, ActivityKind.Consumer) : default;
            using var request = channel.Request(HttpMethod.Post, path, span.Context);
            AddMetadata(request, message);
            request.Content = AppChannel.Content(body, CloudEvents.ContentType);
            using var response = await channel.SendAsync(request, token);
            return await OutcomeAsync(response, token);
        }, cancellationToken);
        await SettleAsync(outcome, message, cancellationToken);
    }

    /// <summary>Runs a delivery under the inbound policy. An app that is not there is waited for: that is no try.</summary>
    private async Task<Outcome> TryAsync(Func<AppChannel, CancellationToken, Task<Outcome>> deliver, CancellationToken cancellationToken)
    {
        async ValueTask<Outcome> Once(CancellationToken token)
        {
            while (true)
            {
                var instance = group.Next();
                if (instance is not { IsReady: true, Channel: { } channel })
                {
                    await Task.Delay(WaitForApp, time, token);
                    continue;
                }
                try
                {
                    var outcome = await deliver(channel, token);
                    return outcome == Outcome.Retry ? throw new CallFailedException("the app asked for a retry") : outcome;
                }
                catch (HttpRequestException e)
                {
                    if (!AppChannel.WasRefused(e) && await channel.AcceptsAsync(TimeSpan.FromMilliseconds(500), token) is not false) throw;
                    instance.Suspect();
                }
            }
        }

        try
        {
            return _policy is null ? await Once(cancellationToken) : await _policy.RunAsync(Once, cancellationToken);
        }
        catch (Exception e) when (e is CallFailedException or HttpRequestException or TimeoutRejectedException or BrokenCircuitException or IOException)
        {
            NotProcessed(logger, group.Runtime.AppId, subscription.PubSubName, subscription.Topic, e.Message);
            return Outcome.Retry;
        }
    }

    private async Task<Outcome> OutcomeAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var code = (int)response.StatusCode;
        if (code == 404)
        {
            Dropped(logger, group.Runtime.AppId, subscription.Topic, "the app answered 404");
            return Outcome.Drop;
        }
        if (code is < 200 or > 299) throw new CallFailedException($"the app answered {code.ToString(CultureInfo.InvariantCulture)}", code);
        var status = Status(await response.Content.ReadAsByteArrayAsync(cancellationToken));
        switch (status)
        {
            case "" or "SUCCESS":
                return Outcome.Done;
            case "DROP":
                Dropped(logger, group.Runtime.AppId, subscription.Topic, "the app answered DROP");
                return Outcome.Drop;
            default:
                return Outcome.Retry;
        }
    }

    private static string Status(byte[] body)
    {
        if (body.Length == 0) return "";
        try
        {
            using var document = JsonDocument.Parse(body);
            return document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty("status", out var status) && status.ValueKind == JsonValueKind.String ? status.GetString()! : "";
        }
        catch (JsonException)
        {
            return "";
        }
    }

    private async Task SettleAsync(Outcome outcome, BrokerMessage message, CancellationToken cancellationToken)
    {
        if (outcome != Outcome.Done && subscription.DeadLetterTopic.Length > 0) await DeadLetterAsync(message, cancellationToken);
    }

    private Task DeadLetterAsync(BrokerMessage message, CancellationToken cancellationToken) => broker.PublishAsync(subscription.DeadLetterTopic, message, cancellationToken);

    /// <summary>Whether the event is too old, where it goes, and its trace.</summary>
    private (bool Expired, string? Path, TraceContext Trace) Inspect(byte[] body)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object) return (false, Path(default), TraceContext.None);
            var expired = root.TryGetProperty("expiration", out var expiration) && expiration.ValueKind == JsonValueKind.String
                && DateTimeOffset.TryParse(expiration.GetString(), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var until) && until < time.GetUtcNow();
            return (expired, Path(root), TraceContext.Parse(Field(root, "traceparent") ?? Field(root, "traceid"), Field(root, "tracestate")));
        }
        catch (JsonException)
        {
            // A raw event on a subscription that is not raw goes as it is.
            return (false, Path(default), TraceContext.None);
        }
    }

    private string? Path(JsonElement cloudEvent)
    {
        foreach (var rule in subscription.Routes)
            if (rule.Expression is null || (cloudEvent.ValueKind == JsonValueKind.Object && rule.Expression.Matches(cloudEvent))) return "/" + rule.Path.TrimStart('/');
        return null;
    }

    private static string? Field(JsonElement root, string name) => root.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private void AddMetadata(HttpRequestMessage request, BrokerMessage? message)
    {
        foreach (var (name, value) in message?.Metadata ?? new Dictionary<string, string>()) request.Headers.TryAddWithoutValidation(Canonical(name), value);
        request.Headers.TryAddWithoutValidation("Pubsubname", subscription.PubSubName);
    }

    // Go writes header names so: the first letter and every letter after a hyphen as a capital.
    internal static string Canonical(string name)
    {
        if (name.Any(static c => !char.IsAsciiLetterOrDigit(c) && !"!#$%&'*+-.^_`|~".Contains(c, StringComparison.Ordinal))) return name;
        return string.Create(name.Length, name, static (span, source) =>
        {
            for (var i = 0; i < source.Length; i++)
                span[i] = i == 0 || source[i - 1] == '-' ? char.ToUpperInvariant(source[i]) : char.ToLowerInvariant(source[i]);
        });
    }

    private async Task<List<(string Id, BrokerMessage Message)>> GatherAsync(ChannelReader<BrokerMessage> events, BulkOptions bulk, CancellationToken cancellationToken)
    {
        var gathered = new List<(string, BrokerMessage)>();
        using var wait = new CancellationTokenSource(TimeSpan.FromMilliseconds(bulk.MaxAwaitDurationMs), time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(wait.Token, cancellationToken);
        try
        {
            while (gathered.Count < bulk.MaxMessagesCount && await events.WaitToReadAsync(either.Token))
                while (gathered.Count < bulk.MaxMessagesCount && events.TryRead(out var message))
                    if (!Inspect(message.Body).Expired) gathered.Add((Guid.NewGuid().ToString(), message));
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // The time to gather is over.
        }
        return gathered;
    }

    private async Task DeliverBulkAsync(List<(string Id, BrokerMessage Message)> entries, CancellationToken cancellationToken)
    {
        foreach (var batch in entries.GroupBy(e => Inspect(e.Message.Body).Path))
        {
            if (batch.Key is null) continue;
            var open = batch.ToList();
            var outcome = await TryAsync(async (channel, token) =>
            {
                using var span = _tracer.Start("pubsub/" + subscription.Topic, Inspect(open[0].Message.Body).Trace, ActivityKind.Consumer);
                using var request = channel.Request(HttpMethod.Post, batch.Key, span.Context);
                AddMetadata(request, null);
                request.Content = AppChannel.Content(BulkBody(open), "application/json");
                using var response = await channel.SendAsync(request, token);
                if ((int)response.StatusCode == 404) return Outcome.Drop;
                if (!response.IsSuccessStatusCode) throw new CallFailedException($"the app answered {(int)response.StatusCode}", (int)response.StatusCode);
                var statuses = BulkStatuses(await response.Content.ReadAsByteArrayAsync(token));
                var dropped = open.Where(e => statuses.GetValueOrDefault(e.Id) == "DROP").ToList();
                // Only what asks for it comes again; an entry that has no answer asks for it too.
                open.RemoveAll(e => statuses.GetValueOrDefault(e.Id) is "SUCCESS" or "DROP");
                foreach (var entry in dropped) await SettleAsync(Outcome.Drop, entry.Message, token);
                return open.Count == 0 ? Outcome.Done : Outcome.Retry;
            }, cancellationToken);
            if (outcome == Outcome.Done) continue;
            foreach (var entry in open) await SettleAsync(outcome, entry.Message, cancellationToken);
        }
    }

    private byte[] BulkBody(List<(string Id, BrokerMessage Message)> entries)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { SkipValidation = true }))
        {
            writer.WriteStartObject();
            writer.WriteStartArray("entries");
            foreach (var (id, message) in entries)
            {
                writer.WriteStartObject();
                writer.WriteString("entryId", id);
                var raw = subscription.IsRaw || CloudEvents.IsRaw(message.Metadata);
                if (raw) writer.WriteBase64String("event", message.Body);
                else
                {
                    writer.WritePropertyName("event");
                    writer.WriteRawValue(message.Body);
                }
                writer.WriteNull("metadata");
                writer.WriteString("contentType", raw ? "application/octet-stream" : CloudEvents.ContentType);
                writer.WriteEndObject();
            }
            writer.WriteEndArray();
            writer.WriteString("id", Guid.NewGuid().ToString());
            writer.WriteStartObject("metadata");
            writer.WriteString("pubsubName", subscription.PubSubName);
            writer.WriteEndObject();
            writer.WriteString("pubsubname", subscription.PubSubName);
            writer.WriteString("topic", subscription.Topic);
            writer.WriteString("type", "com.dapr.event.sent.bulk");
            writer.WriteEndObject();
        }
        return buffer.WrittenSpan.ToArray();
    }

    private static Dictionary<string, string> BulkStatuses(byte[] body)
    {
        var statuses = new Dictionary<string, string>(StringComparer.Ordinal);
        try
        {
            using var document = JsonDocument.Parse(body);
            if (document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty("statuses", out var list) && list.ValueKind == JsonValueKind.Array)
                foreach (var item in list.EnumerateArray())
                    if (Field(item, "entryId") is { } id && Field(item, "status") is { } status) statuses[id] = status;
        }
        catch (JsonException)
        {
            // No answer for any entry: each is to be tried again.
        }
        return statuses;
    }

    [LoggerMessage(LogLevel.Warning, "{appId}: an event of {pubsub}/{topic} was not processed: {problem}")]
    private static partial void NotProcessed(ILogger logger, string appId, string pubsub, string topic, string problem);

    [LoggerMessage(LogLevel.Warning, "{appId}: an event of {topic} is dropped: {reason}")]
    private static partial void Dropped(ILogger logger, string appId, string topic, string reason);
}
