using System.Globalization;
using System.Text.Json;
using System.Threading.Channels;
using Danube.Dapr.LocalSidecar.Resiliency;
using Danube.Dapr.LocalSidecar.Tracing;

namespace Danube.Dapr.LocalSidecar.PubSub;

/// <summary>Delivers the events of one subscription, one call at a time. No event ends it, whatever its rules and the app make of it.</summary>
internal sealed partial class Subscriber(string appId, Subscription subscription, IDelivery delivery, Policy? policy, InMemoryBroker broker, TimeProvider time, ILogger logger)
{
    private volatile Subscription _subscription = subscription;

    /// <summary>What the app says now; an app that came back may say other things than before. An event goes by what holds when it is sent.</summary>
    public Subscription Subscription
    {
        get => _subscription;
        set => _subscription = value;
    }

    /// <summary>Handles a queue until it is cancelled.</summary>
    /// <returns>The event that was under way then and has no answer; null when there is none.</returns>
    public async Task<BrokerMessage?> RunAsync(ChannelReader<BrokerMessage> events, CancellationToken cancellationToken)
    {
        BrokerMessage? current = null;
        try
        {
            while (await events.WaitToReadAsync(cancellationToken))
            {
                // Not under the policy, whose time-out is that of a try: while the app is absent its events stay in the queue.
                await delivery.ReadyAsync(cancellationToken);
                if (_subscription is { Bulk: { } bulk } gathering)
                {
                    var entries = await GatherAsync(events, gathering, bulk, cancellationToken);
                    if (entries.Count > 0) await DeliverBulkAsync(gathering, entries, cancellationToken);
                }
                else if (events.TryRead(out current))
                {
                    await DeliverAsync(current, cancellationToken);
                    current = null;
                }
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The sidecar stops, and events that wait are lost with this process, as with any broker in memory; or a stream ends.
        }
        return current;
    }

    private async Task DeliverAsync(BrokerMessage message, CancellationToken cancellationToken)
    {
        while (await TryAsync(message, cancellationToken) == DeliveryOutcome.Absent) await delivery.ReadyAsync(cancellationToken);
    }

    /// <returns>Absent when the event has to wait for the app; else it is settled.</returns>
    private async Task<DeliveryOutcome> TryAsync(BrokerMessage message, CancellationToken cancellationToken)
    {
        var subscription = _subscription;
        var body = subscription.IsRaw ? CloudEvents.WrapRaw(subscription.PubSubName, subscription.Topic, message.Body, message.Metadata) : message.Body;
        if (Inspect(subscription, body) is not { } inspected)
        {
            await SettleAsync(subscription, DeliveryOutcome.Retry, message, cancellationToken);
            return DeliveryOutcome.Done;
        }
        var (expired, path, trace) = inspected;
        if (expired) return DeliveryOutcome.Done;
        // A raw event that was published over gRPC has its trace beside it.
        if (!trace.IsValid && !subscription.IsRaw && message.Metadata.TryGetValue("traceid", out var beside)) trace = TraceContext.Parse(beside, null);
        if (path is null)
        {
            // An event that no rule wants counts as handled.
            await DeadLetterAsync(subscription, message, cancellationToken);
            return DeliveryOutcome.Done;
        }
        var outgoing = new OutgoingEvent(subscription, message, body, path, trace);
        var outcome = await TryAsync(subscription, token => delivery.SendAsync(outgoing, token), cancellationToken);
        if (outcome == DeliveryOutcome.Drop) Dropped(logger, appId, subscription.Topic);
        await SettleAsync(subscription, outcome, message, cancellationToken);
        return outcome;
    }

    /// <summary>Runs a delivery under the inbound policy.</summary>
    private async Task<DeliveryOutcome> TryAsync(Subscription subscription, Func<CancellationToken, Task<DeliveryOutcome>> deliver, CancellationToken cancellationToken)
    {
        async ValueTask<DeliveryOutcome> Once(CancellationToken token)
        {
            DeliveryOutcome outcome;
            try
            {
                outcome = await deliver(token);
            }
            catch (Exception e) when (e is not (CallFailedException or HttpRequestException) && !IsCancelled(e, token))
            {
                // An answer that cannot be read, a time-out of the connection: the policy may try it again like any other failure.
                throw new CallFailedException(e.Message, null, e);
            }
            return outcome == DeliveryOutcome.Retry ? throw new CallFailedException("the app asked for a retry") : outcome;
        }

        try
        {
            return policy is null ? await Once(cancellationToken) : await policy.RunAsync(Once, cancellationToken);
        }
        catch (Exception e) when (!IsCancelled(e, cancellationToken))
        {
            NotProcessed(logger, appId, subscription.PubSubName, subscription.Topic, e.Message);
            return DeliveryOutcome.Retry;
        }
    }

    private static bool IsCancelled(Exception e, CancellationToken cancellationToken) => e is OperationCanceledException && cancellationToken.IsCancellationRequested;

    private Task SettleAsync(Subscription subscription, DeliveryOutcome outcome, BrokerMessage message, CancellationToken cancellationToken) =>
        outcome is DeliveryOutcome.Retry or DeliveryOutcome.Drop ? DeadLetterAsync(subscription, message, cancellationToken) : Task.CompletedTask;

    private Task DeadLetterAsync(Subscription subscription, BrokerMessage message, CancellationToken cancellationToken) =>
        subscription.DeadLetterTopic.Length > 0 ? broker.PublishAsync(subscription.DeadLetterTopic, message, cancellationToken) : Task.CompletedTask;

    /// <summary>Whether the event is too old, where it goes, and its trace; null when the rules cannot be applied to it.</summary>
    private (bool Expired, string? Path, TraceContext Trace)? Inspect(Subscription subscription, byte[] body)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object) return (false, Path(subscription, default), TraceContext.None);
            var expired = root.TryGetProperty("expiration", out var expiration) && expiration.ValueKind == JsonValueKind.String
                && DateTimeOffset.TryParse(expiration.GetString(), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var until) && until < time.GetUtcNow();
            return (expired, Path(subscription, root), TraceContext.Parse(Field(root, "traceparent") ?? Field(root, "traceid"), Field(root, "tracestate")));
        }
        catch (JsonException)
        {
            // A raw event on a subscription that is not raw goes as it is.
            return (false, Path(subscription, default), TraceContext.None);
        }
        catch (Exception e)
        {
            // For example a pattern that the event itself names, or text with half a character.
            NotProcessed(logger, appId, subscription.PubSubName, subscription.Topic, e.Message);
            return null;
        }
    }

    private static string? Path(Subscription subscription, JsonElement cloudEvent)
    {
        foreach (var rule in subscription.Routes)
            if (rule.Expression is null || (cloudEvent.ValueKind == JsonValueKind.Object && rule.Expression.Matches(cloudEvent))) return rule.Path;
        return null;
    }

    private static string? Field(JsonElement root, string name) => root.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    /// <summary>Finds where an event of a batch goes, and settles one that goes nowhere.</summary>
    private async Task<Gathered?> RouteAsync(Subscription subscription, BrokerMessage message, CancellationToken cancellationToken)
    {
        if (Inspect(subscription, message.Body) is not { } inspected) await SettleAsync(subscription, DeliveryOutcome.Retry, message, cancellationToken);
        else if (inspected is { Expired: false, Path: { } path }) return new Gathered(Guid.NewGuid().ToString(), message, path, inspected.Trace);
        else if (!inspected.Expired) await DeadLetterAsync(subscription, message, cancellationToken);
        return null;
    }

    private async Task<List<Gathered>> GatherAsync(ChannelReader<BrokerMessage> events, Subscription subscription, BulkOptions bulk, CancellationToken cancellationToken)
    {
        var gathered = new List<Gathered>();
        using var wait = new CancellationTokenSource(TimeSpan.FromMilliseconds(bulk.MaxAwaitDurationMs), time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(wait.Token, cancellationToken);
        try
        {
            while (gathered.Count < bulk.MaxMessagesCount && await events.WaitToReadAsync(either.Token))
            {
                while (gathered.Count < bulk.MaxMessagesCount && events.TryRead(out var message))
                {
                    if (await RouteAsync(subscription, message, cancellationToken) is { } entry) gathered.Add(entry);
                }
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // The time to gather is over.
        }
        return gathered;
    }

    private async Task DeliverBulkAsync(Subscription subscription, List<Gathered> entries, CancellationToken cancellationToken)
    {
        while (await TryBulkAsync(subscription, entries, cancellationToken) is { Count: > 0 } absent)
        {
            await delivery.ReadyAsync(cancellationToken);
            (subscription, entries) = (_subscription, []);
            foreach (var message in absent)
                if (await RouteAsync(subscription, message, cancellationToken) is { } entry) entries.Add(entry);
        }
    }

    /// <returns>What has to wait for the app.</returns>
    private async Task<List<BrokerMessage>> TryBulkAsync(Subscription subscription, List<Gathered> entries, CancellationToken cancellationToken)
    {
        List<BrokerMessage> absent = [];
        foreach (var batch in entries.GroupBy(static e => e.Path, StringComparer.Ordinal))
        {
            var open = batch.ToList();
            List<Gathered> dropped = [];
            var outcome = await TryAsync(subscription, async token =>
            {
                var outcomes = await delivery.SendAsync(new OutgoingBatch(subscription, [.. open.Select(static e => (e.Id, e.Message))], batch.Key, open[0].Trace), token);
                if (outcomes is null) return DeliveryOutcome.Absent;
                dropped.AddRange(open.Where(e => outcomes.TryGetValue(e.Id, out var o) && o == DeliveryOutcome.Drop));
                // Only what asks for it comes again; an entry that has no answer asks for it too.
                open.RemoveAll(e => outcomes.TryGetValue(e.Id, out var o) && o != DeliveryOutcome.Retry);
                return open.Count == 0 ? DeliveryOutcome.Done : DeliveryOutcome.Retry;
            }, cancellationToken);
            // Not within a try, whose time-out would leave the rest of them nowhere.
            foreach (var entry in dropped) await SettleAsync(subscription, DeliveryOutcome.Drop, entry.Message, cancellationToken);
            if (outcome == DeliveryOutcome.Absent) absent.AddRange(open.Select(static e => e.Message));
            else if (outcome != DeliveryOutcome.Done) foreach (var entry in open) await SettleAsync(subscription, outcome, entry.Message, cancellationToken);
        }
        return absent;
    }

    private sealed record Gathered(string Id, BrokerMessage Message, string Path, TraceContext Trace);

    [LoggerMessage(LogLevel.Warning, "{appId}: an event of {pubsub}/{topic} was not processed: {problem}")]
    private static partial void NotProcessed(ILogger logger, string appId, string pubsub, string topic, string problem);

    [LoggerMessage(LogLevel.Warning, "{appId}: an event of {topic} is dropped, as the app answered")]
    private static partial void Dropped(ILogger logger, string appId, string topic);
}
