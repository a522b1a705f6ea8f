using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Reflection;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Danube.Dapr.Architecture.Tests;

/// <summary>The metrics that the services make, docs/metrics.md, the dashboard and the alert rules name the same.</summary>
public sealed partial class MetricsTests
{
    private const string Dashboard = "dashboards/grafana/load_manager_dashboard.json";
    private const string Alerts = "dashboards/prometheus/alerts.yaml";

    private static readonly string[] Makers = ["ranking", "rebalancer", "metrics-collector", "Danube.Dapr.ServiceDefaults"];

    /// <summary>Names of the roadmap that others may already have on their screens.</summary>
    private static readonly string[] Roadmap =
    [
        "danube_cluster_imbalance", "danube_cluster_broker_count", "danube_cluster_topic_count", "danube_cluster_total_throughput_mbps",
        "danube_load_manager_ranking_latency_ms", "danube_load_manager_assignment_latency_ms", "danube_load_manager_assignments_total",
        "danube_rebalancing_moves_total", "danube_rebalancing_failures_total", "danube_rebalancing_latency_seconds",
        "danube_broker_load_score", "danube_broker_topic_count", "danube_broker_throughput_mbps", "danube_broker_cpu_usage", "danube_broker_memory_usage",
    ];

    [Fact]
    public void Metrics_Document_NamesEachAndNoOther()
    {
        var documented = MetricRow().Matches(Repository.Read("docs/metrics.md")).Select(m => m.Groups[1].Value);
        Assert.Equal(Exported().Order(StringComparer.Ordinal), documented.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Metrics_NamesOfTheRoadmap_AreAllExported() => Assert.Empty(Roadmap.Except(Exported()));

    [Fact]
    public void Dashboard_Metrics_AreExported()
    {
        using var dashboard = JsonDocument.Parse(Repository.Read(Dashboard));
        var expressions = dashboard.RootElement.GetProperty("panels").EnumerateArray()
            .Where(p => p.GetProperty("type").GetString() != "row")
            .SelectMany(p => p.GetProperty("targets").EnumerateArray().Select(t => t.GetProperty("expr").GetString()!))
            .ToArray();
        Assert.NotEmpty(expressions);
        Assert.All(expressions, RequireExported);
    }

    [Fact]
    public void Dashboard_Panels_AreThoseOfTheRoadmapAndOverlapNowhere()
    {
        using var dashboard = JsonDocument.Parse(Repository.Read(Dashboard));
        Assert.Equal("Danube LoadManager", dashboard.RootElement.GetProperty("title").GetString());
        var panels = dashboard.RootElement.GetProperty("panels").EnumerateArray().ToArray();
        var titles = panels.Select(p => p.GetProperty("title").GetString()).ToArray();
        Assert.Empty(new[] { "Cluster Imbalance", "Broker Load Distribution", "Rebalancing Activity", "Topic Assignment Rate" }.Except(titles));
        Assert.Equal(panels.Length, panels.Select(p => p.GetProperty("id").GetInt32()).Distinct().Count());
        var cells = panels.SelectMany(Cells).ToArray();
        Assert.Equal(cells.Length, cells.Distinct().Count());
        Assert.All(cells, cell => Assert.InRange(cell.X, 0, 23));
    }

    [Fact]
    public void Alerts_Metrics_AreExported() =>
        Assert.All(Rules(), rule => RequireExported(rule.Text("expr")!));

    [Fact]
    public void Alerts_Document_NamesEachAndNoOther()
    {
        var documented = AlertRow().Matches(Repository.Read("docs/metrics.md")).Select(m => m.Groups[1].Value);
        Assert.Equal(Rules().Select(r => r.Text("alert")!), documented);
    }

    [PromtoolFact]
    public async Task Alerts_TestsOfPromtool_Pass()
    {
        foreach (var arguments in (string[][])[["check", "rules", "alerts.yaml"], ["test", "rules", "alerts.test.yaml"]])
        {
            using var promtool = Process.Start(new ProcessStartInfo("promtool", arguments)
            {
                WorkingDirectory = Path.Combine(Repository.Root, "dashboards", "prometheus"),
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            })!;
            var said = promtool.StandardOutput.ReadToEndAsync();
            var faults = await promtool.StandardError.ReadToEndAsync();
            await promtool.WaitForExitAsync();
            Assert.True(promtool.ExitCode == 0, await said + faults);
        }
    }

    [Fact]
    public void Alerts_EachRule_HasATest()
    {
        var tests = Repository.Read("dashboards/prometheus/alerts.test.yaml");
        Assert.All(Rules(), rule => Assert.Contains(rule.Text("alert")!, tests, StringComparison.Ordinal));
    }

    private static IEnumerable<YamlDotNet.RepresentationModel.YamlNode> Rules() =>
        Repository.Yaml(Alerts)[0].At("groups").Items().SelectMany(g => g.At("rules").Items());

    private static IEnumerable<(int X, int Y)> Cells(JsonElement panel)
    {
        var place = panel.GetProperty("gridPos");
        int At(string name) => place.GetProperty(name).GetInt32();
        return Enumerable.Range(At("x"), At("w")).SelectMany(x => Enumerable.Range(At("y"), At("h")).Select(y => (x, y)));
    }

    private static void RequireExported(string expression)
    {
        var exported = Exported();
        var used = MetricName().Matches(expression).Select(m => m.Value).ToArray();
        Assert.NotEmpty(used);
        Assert.All(used, name => Assert.True(exported.Contains(name) || exported.Contains(SeriesOfHistogram().Replace(name, "")), $"{name} in '{expression}' is not exported."));
    }

    /// <summary>What the classes named …Metrics of the services, and of what they have in common, make, as the Prometheus exporter names it.</summary>
    private static HashSet<string> Exported()
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, _) =>
        {
            if (instrument.Meter.Name.StartsWith("Danube.Dapr.", StringComparison.Ordinal))
                names.Add(PrometheusName(instrument));
        };
        listener.Start();
        using var meters = new Meters();
        var made = Makers.SelectMany(s => Assembly.Load(s).GetTypes())
            .Where(t => t.Name.EndsWith("Metrics", StringComparison.Ordinal) && t.GetConstructor([typeof(IMeterFactory)]) is not null)
            .Select(t => Activator.CreateInstance(t, meters))
            .ToArray();
        Assert.Equal(Makers.Length, made.Length);
        return names;
    }

