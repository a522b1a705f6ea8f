using System.Net;
using System.Net.Sockets;

namespace Danube.Dapr.Cli.Up;

/// <summary>Hands out loopback ports: fixed ones from a base, which must be free, or any free ones.</summary>
internal sealed class Ports(int portBase)
{
    /// <summary>Free ports are taken below those that systems give to outgoing connections: one of these could get a port between its choice and its use.</summary>
    private const int FreeLow = 10_000;
    private const int FreeHigh = 32_000;

    private readonly HashSet<int> _given = [];

    /// <summary>The port at <paramref name="offset"/> above the base, or any free one when the base is 0.</summary>
    /// <exception cref="CliException">The port is taken.</exception>
    public int Take(int offset, string purpose)
    {
        if (portBase == 0)
            return Free();
        var port = portBase + offset;
        if (!IsFree(port))
            throw new CliException($"Port {port} ({purpose}) is already taken. Stop what listens there, or choose other ports with --port-base (0 takes free ones).");
        _given.Add(port);
        return port;
    }

    /// <summary>A port that nobody listens on.</summary>
    public int Free()
    {
        while (true)
        {
            var port = Random.Shared.Next(FreeLow, FreeHigh);
            if (_given.Add(port) && IsFree(port))
                return port;
        }
    }

    private static bool IsFree(int port)
    {
        using var listener = new TcpListener(IPAddress.Loopback, port);
        try
        {
            listener.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
