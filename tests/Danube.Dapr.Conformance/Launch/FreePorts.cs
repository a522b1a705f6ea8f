using System.Net;
using System.Net.Sockets;

namespace Danube.Dapr.Conformance.Launch;

/// <summary>Ports below the range from which the system takes those of outgoing connections, each handed out once.</summary>
internal static class FreePorts
{
    private const int First = 15000;
    private const int Count = 12000;

    private static readonly Lock Gate = new();
    private static int s_next = Random.Shared.Next(Count);

    public static int Next()
    {
        lock (Gate)
        {
            for (var tries = 0; tries < Count; tries++)
            {
                var port = First + (s_next++ % Count);
                try
                {
                    using var listener = new TcpListener(IPAddress.Loopback, port);
                    listener.Start();
                    return port;
                }
                catch (SocketException)
                {
                    // Taken.
                }
            }
        }
        throw new InvalidOperationException($"No free port from {First} to {First + Count - 1}.");
    }
}
