using System.Net;
using System.Net.Sockets;

namespace Danube.Dapr.LocalSidecar.Benchmarks.Load;

/// <summary>A server that answers each request with nothing, in a process of its own: what clients and machine take when a sidecar takes no time at all.</summary>
internal static class Echo
{
    public static async Task ServeAsync(int port)
    {
        using var listener = new TcpListener(IPAddress.Loopback, port);
        listener.Start();
        while (true)
        {
            var socket = await listener.AcceptSocketAsync();
            socket.NoDelay = true;
            _ = Task.Run(() => AnswerAsync(socket));
        }
    }

    private static async Task AnswerAsync(Socket socket)
    {
        using var _ = socket;
        var (buffer, answer) = (new byte[64 * 1024], "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"u8.ToArray());
        try
        {
            // A client sends its next request, small enough for one read, after the answer to the one before.
            while (await socket.ReceiveAsync(buffer) > 0) await socket.SendAsync(answer);
        }
        catch (SocketException)
        {
            // The client is gone.
        }
    }
}
