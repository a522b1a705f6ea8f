using System.Buffers;
using System.Diagnostics;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Threading.Channels;

namespace Danube.Dapr.LocalSidecar.Tracing;

/// <summary>A span that has ended.</summary>
/// <param name="Service">The app-id whose sidecar made it.</param>
/// <param name="Context">Its own trace and span id.</param>
/// <param name="Parent">The span above it, or none.</param>
/// <param name="Error">What went wrong, or null.</param>
internal sealed record FinishedSpan(
    string Service, string Name, ActivityKind Kind, TraceContext Context, ActivitySpanId Parent, DateTimeOffset Start, DateTimeOffset End,
    IReadOnlyList<KeyValuePair<string, string>> Tags, string? Error);

/// <summary>
/// Sends spans to Zipkin (API v2, JSON) in batches. A workflow's span has its id long before it ends, maybe in another process, which is why
/// spans here are data and not <see cref="Activity"/>. Calls never wait for Zipkin: when it is away or slow, spans are dropped.
/// </summary>
internal sealed partial class ZipkinExporter : IAsyncDisposable
{
    private const int QueueLength = 8192;
    private const int SpansPerRequest = 512;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LastFlush = TimeSpan.FromSeconds(1);

    private readonly Channel<FinishedSpan> _spans = Channel.CreateBounded<FinishedSpan>(new BoundedChannelOptions(QueueLength) { SingleReader = true, FullMode = BoundedChannelFullMode.DropWrite });
    private readonly HttpMessageInvoker _client = new(new SocketsHttpHandler { UseProxy = false, UseCookies = false, ActivityHeadersPropagator = null, ConnectTimeout = TimeSpan.FromSeconds(5) });
    private readonly CancellationTokenSource _stop = new();
    private readonly Uri _endpoint;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Task _loop;
    private bool _failed;

    public ZipkinExporter(Uri endpoint, TimeProvider time, ILogger logger)
    {
        (_endpoint, _time, _logger) = (endpoint, time, logger);
        _loop = Task.Run(RunAsync);
    }

    public void Export(FinishedSpan span) => _spans.Writer.TryWrite(span);

    /// <summary>Sends what is there, for a second at most.</summary>
    public async ValueTask DisposeAsync()
    {
        _spans.Writer.TryComplete();
        await _stop.CancelAsync();
        await _loop;
        _client.Dispose();
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        var batch = new List<FinishedSpan>(SpansPerRequest);
        while (await _spans.Reader.WaitToReadAsync())
        {
            // Gathers for a moment, so that a busy sidecar sends few requests.
            if (!_stop.IsCancellationRequested) await Task.Delay(Pause, _time, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            while (_spans.Reader.TryRead(out var span))
            {
                batch.Add(span);
                if (batch.Count == SpansPerRequest) await SendAsync(batch);
            }
            await SendAsync(batch);
        }
    }

    private async Task SendAsync(List<FinishedSpan> batch)
    {
        if (batch.Count == 0) return;
        using var limit = new CancellationTokenSource(_stop.IsCancellationRequested ? LastFlush : TimeSpan.FromSeconds(10), _time);
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, _endpoint) { Content = new ReadOnlyMemoryContent(ToJson(batch)) };
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
            using var response = await _client.SendAsync(request, limit.Token);
            if (!response.IsSuccessStatusCode) Report($"it answered {(int)response.StatusCode}");
            else _failed = false;
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException)
        {
            Report(e.Message);
        }
        batch.Clear();
    }

    // Once for each time that Zipkin goes away.
    private void Report(string problem)
    {
        if (!_failed) Lost(_logger, _endpoint, problem);
        _failed = true;
    }

    internal static ReadOnlyMemory<byte> ToJson(IReadOnlyList<FinishedSpan> spans)
    {
        var buffer = new ArrayBufferWriter<byte>(spans.Count * 512);
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { SkipValidation = true }))
        {
            json.WriteStartArray();
            foreach (var span in spans) Write(json, span);
            json.WriteEndArray();
        }
        return buffer.WrittenMemory;
    }

    private static void Write(Utf8JsonWriter json, FinishedSpan span)
    {
        json.WriteStartObject();
        json.WriteString("traceId", span.Context.Context.TraceId.ToHexString());
        json.WriteString("id", span.Context.Context.SpanId.ToHexString());
        if (span.Parent != default) json.WriteString("parentId", span.Parent.ToHexString());
        json.WriteString("name", span.Name);
        if (span.Kind != ActivityKind.Internal) json.WriteString("kind", span.Kind.ToString().ToUpperInvariant());
        json.WriteNumber("timestamp", Microseconds(span.Start - DateTimeOffset.UnixEpoch));
        // Zipkin takes 0 for unknown.
        json.WriteNumber("duration", Math.Max(1, Microseconds(span.End - span.Start)));
        json.WriteStartObject("localEndpoint");
        json.WriteString("serviceName", span.Service);
        json.WriteEndObject();
        if (span.Tags.Count > 0 || span.Error is not null)
        {
            json.WriteStartObject("tags");
            foreach (var (key, value) in span.Tags) json.WriteString(key, value);
            if (span.Error is not null) json.WriteString("error", span.Error);
            json.WriteEndObject();
        }
        json.WriteEndObject();
    }

    private static long Microseconds(TimeSpan span) => span.Ticks / TimeSpan.TicksPerMicrosecond;

    [LoggerMessage(LogLevel.Warning, "Spans cannot be sent to Zipkin at {endpoint} and are dropped: {problem}")]
    private static partial void Lost(ILogger logger, Uri endpoint, string problem);
}
