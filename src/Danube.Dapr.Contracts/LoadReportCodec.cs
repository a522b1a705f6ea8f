using System.IO.Compression;
using System.Text.Json;

namespace Danube.Dapr.Contracts;

/// <summary>Packs and unpacks load reports.</summary>
public static class LoadReportCodec
{
    /// <summary>Encoding <c>json-br</c>: the report as JSON, compressed with Brotli.</summary>
    public const string JsonBrotli = "json-br";

    /// <summary>Packs <paramref name="report"/> into one or more messages.</summary>
    public static IReadOnlyList<LoadReportMessage> Encode(LoadReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        using var packed = new MemoryStream();
        using (var brotli = new BrotliStream(packed, CompressionLevel.Optimal, leaveOpen: true))
            JsonSerializer.Serialize(brotli, report, ContractsJson.Default.LoadReport);
        return [new LoadReportMessage(report.BrokerId, report.Sequence, JsonBrotli, packed.ToArray())];
    }

    /// <summary>Unpacks the messages of one report; they may be in any order.</summary>
    /// <exception cref="InvalidDataException">A chunk is missing, the encoding is unknown or the body is not a load report.</exception>
    public static LoadReport Decode(IReadOnlyList<LoadReportMessage> messages)
    {
        ArgumentNullException.ThrowIfNull(messages);
        if (messages.Count != 1)
            throw new InvalidDataException($"A '{JsonBrotli}' load report is one message, but {messages.Count} were given.");
        var message = messages[0];
        if (message.Encoding != JsonBrotli)
            throw new InvalidDataException($"Load report encoding '{message.Encoding}' is not known; known: '{JsonBrotli}'.");
        try
        {
            using var brotli = new BrotliStream(new MemoryStream(message.Body), CompressionMode.Decompress);
            return JsonSerializer.Deserialize(brotli, ContractsJson.Default.LoadReport)
                ?? throw new InvalidDataException("The load report's body is empty.");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new InvalidDataException($"The body of load report {message.Sequence} of broker {message.BrokerId} cannot be read: {e.Message}", e);
        }
    }
}
