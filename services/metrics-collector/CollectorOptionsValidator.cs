using System.Globalization;
using Microsoft.Extensions.Options;

namespace Danube.Dapr.MetricsCollector;

/// <summary>Checks every value at start and names all faults at once.</summary>
internal sealed class CollectorOptionsValidator : IValidateOptions<CollectorOptions>
{
    internal static readonly string[] Scopes = ["all", "local", "none"];
    internal static readonly string[] Kinds = ["auto", "host", "process", "cgroup", "container", "none"];

    public ValidateOptionsResult Validate(string? name, CollectorOptions options)
    {
        var faults = new List<string>();
        if (options.Seeds.Count == 0)
            faults.Add("Collector:Seeds is empty: at least one admin address such as http://broker1:50051 is needed.");
        foreach (var (seed, i) in options.Seeds.Select((s, i) => (s, i)))
        {
            if (!Uri.TryCreate(seed, UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https"))
                faults.Add($"Collector:Seeds:{i} is '{seed}': allowed is an http or https address such as http://broker1:50051.");
        }

        Range(faults, nameof(options.IntervalSeconds), options.IntervalSeconds, 0.5, 3600);
        Range(faults, nameof(options.ProbeIntervalSeconds), options.ProbeIntervalSeconds, 0.2, 60);
        Range(faults, nameof(options.ProbeTimeoutSeconds), options.ProbeTimeoutSeconds, 0.1, 30);
        Range(faults, nameof(options.ProbeFailures), options.ProbeFailures, 1, 10);
        Range(faults, nameof(options.CallTimeoutSeconds), options.CallTimeoutSeconds, 0.1, 300);
        Range(faults, nameof(options.ScrapeTimeoutSeconds), options.ScrapeTimeoutSeconds, 0.1, 300);
        Range(faults, nameof(options.ScrapeMaxBytes), options.ScrapeMaxBytes, 1024, 1024 * 1024 * 1024);
        Range(faults, nameof(options.ParallelBrokers), options.ParallelBrokers, 1, 256);
        Range(faults, nameof(options.PublishTimeoutSeconds), options.PublishTimeoutSeconds, 0.1, 300);
        Range(faults, nameof(options.SampleSeconds), options.SampleSeconds, 0.1, 60);
        if (options.EarlyReportChangePercent != 0)
            Range(faults, nameof(options.EarlyReportChangePercent), options.EarlyReportChangePercent, 1, 1000, "0 (off), or ");
        Range(faults, nameof(options.EarlyReportMinSeconds), options.EarlyReportMinSeconds, 1, 3600);
        Range(faults, nameof(options.FullNamesEvery), options.FullNamesEvery, 1, 1000);
        OneOf(faults, "Collector:Scope", options.Scope, Scopes);
        foreach (var (entry, i) in options.AddressMap.Select((a, i) => (a, i)))
        {
            var sides = entry.Split('=');
            if (sides.Length != 2 || !IsHostPort(sides[0]) || !IsHostPort(sides[1]))
                faults.Add($"Collector:AddressMap:{i} is '{entry}': allowed is host:port=host:port.");
        }

        if (options.TrustedCaFile.Length > 0 && !File.Exists(options.TrustedCaFile))
            faults.Add($"Collector:TrustedCaFile is '{options.TrustedCaFile}': there is no such file.");
        if (options.HostRoot.Length > 0 && !Directory.Exists(Path.Join(options.HostRoot, "proc")))
            faults.Add($"Collector:HostRoot is '{options.HostRoot}': it has no folder 'proc'.");
        foreach (var (target, i) in options.Targets.Select((t, i) => (t, i)))
            ValidateTarget(faults, $"Collector:Targets:{i}", target);
        foreach (var twice in options.Targets.GroupBy(t => t.Broker, StringComparer.Ordinal).Where(g => g.Count() > 1))
            faults.Add($"Collector:Targets names broker '{twice.Key}' {twice.Count()} times: allowed is once.");
        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }

    private static void ValidateTarget(List<string> faults, string key, TargetOptions target)
    {
        OneOf(faults, key + ":Kind", target.Kind, Kinds);
        if (target.Broker.Length == 0)
            faults.Add($"{key}:Broker is empty: allowed is a broker id, host:port or *.");
        if (target.Pid < 0)
            faults.Add($"{key}:Pid is {target.Pid}: allowed is 1 or more, or 0 for none.");
        if (target.Port is < 0 or > 65535)
            faults.Add($"{key}:Port is {target.Port}: allowed is 1 to 65535, or 0 for none.");
        if (target.Kind == "cgroup" && !target.CgroupPath.StartsWith('/'))
            faults.Add($"{key}:CgroupPath is '{target.CgroupPath}': a cgroup target needs a path that begins with '/'.");
        if (target.StoragePath.Length > 0 && !Path.IsPathRooted(target.StoragePath))
            faults.Add($"{key}:StoragePath is '{target.StoragePath}': allowed is an absolute path.");
    }

    private static void Range(List<string> faults, string key, double value, double least, double most, string alsoAllowed = "")
    {
        if (!(value >= least && value <= most))
            faults.Add(string.Create(CultureInfo.InvariantCulture, $"Collector:{key} is {value}: allowed is {alsoAllowed}{least} to {most}."));
    }

    private static void OneOf(List<string> faults, string key, string value, string[] allowed)
    {
        if (!allowed.Contains(value, StringComparer.Ordinal))
            faults.Add($"{key} is '{value}': allowed is {string.Join(", ", allowed)}.");
    }

    private static bool IsHostPort(string text) =>
        text.LastIndexOf(':') is > 0 and var colon && int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port is >= 1 and <= 65535;
}
