using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;

namespace Danube.Dapr.Workflow.Engine;

/// <summary>Turns payloads into JSON text and back, within the size that may be stored.</summary>
internal sealed class Payloads(JsonSerializerOptions json, int maxBytes)
{
    /// <summary>Writes a value; null has no text. <paramref name="what"/> names the payload in the error.</summary>
    public string? Write(object? value, string what)
    {
        if (value is null)
            return null;
        string text = JsonSerializer.Serialize(value, value.GetType(), json);
        int bytes = Encoding.UTF8.GetByteCount(text);
        return bytes <= maxBytes
            ? text
            : throw new WorkflowPayloadTooLargeException(
                $"The {what} has {bytes} bytes of JSON; at most {maxBytes} are allowed (WorkflowRuntimeOptions.MaxPayloadBytes). Pass a reference to the data instead.");
    }

    public T Read<T>(string? text, string what) => (T)Read(typeof(T), text, what)!;

    public object? Read(Type type, string? text, string what)
    {
        if (string.IsNullOrEmpty(text))
            return type.IsValueType && Nullable.GetUnderlyingType(type) is null ? RuntimeHelpers.GetUninitializedObject(type) : null;
        try
        {
            return JsonSerializer.Deserialize(text, type, json);
        }
        catch (JsonException e)
        {
            throw new JsonException($"The {what} cannot be read as {type}: {e.Message}", e);
        }
    }
}
