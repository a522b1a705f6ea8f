using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Danube.Dapr.LocalSidecar.Benchmarks.Processes;

/// <summary>A program that was started here and ends with this.</summary>
internal sealed class Supervised : IAsyncDisposable
{
    private readonly Process _process;
    private readonly ConcurrentQueue<string> _lines = new();

    public Supervised(string program, IEnumerable<string> arguments, string workingDirectory)
    {
        var start = new ProcessStartInfo(program) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = workingDirectory };
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        // As danube-lb up starts it.
        start.Environment.TryAdd("DOTNET_TieredPGO", "0");
        if (program == "etcd") start.Environment.TryAdd("GOGC", "400");
        _process = Process.Start(start)!;
        _process.OutputDataReceived += (_, e) => Keep(e.Data);
        _process.ErrorDataReceived += (_, e) => Keep(e.Data);
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    /// <summary>Memory that it has in RAM now, in MB.</summary>
    public double ResidentMb => Read("VmRSS:");

    /// <summary>The most it had.</summary>
    public double PeakMb => Read("VmHWM:");

    /// <summary>Processor time so far, in seconds.</summary>
    public double CpuSeconds
    {
        get
        {
            _process.Refresh();
            return _process.TotalProcessorTime.TotalSeconds;
        }
    }

    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    /// <summary>Waits until an address answers with success.</summary>
    public async Task ReadyAsync(string address)
    {
        using var client = new HttpClient { Timeout = TimeSpan.FromSeconds(2) };
        var clock = Stopwatch.StartNew();
        while (true)
        {
            if (_process.HasExited) throw new InvalidOperationException($"{_process.StartInfo.FileName} ended with {_process.ExitCode}: {string.Join(" | ", _lines)}");
            try
            {
                using var response = await client.GetAsync(new Uri(address));
                if (response.IsSuccessStatusCode) return;
            }
            catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
            {
                // Not yet.
            }
            if (clock.Elapsed > TimeSpan.FromSeconds(60)) throw new InvalidOperationException($"{_process.StartInfo.FileName} was not ready in 60 s: {string.Join(" | ", _lines)}");
            await Task.Delay(50);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited) _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private double Read(string name)
    {
        var line = File.ReadLines($"/proc/{_process.Id}/status").First(l => l.StartsWith(name, StringComparison.Ordinal));
        return double.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2], CultureInfo.InvariantCulture) / 1024;
    }

    private void Keep(string? line)
    {
        if (line is null) return;
        _lines.Enqueue(line);
        while (_lines.Count > 5) _lines.TryDequeue(out _);
    }
}
