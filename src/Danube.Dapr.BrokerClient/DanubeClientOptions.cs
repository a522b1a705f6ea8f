namespace Danube.Dapr.BrokerClient;

/// <summary>How to reach a Danube cluster.</summary>
public sealed record DanubeClientOptions
{
    /// <summary>Admin addresses to find the cluster through, for example <c>http://broker1:50051</c>. One that answers is enough. At least one.</summary>
    public required IReadOnlyList<Uri> Seeds { get; init; }

    /// <summary>Deadline of one call including its retries. Default 5 s; above 0 and at most 5 minutes.</summary>
    public TimeSpan CallTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Attempts of a call that may be repeated and answers UNAVAILABLE, 1 to 5; 1 means no retry. Default 3, with back-off from 100 ms.</summary>
    public int MaxAttempts { get; init; } = 3;

    /// <summary>How long a discovered topology is taken as true before it is read again. Default 5 s; a failed call ends it at once.</summary>
    public TimeSpan TopologyMaxAge { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>JSON web token for clusters with authentication, sent as <c>authorization: Bearer</c>; null sends none.</summary>
    public string? Token { get; init; }

    /// <summary>True when the admin ports speak TLS (<c>admin_tls: true</c>). The advertised scheme says nothing about it: Danube writes <c>https</c> for any authentication.</summary>
    public bool AdminTls { get; init; }

    /// <summary>True when the client ports speak TLS (<c>auth.mode: tls</c>).</summary>
    public bool ClientTls { get; init; }

    /// <summary>Path of a PEM file with the certificate authorities to trust instead of the machine's; null trusts the machine's.</summary>
    public string? TrustedCaFile { get; init; }

    /// <summary>
    /// Replacements for advertised addresses, <c>host:port</c> to <c>host:port</c>, applied after a bind address such as 0.0.0.0 was replaced by
    /// the host of the broker's client address. For example <c>broker2:50051</c> to <c>localhost:50052</c> for containers with mapped ports.
    /// </summary>
    public IReadOnlyDictionary<string, string> AddressMap { get; init; } = new Dictionary<string, string>();

    /// <summary>Time limit of one metrics fetch. Default 5 s.</summary>
    public TimeSpan MetricsTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Size limit of one metrics text in bytes. Default 64 MiB (a broker writes about 4.6 KB per active topic).</summary>
    public int MetricsMaxBytes { get; init; } = 64 * 1024 * 1024;

    /// <summary>Checks every value.</summary>
    /// <exception cref="ArgumentException">A value is missing or out of its range; the message names it, its value and what is allowed.</exception>
    public void Validate()
    {
        if (Seeds is null || Seeds.Count == 0)
            throw new ArgumentException("Seeds is empty: at least one admin address such as http://broker1:50051 is needed.", nameof(Seeds));
        foreach (var seed in Seeds)
        {
            if (!seed.IsAbsoluteUri || seed.Scheme is not ("http" or "https"))
                throw new ArgumentException($"Seeds has '{seed}': allowed is an absolute http or https address such as http://broker1:50051.", nameof(Seeds));
        }

        RequireSpan(CallTimeout, nameof(CallTimeout));
        RequireSpan(MetricsTimeout, nameof(MetricsTimeout));
        if (TopologyMaxAge < TimeSpan.Zero)
            throw new ArgumentException($"TopologyMaxAge is {TopologyMaxAge}: allowed is 0 or more.", nameof(TopologyMaxAge));
        if (MaxAttempts is < 1 or > 5)
            throw new ArgumentException($"MaxAttempts is {MaxAttempts}: allowed is 1 to 5.", nameof(MaxAttempts));
        if (MetricsMaxBytes < 1024)
            throw new ArgumentException($"MetricsMaxBytes is {MetricsMaxBytes}: allowed is 1024 or more.", nameof(MetricsMaxBytes));
        foreach (var (from, to) in AddressMap)
        {
            if (!AddressRewriter.TryParseAuthority(from, out _, out _) || !AddressRewriter.TryParseAuthority(to, out _, out _))
                throw new ArgumentException($"AddressMap has '{from}' to '{to}': allowed is host:port to host:port.", nameof(AddressMap));
        }
    }

    private static void RequireSpan(TimeSpan value, string name)
    {
        if (value <= TimeSpan.Zero || value > TimeSpan.FromMinutes(5))
            throw new ArgumentException($"{name} is {value}: allowed is above 0 and at most 5 minutes.", name);
    }
}
