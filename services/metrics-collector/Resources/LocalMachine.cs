using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;

namespace Danube.Dapr.MetricsCollector.Resources;

/// <summary>Tells whether a host name or address is this machine.</summary>
internal static class LocalMachine
{
    public static bool Has(string host)
    {
        if (string.Equals(host, "localhost", StringComparison.OrdinalIgnoreCase))
            return true;
        try
        {
            var addresses = IPAddress.TryParse(host.Trim('[', ']'), out var literal) ? [literal] : Dns.GetHostAddresses(host);
            return addresses.Any(a => IPAddress.IsLoopback(a) || Own().Contains(a));
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private static HashSet<IPAddress> Own() =>
        [.. NetworkInterface.GetAllNetworkInterfaces().SelectMany(n => n.GetIPProperties().UnicastAddresses).Select(a => a.Address)];
}
