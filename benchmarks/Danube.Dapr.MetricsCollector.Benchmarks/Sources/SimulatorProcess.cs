using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Danube.Dapr.BrokerClient;

namespace Danube.Dapr.MetricsCollector.Benchmarks.Sources;

/// <summary>A simulated cluster in a process of its own, so that its work is not counted as the collector's.</summary>
internal sealed class SimulatorProcess : IAsyncDisposable
{
    private readonly Process _process;

    private SimulatorProcess(Process process, Uri[] seeds)
    {
        _process = process;
        Seeds = seeds;
    }

    public IReadOnlyList<Uri> Seeds { get; }

    public static async Task<SimulatorProcess> StartAsync(int brokers, int topics)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true };
        foreach (var argument in (string[])[Path.Combine(AppContext.BaseDirectory, "broker-simulator.dll"), "--case", "steady", "--brokers", Text(brokers), "--topics", Text(topics)])
            start.ArgumentList.Add(argument);
        var process = Process.Start(start)!;
        var first = await process.StandardOutput.ReadLineAsync() ?? throw new InvalidOperationException("The simulator ended at once.");
        using var json = JsonDocument.Parse(first);
        return new SimulatorProcess(process, [.. json.RootElement.GetProperty("brokers").EnumerateArray().Select(b => new Uri(b.GetProperty("admin").GetString()!))]);
    }

    public DanubeCluster Connect() => new(new DanubeClientOptions { Seeds = Seeds, CallTimeout = TimeSpan.FromSeconds(60), MetricsTimeout = TimeSpan.FromSeconds(60) });

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
            _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