    private static string PrometheusName(Instrument instrument)
    {
        var name = instrument.Name.Replace('.', '_') + (instrument.Unit == "s" ? "_seconds" : "");
        return instrument.GetType().Name.StartsWith("Counter", StringComparison.Ordinal) ? name + "_total" : name;
    }

    [GeneratedRegex(@"^\| `(danube_\w+)` \|", RegexOptions.Multiline)]
    private static partial Regex MetricRow();

    [GeneratedRegex(@"^\| `(Danube\w+)` \|", RegexOptions.Multiline)]
    private static partial Regex AlertRow();

    [GeneratedRegex(@"danube_\w+")]
    private static partial Regex MetricName();

    [GeneratedRegex("_(bucket|count|sum)$")]
    private static partial Regex SeriesOfHistogram();

    private sealed class Meters : IMeterFactory
    {
        private readonly List<Meter> _made = [];

        public Meter Create(MeterOptions options)
        {
            var meter = new Meter(options);
            _made.Add(meter);
            return meter;
        }

        public void Dispose() => _made.ForEach(m => m.Dispose());
    }
}

/// <summary>A test that needs promtool; skipped where it is not installed.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class PromtoolFactAttribute : FactAttribute
{
    /// <summary>Looks for promtool.</summary>
    public PromtoolFactAttribute()
    {
        if (!(Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Any(static p => File.Exists(Path.Combine(p, "promtool"))))
            Skip = "promtool is not on PATH (Debian: apt-get install prometheus)";
    }
}
