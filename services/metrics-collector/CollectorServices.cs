using System.Security.Cryptography;
using Danube.Dapr.BrokerClient;
using Danube.Dapr.Contracts;
using Danube.Dapr.MetricsCollector.Cluster;
using Danube.Dapr.MetricsCollector.Publishing;
using Danube.Dapr.MetricsCollector.Resources;
using Danube.Dapr.MetricsCollector.Rounds;
using Danube.Dapr.ServiceDefaults;
using Microsoft.Extensions.Options;

namespace Danube.Dapr.MetricsCollector;

/// <summary>Registers the collector.</summary>
internal static class CollectorServices
{
    public static WebApplicationBuilder AddCollector(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddOptionsWithValidateOnStart<CollectorOptions, CollectorOptionsValidator>()
            .BindConfiguration(CollectorOptions.SectionName)
            .PostConfigure<IConfiguration>(TakeSeedsFromOneText);
        services.AddRequestValidators(typeof(CollectorServices).Assembly);
        services.ConfigureHttpJsonOptions(json => ContractsJson.Configure(json.SerializerOptions));
        services.AddDaprClient(dapr => dapr.UseJsonSerializationOptions(ContractsJson.Wire));
        services.AddSingleton(p => new DanubeCluster(ClientOptions(p.GetRequiredService<IOptions<CollectorOptions>>().Value), p.GetRequiredService<TimeProvider>()));
        services.AddSingleton<IDanubeSource, DanubeSource>();
        services.AddSingleton<IReportPublisher, DaprReportPublisher>();
        services.AddSingleton(p => new SequenceNumbers(p.GetRequiredService<TimeProvider>(), RandomNumberGenerator.GetInt32(SequenceNumbers.Tags)));
        services.AddSingleton(p => Reachability(p, p.GetRequiredService<IOptions<CollectorOptions>>().Value));
        services.AddResourceReaders();
        services.AddSingleton<ResourceMonitor>();
        services.AddSingleton<CollectorMetrics>();
        services.AddSingleton<Collector>();
        services.AddHostedService<RoundLoop>();
        services.AddHostedService<ProbeLoop>();
        services.AddHostedService<SampleLoop>();
        return builder;
    }

    /// <summary><c>Collector:Seeds</c> as one text with commas: a list is awkward in an environment variable or an argument.</summary>
    private static void TakeSeedsFromOneText(CollectorOptions options, IConfiguration configuration)
    {
        if (options.Seeds.Count == 0 && configuration[$"{CollectorOptions.SectionName}:{nameof(options.Seeds)}"] is { } text)
            options.Seeds = text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
    }

    internal static DanubeClientOptions ClientOptions(CollectorOptions options) => new()
    {
        Seeds = [.. options.Seeds.Select(s => new Uri(s))],
        // A question goes to the next broker when one hangs: that one must not use up the question's whole time.
        CallTimeout = TimeSpan.FromSeconds(options.CallTimeoutSeconds / 2),
        MetricsTimeout = TimeSpan.FromSeconds(options.ScrapeTimeoutSeconds),
        MetricsMaxBytes = options.ScrapeMaxBytes,
        Token = options.Token.Length == 0 ? null : options.Token,
        AdminTls = options.AdminTls,
        ClientTls = options.ClientTls,
        TrustedCaFile = options.TrustedCaFile.Length == 0 ? null : options.TrustedCaFile,
        AddressMap = options.AddressMap.Select(a => a.Split('=')).ToDictionary(a => a[0], a => a[1]),
    };

    private static Reachability Reachability(IServiceProvider services, CollectorOptions options) => new(
        services.GetRequiredService<IDanubeSource>(), services.GetRequiredService<TimeProvider>(), TimeSpan.FromSeconds(options.ProbeTimeoutSeconds), options.ProbeFailures);
}
