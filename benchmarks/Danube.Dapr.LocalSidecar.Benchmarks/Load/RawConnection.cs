using System.Buffers.Text;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Danube.Dapr.LocalSidecar.Benchmarks.Load;

/// <summary>HTTP/1.1 on one kept connection, with requests made beforehand: a client that leaves the processor to what is measured.</summary>
internal sealed class RawConnection : IDisposable
{
    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private readonly byte[] _buffer = new byte[64 * 1024];

    public static async Task<RawConnection> OpenAsync(int port)
    {
        var connection = new RawConnection();
        await connection._socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port));
        return connection;
    }

    public static byte[] Request(string method, string path, string? body = null)
    {
        var length = body is null ? "" : $"Content-Type: application/json\r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\n";
        return Encoding.UTF8.GetBytes($"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{length}\r\n{body}");
    }

    /// <returns>The status of the answer, which is read to its end.</returns>
    public async ValueTask<int> SendAsync(ReadOnlyMemory<byte> request)
    {
        for (var sent = 0; sent < request.Length;) sent += await _socket.SendAsync(request[sent..]);
        var received = 0;
        while (true)
        {
            var read = await _socket.ReceiveAsync(_buffer.AsMemory(received));
            if (read == 0) throw new IOException("The sidecar closed the connection.");
            received += read;
            if (Status(_buffer.AsSpan(0, received)) is { } status) return status;
            if (received == _buffer.Length) throw new IOException("The answer is too long.");
        }
    }

    public void Dispose() => _socket.Dispose();

    // Null while the answer is not whole.
    private static int? Status(ReadOnlySpan<byte> answer)
    {
        var end = answer.IndexOf("\r\n\r\n"u8);
        if (end < 0) return null;
        if (!Utf8Parser.TryParse(answer[9..12], out int status, out _)) throw new IOException("This is no HTTP answer.");
        var body = answer[(end + 4)..];
        foreach (var line in answer[..end].Split("\r\n"u8))
        {
            var header = answer[line];
            if (Ascii.EqualsIgnoreCase(header[..Math.Min(15, header.Length)], "content-length:"u8))
            {
                if (!Utf8Parser.TryParse(header[15..].TrimStart((byte)' '), out int length, out _)) throw new IOException("This is no length.");
                return body.Length >= length ? status : null;
            }
            if (Ascii.EqualsIgnoreCase(header[..Math.Min(18, header.Length)], "transfer-encoding:"u8)) return body.EndsWith("0\r\n\r\n"u8) ? status : null;
        }
        return status;
    }
}
