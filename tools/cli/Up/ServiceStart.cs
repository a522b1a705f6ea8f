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

    /// <summary>The demonstration policy: what it changes against the services' own defaults.</summary>
    private static IEnumerable<(string Key, string Value)> Settings(string appId, IReadOnlyList<Uri> seeds, UpSettings settings)
    {
        switch (appId)
        {
            case DaprNames.Apps.MetricsCollector:
                yield return ("Collector:IntervalSeconds", "1");
                foreach (var pair in Seeds("Collector", seeds))
                    yield return pair;
                break;
            case DaprNames.Apps.Rebalancer:
                foreach (var pair in Seeds("Danube", seeds))
                    yield return pair;
                break;
            default:
                break;
        }
    }

    private static IEnumerable<(string Key, string Value)> Seeds(string section, IReadOnlyList<Uri> seeds) =>
        seeds.Select((seed, i) => ($"{section}:Seeds:{i.ToString(CultureInfo.InvariantCulture)}", seed.ToString().TrimEnd('/')));
}
