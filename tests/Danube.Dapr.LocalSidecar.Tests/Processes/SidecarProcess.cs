using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;

namespace Danube.Dapr.LocalSidecar.Tests.Processes;

/// <summary>The sidecar as users start it: a process of its own.</summary>
internal sealed class SidecarProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly ConcurrentQueue<string> _lines = new();

    private SidecarProcess(Process process) => _process = process;

    public static SidecarProcess Start(string resources, params (string AppId, int? AppPort, int HttpPort, int GrpcPort)[] apps)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "local-sidecar.dll"));
        foreach (var argument in (string[])["--resources-path", resources, "--log-level", "warn"]) start.ArgumentList.Add(argument);
        foreach (var (appId, appPort, http, grpc) in apps)
        {
            start.ArgumentList.Add("--app");
            start.ArgumentList.Add($"app-id={appId},dapr-http-port={http},dapr-grpc-port={grpc}{(appPort is null ? "" : $",app-port={appPort}")}");
        }
        var sidecar = new SidecarProcess(Process.Start(start)!);
        sidecar._process.OutputDataReceived += (_, e) => sidecar.Keep(e.Data);
        sidecar._process.ErrorDataReceived += (_, e) => sidecar.Keep(e.Data);
        sidecar._process.BeginOutputReadLine();
        sidecar._process.BeginErrorReadLine();
        return sidecar;
    }

    /// <summary>What it wrote last.</summary>
    public string Output => string.Join('\n', _lines);

    public async Task ReadyAsync(HttpClient client)
    {
        await Workflows.Eventually.TrueAsync(async () =>
        {
            Assert.False(_process.HasExited, "The sidecar ended: " + Output);
            try
            {
                return (await client.GetAsync(new Uri("/v1.0/healthz", UriKind.Relative))).StatusCode == HttpStatusCode.NoContent;
            }
            catch (HttpRequestException)
            {
                return false;
            }
        }, "the sidecar is ready");
    }

    /// <summary>SIGKILL; returns when the process is gone.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited) await KillAsync();
        _process.Dispose();
    }

    private void Keep(string? line)
    {
        if (line is null) return;
        _lines.Enqueue(line);
        while (_lines.Count > 30) _lines.TryDequeue(out _);
    }
}
