using System.Diagnostics;
using System.Globalization;
using Danube.Dapr.Contracts;

namespace Danube.Dapr.Cli.Up;

/// <summary>How a service is started: its ports, its sidecar's ports, and the settings of the run.</summary>
internal static class ServiceStart
{
    public static ProcessStartInfo Of(ServiceEndpoint service, IReadOnlyList<Uri> seeds, UpSettings settings)
    {
        var start = Programs.StartInfo(service.AppId, []);
        start.WorkingDirectory = Path.GetDirectoryName(Programs.Find(service.AppId));
        var environment = start.Environment;
        environment["ASPNETCORE_URLS"] = service.Address.ToString();
        environment["DAPR_HTTP_PORT"] = service.DaprHttpPort.ToString(CultureInfo.InvariantCulture);
        environment["DAPR_GRPC_PORT"] = service.DaprGrpcPort.ToString(CultureInfo.InvariantCulture);
        environment["DOTNET_gcServer"] = "0";
        environment["Telemetry__ZipkinEndpoint"] = settings.Zipkin?.ToString() ?? "";
        foreach (var (key, value) in Settings(service.AppId, seeds, settings))
            environment[key.Replace(":", "__", StringComparison.Ordinal)] = value;
        return start;
    }

    /// <summary>The demonstration policy: what it changes against the services' own defaults, which are those of production.</summary>
    internal static IEnumerable<(string Key, string Value)> Settings(string appId, IReadOnlyList<Uri> seeds, UpSettings settings) => appId switch
    {
        DaprNames.Apps.MetricsCollector =>
        [
            .. Seeds("Collector", seeds),
            ("Collector:IntervalSeconds", "1"),
            ("Collector:ProbeIntervalSeconds", "1"),
            .. settings.Simulated ? [("Collector:Targets:0:Kind", "host")] : Array.Empty<(string, string)>(),
        ],
        DaprNames.Apps.Ranking =>
        [
            ("Ranking:StaleAfterSeconds", "10"),
            ("Ranking:StrandedAfterSeconds", "5"),
        ],
        DaprNames.Apps.Rebalancer =>
        [
            .. Seeds("Danube", seeds),
            ("Rebalancer:Mode", settings.Simulated || settings.Move ? "auto" : "advise"),
            ("Rebalancer:StorageMode", settings.Simulated ? "shared_fs" : settings.StorageMode),
            ("Rebalancer:Policy", "aggressive"),
            ("Rebalancer:CheckIntervalSeconds", "2"),
            ("Rebalancer:SustainedSeconds", "3"),
            ("Rebalancer:MaxMovesPerCycle", "200"),
            ("Rebalancer:MaxMovesPerHour", "5000"),
            ("Rebalancer:MaxMovesPerBrokerPerHour", "5000"),
            ("Rebalancer:MaxMovesPerNamespacePerHour", "5000"),
            ("Rebalancer:CoolDownSeconds", "30"),
            ("Rebalancer:MinTopicAgeSeconds", "0"),
            ("Rebalancer:MaxReportAgeSeconds", "10"),
            ("Rebalancer:StrandedAfterSeconds", "5"),
            ("Rebalancer:Repair", settings.Simulated ? "auto" : "advise"),
            ("Rebalancer:RepeatedCycleSeconds", "30"),
        ],
        _ => [],
    };

    private static IEnumerable<(string Key, string Value)> Seeds(string section, IReadOnlyList<Uri> seeds) =>
        seeds.Select((seed, i) => ($"{section}:Seeds:{i.ToString(CultureInfo.InvariantCulture)}", seed.ToString().TrimEnd('/')));
}
