using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;

namespace Danube.Dapr.MetricsCollector.Resources;

/// <summary>Tells which addresses a host name stands for, and whether they are this machine's.</summary>
internal static class LocalMachine
{
    public static bool Has(string host)
    {
        var own = Own();
        return Addresses(host).Any(a => IPAddress.IsLoopback(a) || own.Contains(a));
    }

    /// <summary>The addresses of a host; none when its name cannot be resolved.</summary>
    public static IReadOnlyList<IPAddress> Addresses(string host)
    {
        if (string.Equals(host, "localhost", StringComparison.OrdinalIgnoreCase))
            return [IPAddress.Loopback];
        try
        {
            return IPAddress.TryParse(host.Trim('[', ']'), out var literal) ? [literal] : Dns.GetHostAddresses(host);
        }
        catch (SocketException)
        {
            return [];
        }
    }

    private static HashSet<IPAddress> Own() =>
        [.. NetworkInterface.GetAllNetworkInterfaces().SelectMany(n => n.GetIPProperties().UnicastAddresses).Select(a => a.Address)];
}
