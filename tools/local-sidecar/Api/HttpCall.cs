using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Danube.Dapr.LocalSidecar.Hosting;

namespace Danube.Dapr.LocalSidecar.Api;

/// <summary>One request to a Dapr HTTP port: its path in parts, and the ways to answer.</summary>
internal sealed class HttpCall(HttpContext http, AppInstance app, string[] parts, Tracing.Span span, long maxBodyBytes)
{
    private static readonly JsonWriterOptions Writing = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public HttpContext Http { get; } = http;

    public AppInstance App { get; } = app;

    /// <summary>The parts of the path as they came, without empty ones: not unescaped.</summary>
    public string[] Parts { get; } = parts;

    public Tracing.Span Span { get; } = span;

    public string Method => Http.Request.Method;

    public CancellationToken Cancelled => Http.RequestAborted;

    public bool IsWrite => Method is "POST" or "PUT";

    /// <summary>A part of the path, unescaped as daprd does it: a plus sign is a space.</summary>
    public string Part(int index) => Unescape(Parts[index]);

    public static string Unescape(string text) => text.AsSpan().IndexOfAny('%', '+') < 0 ? text : Uri.UnescapeDataString(text.Replace('+', ' '));

    /// <summary>The query parameters <c>metadata.NAME</c>.</summary>
    public Dictionary<string, string> Metadata()
    {
        var metadata = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (name, values) in Http.Request.Query)
            if (name.StartsWith("metadata.", StringComparison.OrdinalIgnoreCase)) metadata[name["metadata.".Length..]] = values.ToString();
        return metadata;
    }

    public async Task<byte[]> BodyAsync()
    {
        var length = Http.Request.ContentLength;
        if (length > maxBodyBytes) throw DaprError.Malformed("failed to read body: stream too large");
        if (length is { } known)
        {
            var body = new byte[known];
            await Http.Request.Body.ReadExactlyAsync(body, Cancelled);
            return body;
        }
        var buffer = new MemoryStream();
        try
        {
            await new LimitedStream(Http.Request.Body, maxBodyBytes).CopyToAsync(buffer, Cancelled);
        }
        catch (BodyTooLargeException e)
        {
            throw DaprError.Malformed("failed to read body: " + e.Message);
        }
        return buffer.ToArray();
    }

    public void NoContent() => Http.Response.StatusCode = 204;

    public async Task JsonAsync(int status, ReadOnlyMemory<byte> json)
    {
        Http.Response.StatusCode = status;
        Http.Response.ContentType = "application/json";
        Http.Response.ContentLength = json.Length;
        await Http.Response.Body.WriteAsync(json, Cancelled);
    }

    public Task JsonAsync(Action<Utf8JsonWriter> write, bool newLine = false)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using (var writer = new Utf8JsonWriter(buffer, Writing)) write(writer);
        if (newLine) buffer.Write("\n"u8);
        return JsonAsync(200, buffer.WrittenMemory);
    }

    public Task ErrorAsync(DaprError error)
    {
        Span.Failed(error.Message);
        var buffer = new ArrayBufferWriter<byte>(256);
        using (var writer = new Utf8JsonWriter(buffer, Writing))
        {
            writer.WriteStartObject();
            writer.WriteString("errorCode", error.ErrorCode);
            writer.WriteString("message", error.Message);
            if (error.HasHttpDetails) Details(writer, error);
            writer.WriteEndObject();
        }
        return JsonAsync(error.HttpStatus, buffer.WrittenMemory);
    }

    private static void Details(Utf8JsonWriter writer, DaprError error)
    {
        writer.WriteStartArray("details");
        if (error.BadField is { } bad)
        {
            writer.WriteStartObject();
            writer.WriteString("@type", "type.googleapis.com/google.rpc.BadRequest");
            writer.WriteStartArray("field_violations");
            writer.WriteStartObject();
            writer.WriteString("field", bad.Field);
            writer.WriteString("description", bad.Description);
            writer.WriteEndObject();
            writer.WriteEndArray();
            writer.WriteEndObject();
        }
        if (error.Resource is { } resource)
        {
            writer.WriteStartObject();
            writer.WriteString("@type", "type.googleapis.com/google.rpc.ResourceInfo");
            writer.WriteString("description", resource.Description);
            writer.WriteString("owner", "");
            writer.WriteString("resource_name", resource.Name);
            writer.WriteString("resource_type", resource.Type);
            writer.WriteEndObject();
        }
        writer.WriteStartObject();
        writer.WriteString("@type", "type.googleapis.com/google.rpc.ErrorInfo");
        writer.WriteString("domain", "dapr.io");
        if (error.ReasonMetadata is null) writer.WriteNull("metadata");
        else
        {
            writer.WriteStartObject("metadata");
            foreach (var (name, value) in error.ReasonMetadata) writer.WriteString(name, value);
            writer.WriteEndObject();
        }
        writer.WriteString("reason", error.Reason);
        writer.WriteEndObject();
        writer.WriteEndArray();
    }

    /// <summary>Parses a body, with Go's complaint where the kinds differ.</summary>
    public static JsonDocument Parse(byte[] body, JsonValueKind expected, string goType, string prefix = "")
    {
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(body);
        }
        catch (JsonException e)
        {
            throw DaprError.Malformed(prefix + Complaint(body, e));
        }
        if (document.RootElement.ValueKind == expected) return document;
        var kind = document.RootElement.ValueKind switch { JsonValueKind.Object => "object", JsonValueKind.Array => "array", JsonValueKind.String => "string", JsonValueKind.Number => "number", _ => "bool" };
        document.Dispose();
        throw DaprError.Malformed($"{prefix}json: cannot unmarshal {kind} into Go value of type {goType}");
    }

    private static string Complaint(byte[] body, JsonException e)
    {
        var at = (int)(e.BytePositionInLine ?? 0);
        if (body.AsSpan().Trim(" \r\n\t"u8).IsEmpty || at >= body.Length) return "unexpected end of JSON input";
        var before = Encoding.UTF8.GetString(body.AsSpan(0, at)).TrimEnd();
        var place = before.EndsWith('{') ? "object key string" : "value";
        return $"invalid character '{(char)body[at]}' looking for beginning of {place}";
    }
}
