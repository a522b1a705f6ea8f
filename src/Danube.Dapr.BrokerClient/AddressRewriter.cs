using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Danube.Dapr.BrokerClient;

/// <summary>Turns what a broker advertises, often a bind address without a scheme, into an address that can be dialled.</summary>
internal sealed class AddressRewriter(IReadOnlyDictionary<string, string> map)
{
    private readonly Dictionary<string, string> _map = new(map, StringComparer.OrdinalIgnoreCase);

    /// <summary>Null when <paramref name="advertised"/> is empty or no address.</summary>
    public Uri? Rewrite(string advertised, string scheme, string fallbackHost)
    {
        var schemeEnd = advertised.IndexOf("://", StringComparison.Ordinal);
        var authority = (schemeEnd < 0 ? advertised : advertised[(schemeEnd + 3)..]).TrimEnd('/');
        if (!TryParseAuthority(authority, out var host, out var port))
            return null;
        if (IsBindAddress(host))
            host = fallbackHost;
        if (_map.TryGetValue(Join(host, port), out var mapped) && TryParseAuthority(mapped, out var mappedHost, out var mappedPort))
            (host, port) = (mappedHost, mappedPort);
        return new Uri($"{scheme}://{Join(host, port)}");
    }

    /// <summary>The host in an advertised address, unless it is missing or a bind address.</summary>
    public static string? DialableHost(string advertised)
    {
        var schemeEnd = advertised.IndexOf("://", StringComparison.Ordinal);
        var authority = (schemeEnd < 0 ? advertised : advertised[(schemeEnd + 3)..]).TrimEnd('/');
        return TryParseAuthority(authority, out var host, out _) && !IsBindAddress(host) ? host : null;
    }

    public static bool TryParseAuthority(string authority, [NotNullWhen(true)] out string? host, out int port)
    {
        host = null;
        port = 0;
        var colon = authority.LastIndexOf(':');
        if (colon <= 0
            || !int.TryParse(authority.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out port)
            || port is < 1 or > 65535)
            return false;
        var candidate = authority[..colon].TrimStart('[').TrimEnd(']');
        if (Uri.CheckHostName(candidate) == UriHostNameType.Unknown && candidate != "*")
            return false;
        host = candidate;
        return true;
    }

    private static bool IsBindAddress(string host) => host is "0.0.0.0" or "::" or "*";

    private static string Join(string host, int port) =>
        string.Create(CultureInfo.InvariantCulture, $"{(host.Contains(':', StringComparison.Ordinal) ? $"[{host}]" : host)}:{port}");
}
