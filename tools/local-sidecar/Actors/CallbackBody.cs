using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Danube.Dapr.LocalSidecar.Actors;

/// <summary>The bodies of reminder and timer callbacks.</summary>
internal static class CallbackBody
{
    /// <summary>Due time and period are always empty, as they are since reminders are scheduled outside the app's sidecar.</summary>
    public static byte[] Reminder(string? dataJson) => Write(dataJson, null, "", "");

    /// <summary>Due time and period as they were registered.</summary>
    public static byte[] Timer(ActorTimer timer) => Write(timer.DataJson, timer.Callback, timer.DueTime, timer.Period);

    /// <summary>Whether the app wants no further ticks.</summary>
    public static bool AsksToCancel(HttpResponseMessage response) =>
        response.Headers.TryGetValues("X-DaprReminderCancel", out var values) && values.Any(static v => string.Equals(v, "true", StringComparison.OrdinalIgnoreCase));

    private static byte[] Write(string? dataJson, string? callback, string dueTime, string period)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            writer.WriteStartObject();
            writer.WritePropertyName("data");
            if (dataJson is null) writer.WriteStringValue("");
            else writer.WriteRawValue(dataJson);
            if (callback is not null) writer.WriteString("callback", callback);
            writer.WriteString("dueTime", dueTime);
            writer.WriteString("period", period);
            writer.WriteEndObject();
        }
        return buffer.WrittenSpan.ToArray();
    }
}
