using System.Net.NetworkInformation;

namespace Danube.Dapr.MetricsCollector.Resources.Portable;

/// <summary>Bytes through the machine's real network cards.</summary>
internal static class NetworkTotals
{
    /// <summary>Bytes so far; null when no card tells. Loopback and tunnels do not count: their bytes do not leave the machine, or pass a card as well.</summary>
    public static (double? In, double? Out, string Cards) Read()
    {
        double? received = null, sent = null;
        var cards = new List<string>();
        foreach (var card in NetworkInterface.GetAllNetworkInterfaces())
        {
            if (card.OperationalStatus != OperationalStatus.Up || card.NetworkInterfaceType is NetworkInterfaceType.Loopback or NetworkInterfaceType.Tunnel)
                continue;
            try
            {
                var statistics = card.GetIPStatistics();
                received = (received ?? 0) + statistics.BytesReceived;
                sent = (sent ?? 0) + statistics.BytesSent;
                cards.Add(card.Id);
            }
            catch (Exception error) when (error is NetworkInformationException or PlatformNotSupportedException)
            {
                // A card that was pulled out meanwhile.
            }
        }

        return (received, sent, string.Join(' ', cards));
    }
}
