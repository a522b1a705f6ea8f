using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using Grpc.Core;

namespace Danube.Dapr.BrokerClient;

/// <summary>Fetches a broker's metrics text within a time and a size.</summary>
internal sealed class MetricsFetcher(DanubeClientOptions options, TimeProvider time) : IDisposable
{
    private const string Operation = "metrics";
    private const int ChunkBytes = 64 * 1024;

    /// <summary>Length of each broker's last text: the next one is about as long, and buffers that grow by doubling cost three times their size.</summary>
    private readonly ConcurrentDictionary<Uri, int> _lengths = new();

    private readonly HttpClient _http = new(new SocketsHttpHandler { PooledConnectionIdleTimeout = TimeSpan.FromMinutes(2) })
    {
        Timeout = Timeout.InfiniteTimeSpan,
    };

    public async Task<MetricsText> FetchAsync(string brokerId, Uri address, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(options.MetricsTimeout);
        var started = time.GetTimestamp();
        try
        {
            using var response = await _http.GetAsync(new Uri(address, "/metrics"), HttpCompletionOption.ResponseHeadersRead, limit.Token).ConfigureAwait(false);
            if (response.StatusCode != HttpStatusCode.OK)
                throw new DanubeUnexpectedAnswerException(address, Operation, string.Create(CultureInfo.InvariantCulture, $"HTTP status {(int)response.StatusCode}"));
            var readAt = time.GetUtcNow();
            var text = await ReadAsync(response, address, limit.Token).ConfigureAwait(false);
            return new MetricsText(brokerId, address, text, readAt, time.GetElapsedTime(started));
        }
        catch (OperationCanceledException error) when (!cancellationToken.IsCancellationRequested)
        {
            throw new DanubeUnreachableException(address, Operation, StatusCode.DeadlineExceeded, $"not finished within {options.MetricsTimeout}", error);
        }
        catch (Exception error) when (error is HttpRequestException or IOException)
        {
            throw new DanubeUnreachableException(address, Operation, StatusCode.Unavailable, error.Message, error);
        }
    }

    private async Task<ReadOnlyMemory<byte>> ReadAsync(HttpResponseMessage response, Uri address, CancellationToken cancellationToken)
    {
        if (response.Content.Headers.ContentLength > options.MetricsMaxBytes)
            throw TooLarge(address);
        var stream = await response.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
        await using (stream.ConfigureAwait(false))
        {
            var expected = (int)(response.Content.Headers.ContentLength ?? (_lengths.TryGetValue(address, out var last) ? last + (last / 16L) : ChunkBytes));
            var buffer = new byte[Math.Min(options.MetricsMaxBytes, expected) + 1];
            var length = 0;
            while (true)
            {
                var read = await stream.ReadAsync(buffer.AsMemory(length), cancellationToken).ConfigureAwait(false);
                length += read;
                if (length > options.MetricsMaxBytes)
                    throw TooLarge(address);
                if (read == 0)
                {
                    _lengths[address] = length;
                    return buffer.AsMemory(0, length);
                }

                if (length == buffer.Length)
                    Array.Resize(ref buffer, (int)Math.Min(options.MetricsMaxBytes + 1L, buffer.Length * 2L));
            }
        }
    }

    private DanubeUnexpectedAnswerException TooLarge(Uri address) =>
        new(address, Operation, string.Create(CultureInfo.InvariantCulture, $"more than {options.MetricsMaxBytes} bytes"));

    public void Dispose() => _http.Dispose();
}
