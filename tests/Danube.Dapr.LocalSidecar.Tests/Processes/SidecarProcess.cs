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

    public static SidecarProcess Start(string resources, params (string AppId, int? AppPort, int HttpPort, int GrpcPort)[] apps) =>
        Start(["--resources-path", resources, "--log-level", "warn", .. apps.SelectMany(static a =>
            (string[])["--app", $"app-id={a.AppId},dapr-http-port={a.HttpPort},dapr-grpc-port={a.GrpcPort}{(a.AppPort is null ? "" : $",app-port={a.AppPort}")}"])]);

    /// <summary>Any arguments, such as a script would give to daprd, and the system's temporary folder as the process sees it.</summary>
    public static SidecarProcess Start(IEnumerable<string> arguments, string? temporaryFolder = null)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "local-sidecar.dll"));
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        if (temporaryFolder is not null) start.Environment["TMPDIR"] = temporaryFolder;
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

    /// <summary>SIGSTOP: it does nothing until <see cref="WakeAsync"/>, and nobody tells it that time went on.</summary>
    public Task SleepAsync() => SignalAsync("STOP");

    /// <summary>SIGCONT.</summary>
    public Task WakeAsync() => SignalAsync("CONT");

    private async Task SignalAsync(string signal)
    {
        using var shell = Process.Start("/bin/sh", ["-c", $"kill -{signal} {_process.Id}"]);
        await shell.WaitForExitAsync();
        Assert.Equal(0, shell.ExitCode);
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
