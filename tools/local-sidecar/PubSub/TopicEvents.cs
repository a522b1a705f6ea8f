using System.Text.Json;
using Danube.Dapr.LocalSidecar.Resiliency;
using Dapr.AppCallback.Autogen.Grpc.v1;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;

namespace Danube.Dapr.LocalSidecar.PubSub;

/// <summary>Envelopes as the messages that gRPC apps and streams get.</summary>
internal static class TopicEvents
{
    // Fields of the message itself; all others of the envelope are its extensions.
    private static readonly HashSet<string> OwnFields = new(StringComparer.Ordinal) { "id", "source", "type", "specversion", "datacontenttype", "data", "data_base64" };

    /// <exception cref="CallFailedException">The event is none that such an app can get.</exception>
    public static TopicEventRequest ToRequest(OutgoingEvent outgoing)
    {
        using var document = Parse(outgoing.Body);
        var envelope = document.RootElement;
        return new TopicEventRequest
        {
            Id = Text(envelope, "id"), Source = Text(envelope, "source"), Type = Text(envelope, "type"), SpecVersion = Text(envelope, "specversion"), DataContentType = Text(envelope, "datacontenttype"),
            Topic = outgoing.Subscription.Topic, PubsubName = outgoing.Subscription.PubSubName, Path = outgoing.Path, Data = Data(envelope), Extensions = Extensions(envelope),
        };
    }

    /// <exception cref="CallFailedException">An event is none that such an app can get.</exception>
    public static TopicEventBulkRequest ToRequest(OutgoingBatch batch) => new()
    {
        Id = Guid.NewGuid().ToString(), Topic = batch.Subscription.Topic, PubsubName = batch.Subscription.PubSubName, Type = "com.dapr.event.sent.bulk", Path = batch.Path,
        Metadata = { ["pubsubName"] = batch.Subscription.PubSubName },
        Entries = { batch.Entries.Select(e => Entry(e.Id, e.Message, batch.IsRaw(e.Message))) },
    };

    private static TopicEventBulkRequestEntry Entry(string id, BrokerMessage message, bool raw)
    {
        if (raw) return new TopicEventBulkRequestEntry { EntryId = id, Bytes = ByteString.CopyFrom(message.Body), ContentType = "application/octet-stream" };
        using var document = Parse(message.Body);
        var envelope = document.RootElement;
        return new TopicEventBulkRequestEntry
        {
            EntryId = id, ContentType = CloudEvents.ContentType,
            CloudEvent = new TopicEventCERequest
            {
                Id = Text(envelope, "id"), Source = Text(envelope, "source"), Type = Text(envelope, "type"), SpecVersion = Text(envelope, "specversion"), DataContentType = Text(envelope, "datacontenttype"),
                Data = Data(envelope), Extensions = Extensions(envelope),
            },
        };
    }

    private static JsonDocument Parse(byte[] body)
    {
        try
        {
            var document = JsonDocument.Parse(body);
            if (document.RootElement.ValueKind == JsonValueKind.Object) return document;
            document.Dispose();
        }
        catch (JsonException)
        {
            // Said below.
        }
        throw new CallFailedException("the event has no envelope; a subscription with rawPayload takes it");
    }

    private static string Text(JsonElement envelope, string name) => envelope.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : "";

    private static ByteString Data(JsonElement envelope)
    {
        if (envelope.TryGetProperty("data_base64", out var binary) && binary.ValueKind != JsonValueKind.Null)
            return binary.ValueKind == JsonValueKind.String && binary.TryGetBytesFromBase64(out var bytes) ? UnsafeByteOperations.UnsafeWrap(bytes) : throw new CallFailedException("the event's data_base64 is no base64 text");
        if (!envelope.TryGetProperty("data", out var data) || data.ValueKind == JsonValueKind.Null) return ByteString.Empty;
        var media = Text(envelope, "datacontenttype").Split(';')[0].Trim().ToLowerInvariant();
        if (media.StartsWith("text/", StringComparison.Ordinal) || media == "application/xml")
            return data.ValueKind == JsonValueKind.String ? ByteString.CopyFromUtf8(data.GetString()!) : throw new CallFailedException($"the event's data are no text, but its content type is {media}");
        // What is neither text nor JSON has its data in base64, or none.
        return media == "application/json" || media.EndsWith("+json", StringComparison.Ordinal) ? ByteString.CopyFromUtf8(data.GetRawText()) : ByteString.Empty;
    }

    private static Struct Extensions(JsonElement envelope)
    {
        var extensions = new Struct();
        foreach (var property in envelope.EnumerateObject())
            if (!OwnFields.Contains(property.Name)) extensions.Fields[property.Name] = Value.Parser.ParseJson(property.Value.GetRawText());
        return extensions;
    }
}
