using Danube.Dapr.BrokerClient;
using Microsoft.Extensions.Options;

namespace Danube.Dapr.Rebalancer.Options;

/// <summary>Configuration section <c>Danube</c>: how the cluster is reached.</summary>
internal sealed class DanubeOptions
{
    public const string Section = "Danube";

    /// <summary>Admin addresses to find the cluster through, <c>http://host:50051</c>; one that answers is enough. At least one. One text with commas is taken too.</summary>
    public IList<string> Seeds { get; set; } = [];

    /// <summary>Limit of one admin call with its retries. 0.1 to 300; default 5.</summary>
    public double CallTimeoutSeconds { get; set; } = 5;

    /// <summary>JSON web token for a cluster with authentication; empty sends none.</summary>
    public string Token { get; set; } = "";

    /// <summary>True when the admin ports speak TLS.</summary>
    public bool AdminTls { get; set; }

    /// <summary>True when the client ports speak TLS.</summary>
    public bool ClientTls { get; set; }

    /// <summary>PEM file of the certificate authorities to trust; empty trusts the machine's.</summary>
    public string TrustedCaFile { get; set; } = "";

    /// <summary>Replacements of advertised addresses, each <c>host:port=host:port</c>.</summary>
    public IList<string> AddressMap { get; set; } = [];

    /// <exception cref="FormatException">A seed or a replacement cannot be read.</exception>
    internal DanubeClientOptions ToClient() => new()
    {
        Seeds = [.. Seeds.Select(s => Uri.TryCreate(s, UriKind.Absolute, out var seed) ? seed : throw new FormatException($"{Section}:Seeds has '{s}', allowed: an address such as http://broker1:50051."))],
        CallTimeout = TimeSpan.FromSeconds(CallTimeoutSeconds),
        Token = Token.Length == 0 ? null : Token,
        AdminTls = AdminTls,
        ClientTls = ClientTls,
        TrustedCaFile = TrustedCaFile.Length == 0 ? null : TrustedCaFile,
        AddressMap = AddressMap.Select(a => a.Split('=') is { Length: 2 } parts
            ? parts
            : throw new FormatException($"{Section}:AddressMap has '{a}', allowed: host:port=host:port.")).ToDictionary(a => a[0], a => a[1]),
    };
}

/// <summary>Checks the section before the service starts.</summary>
internal sealed class DanubeOptionsValidator : IValidateOptions<DanubeOptions>
{
    public ValidateOptionsResult Validate(string? name, DanubeOptions options)
    {
        try
        {
            options.ToClient().Validate();
            return ValidateOptionsResult.Success;
        }
        catch (Exception error) when (error is ArgumentException or FormatException or OverflowException)
        {
            return ValidateOptionsResult.Fail($"{DanubeOptions.Section}: {error.Message}");
        }
    }
}
