using System.Diagnostics;
using System.Text.Json;
using Danube.Dapr.LocalSidecar.Hosting;
using Danube.Dapr.LocalSidecar.PubSub;
using Danube.Dapr.LocalSidecar.Tracing;
using Grpc.Core;

namespace Danube.Dapr.LocalSidecar.Api;

/// <summary>One event of a bulk publish.</summary>
internal sealed record BulkEntry(string EntryId, byte[] Event, string ContentType, IReadOnlyDictionary<string, string> Metadata);

/// <summary>The publish side of pub/sub, for both APIs.</summary>
internal static class PublishApi
{
    public static InMemoryBroker Broker(AppInstance app, string name)
    {
        if (app.Components.PubSubs.TryGetValue(name, out var broker)) return broker;
        if (name.Length == 0)
            throw new DaprError("ERR_PUBSUB_EMPTY", 404, StatusCode.InvalidArgument, "pubsub name is empty") { Reason = "DAPR_PUBSUB_NAME_EMPTY", ReasonMetadata = new Dictionary<string, string>() };
        if (app.Components.PubSubs.Count == 0)
            throw new DaprError("ERR_PUBSUB_NOT_CONFIGURED", 400, StatusCode.FailedPrecondition, $"pubsub {name} is not configured") { Reason = "DAPR_PUBSUB_NOT_CONFIGURED", ReasonMetadata = new Dictionary<string, string>() };
        throw new DaprError("ERR_PUBSUB_NOT_FOUND", 404, StatusCode.InvalidArgument, $"pubsub {name} is not found") { Reason = "DAPR_PUBSUB_NOT_FOUND", ReasonMetadata = new Dictionary<string, string>() };
    }

    public static async Task PublishAsync(AppInstance app, string pubSub, string topic, ReadOnlyMemory<byte> data, string contentType, IReadOnlyDictionary<string, string> metadata, TraceContext trace, bool overGrpc, TimeProvider time, CancellationToken cancellationToken)
    {
        var broker = Broker(app, pubSub);
        CheckTopic(pubSub, topic);
        BrokerMessage message;
        try
        {
            message = Message(app, pubSub, topic, data, contentType, metadata, trace, overGrpc, time);
        }
        catch (JsonException e)
        {
            var problem = data.IsEmpty || data.Span.TrimEnd(" \r\n\t"u8)[^1] != (byte)'}' ? "unexpected EOF" : e.Message;
            throw new DaprError("ERR_PUBSUB_CLOUD_EVENTS_SER", 500, StatusCode.InvalidArgument, "cannot create cloudevent")
            {
                Reason = "DAPR_PUBSUB_CLOUD_EVENT_CREATION", Resource = ("pubsub", pubSub, "cannot create cloudevent"),
                ReasonMetadata = new Dictionary<string, string> { ["appID"] = app.AppId, ["error"] = problem },
            };
        }
        await broker.PublishAsync(topic, message, cancellationToken);
    }

    /// <returns>The entries that failed, with why.</returns>
    public static async Task<IReadOnlyList<(string EntryId, string Error)>> PublishBulkAsync(AppInstance app, string pubSub, string topic, IReadOnlyList<BulkEntry> entries, IReadOnlyDictionary<string, string> metadata, TraceContext trace, bool overGrpc, TimeProvider time, CancellationToken cancellationToken)
    {
        var broker = Broker(app, pubSub);
        CheckTopic(pubSub, topic);
        if (entries.Any(static e => e.EntryId.Length == 0) || entries.DistinctBy(static e => e.EntryId, StringComparer.Ordinal).Count() != entries.Count)
            throw Marshalling(app, pubSub, topic, "entryId is duplicated or not present for entry");
        var messages = new List<BrokerMessage>(entries.Count);
        foreach (var entry in entries)
        {
            var all = new Dictionary<string, string>(metadata, StringComparer.Ordinal);
            foreach (var (name, value) in entry.Metadata) all[name] = value;
            // Each entry is a span of its own.
            using var span = app.Tracer.Start("bulkpublish/" + topic, trace, ActivityKind.Producer);
            try
            {
                messages.Add(Message(app, pubSub, topic, entry.Event, entry.ContentType, all, span.Context, overGrpc, time));
            }
            catch (JsonException e)
            {
                throw Marshalling(app, pubSub, topic, e.Message);
            }
        }
        foreach (var message in messages) await broker.PublishAsync(topic, message, cancellationToken);
        return [];
    }

    private static BrokerMessage Message(AppInstance app, string pubSub, string topic, ReadOnlyMemory<byte> data, string contentType, IReadOnlyDictionary<string, string> metadata, TraceContext trace, bool overGrpc, TimeProvider time)
    {
        if (!CloudEvents.IsRaw(metadata))
            return new BrokerMessage(CloudEvents.Wrap(app.AppId, pubSub, topic, data, contentType, metadata, trace, time.GetUtcNow()), metadata);
        // A raw event has no envelope for its trace: over gRPC it goes as metadata.
        if (!overGrpc || !trace.IsValid) return new BrokerMessage(data.ToArray(), metadata);
        return new BrokerMessage(data.ToArray(), new Dictionary<string, string>(metadata, StringComparer.Ordinal) { ["traceid"] = trace.TraceParent });
    }

    private static void CheckTopic(string pubSub, string topic)
    {
        if (topic.Length > 0) return;
        var text = $"topic is empty in pubsub {pubSub}";
        throw new DaprError("ERR_TOPIC_NAME_EMPTY", 404, StatusCode.InvalidArgument, text) { Reason = "DAPR_PUBSUB_TOPIC_NAME_EMPTY", Resource = ("pubsub", pubSub, text), ReasonMetadata = new Dictionary<string, string>() };
    }

    public static DaprError Marshalling(AppInstance app, string pubSub, string topic, string problem)
    {
        var text = $"error marshaling events to bytes for topic {topic} pubsub {pubSub}. error: {problem}";
        return new DaprError("ERR_PUBSUB_EVENTS_SER", 400, StatusCode.InvalidArgument, text)
        {
            Reason = "DAPR_PUBSUB_MARSHAL_EVENTS", Resource = ("pubsub", pubSub, text),
            ReasonMetadata = new Dictionary<string, string> { ["appID"] = app.AppId, ["error"] = problem },
        };
    }
}
