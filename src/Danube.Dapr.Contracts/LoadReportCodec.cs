using System.IO.Compression;
using System.Text.Json;

namespace Danube.Dapr.Contracts;

/// <summary>
/// Packs and unpacks load reports. A report that is too large for one message travels in several; they carry the same sequence number and are put together by
/// <see cref="Decode"/>. See <c>docs/measurement.md</c> for the encodings.
/// </summary>
public static class LoadReportCodec
{
    /// <summary>Encoding <c>json-br</c>: the report as JSON, compressed with Brotli, in one message. Exact; read, no longer written.</summary>
    public const string JsonBrotli = "json-br";

    /// <summary>Encoding <c>columns-br</c>: the head as JSON and the topics as quantised columns, compressed with Brotli. Messages per second within 1 percent, bytes per second within 2, counts exact.</summary>
    public const string ColumnsBrotli = "columns-br";

    /// <summary>Encoding <c>columns-ref-br</c>: as <see cref="ColumnsBrotli"/>, but the names refer to those of an earlier report, which the message names.</summary>
    public const string ColumnsReferring = "columns-ref-br";

    /// <summary>Largest body of one message in bytes: with Base64 and its head the message stays below 10,240 bytes of JSON.</summary>
    public const int MaxBodyBytes = 7_440;

    /// <summary>Largest report that is unpacked, in bytes: more can only be a fault or an attack.</summary>
    internal const int MaxUnpackedBytes = 256 * 1024 * 1024;

    /// <summary>Brotli's quality, 0 to 11: above 9 it takes ten times the time for 3 percent less.</summary>
    private const int Quality = 9;

    /// <summary>Packs <paramref name="report"/> into one or more messages.</summary>
    /// <param name="report">The report; topics ordered by name pack best.</param>
    public static IReadOnlyList<LoadReportMessage> Encode(LoadReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        return Cut(report, ColumnsBrotli, null, LoadReportColumns.Write(report));
    }

    /// <summary>Packs <paramref name="report"/> with references to <paramref name="names"/>; null when its topics are not in order.</summary>
    internal static IReadOnlyList<LoadReportMessage>? Encode(LoadReport report, LoadReportNames names) =>
        names.Refer(report.Topics) is { } description ? Cut(report, ColumnsReferring, names.Id, LoadReportColumns.Write(report, description)) : null;

    private static IReadOnlyList<LoadReportMessage> Cut(LoadReport report, string encoding, string? names, byte[] plain)
    {
        var body = Pack(plain);
        var chunks = (body.Length + MaxBodyBytes - 1) / MaxBodyBytes;
        return
        [
            .. Enumerable.Range(0, chunks).Select(i => new LoadReportMessage(
                report.BrokerId, report.Sequence, encoding, body[(i * MaxBodyBytes)..Math.Min(body.Length, (i + 1) * MaxBodyBytes)], i, chunks, report.Collector, names)),
        ];
    }

    /// <summary>Unpacks the messages of one report; they may be in any order.</summary>
    /// <param name="messages">Every message of the report, once.</param>
    /// <param name="names">The names that the messages refer to, if they do; <see cref="LoadReportReader"/> keeps them.</param>
    /// <exception cref="InvalidDataException">A chunk is missing or of another report, the encoding is unknown, the names are in another report or the body is not a load report.</exception>
    public static LoadReport Decode(IReadOnlyList<LoadReportMessage> messages, LoadReportNames? names = null)
    {
        ArgumentNullException.ThrowIfNull(messages);
        if (messages.Count == 0)
            throw new InvalidDataException("A load report is at least one message, but none was given.");
        var first = messages[0];
        var body = Join(messages);
        try
        {
            return first.Encoding switch
            {
                ColumnsBrotli => LoadReportColumns.Read(Unpack(body)),
                ColumnsReferring when names is not null && names.Id == first.Names => LoadReportColumns.Read(Unpack(body), names),
                ColumnsReferring => throw new InvalidDataException($"it refers to the names {first.Names}, which are not known here"),
                JsonBrotli => JsonSerializer.Deserialize(Unpack(body), ContractsJson.Default.LoadReport) ?? throw new InvalidDataException("it is empty"),
                _ => throw new InvalidDataException($"its encoding '{first.Encoding}' is not known; known are '{ColumnsBrotli}', '{ColumnsReferring}' and '{JsonBrotli}'"),
            };
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or InvalidDataException or IOException)
        {
            throw new InvalidDataException($"Load report {first.Sequence} of broker {first.BrokerId} cannot be read: {e.Message}", e);
        }
    }

    private static byte[] Join(IReadOnlyList<LoadReportMessage> messages)
    {
        var first = messages[0];
        if (messages.Any(m => m.BrokerId != first.BrokerId || m.Sequence != first.Sequence || m.Encoding != first.Encoding || m.Names != first.Names || m.Chunks != first.Chunks))
            throw new InvalidDataException("The messages are not of one load report: broker, sequence, encoding, names or number of chunks differ.");
        if (messages.Count != first.Chunks || messages.Select(m => m.Chunk).Order().Where((chunk, i) => chunk != i).Any())
            throw new InvalidDataException(
                $"Load report {first.Sequence} of broker {first.BrokerId} is {first.Chunks} messages, but {messages.Count} were given: {string.Join(", ", messages.Select(m => m.Chunk).Order())}.");
        return messages.Count == 1 ? first.Body : [.. messages.OrderBy(m => m.Chunk).SelectMany(m => m.Body)];
    }

    private static byte[] Pack(byte[] plain)
    {
        using var packed = new MemoryStream();
        using (var brotli = new BrotliStream(packed, new BrotliCompressionOptions { Quality = Quality }, leaveOpen: true))
            brotli.Write(plain);
        return packed.ToArray();
    }

    private static byte[] Unpack(byte[] body)
    {
        using var brotli = new BrotliStream(new MemoryStream(body), CompressionMode.Decompress);
        using var plain = new MemoryStream();
        var buffer = new byte[64 * 1024];
        for (int read; (read = brotli.Read(buffer)) > 0;)
        {
            if (plain.Length + read > MaxUnpackedBytes)
                throw new InvalidDataException($"it unpacks to more than {MaxUnpackedBytes} bytes");
            plain.Write(buffer, 0, read);
        }

        return plain.ToArray();
    }
}
