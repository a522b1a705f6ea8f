using System.Net;
using System.Net.Sockets;

namespace Danube.Dapr.EndToEnd.Tests;

/// <summary>Wrong input ends with one clear line; a stop leaves nothing behind.</summary>
[Collection("end to end")]
public sealed class StartAndStopTests
{
    private const int SigInt = 2;

    [Fact]
    public async Task UnknownCase_Up_NamesTheCasesAndEnds()
    {
        var run = await DanubeLb.RunAsync("up", "--case", "nope", "--json", "--port-base", "0");
        Assert.Equal(1, run.ExitCode);
        Assert.Contains("'nope'", run.Errors, StringComparison.Ordinal);
        Assert.Contains("broker-loss", run.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task UnknownFlag_Up_IsNamed()
    {
        var run = await DanubeLb.RunAsync("up", "--cse", "skew");
        Assert.Equal(1, run.ExitCode);
        Assert.Contains("--cse", run.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task SilentSeed_Up_IsNamed()
    {
        var run = await DanubeLb.RunAsync("up", "--seeds", "http://127.0.0.1:1", "--json", "--port-base", "0");
        Assert.Equal(1, run.ExitCode);
        Assert.Contains("127.0.0.1:1", run.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task TakenPort_Up_IsNamed()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var taken = ((IPEndPoint)listener.LocalEndpoint).Port;
        var run = await DanubeLb.RunAsync("up", "--json", "--port-base", $"{taken - 1}");
        Assert.Equal(1, run.ExitCode);
        Assert.Contains($"Port {taken}", run.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Interrupt_Up_StopsEverythingAndLeavesNothing()
    {
        var folder = Directory.CreateTempSubdirectory("end-to-end-");
        using var process = DanubeLb.Start("up", "--json", "--for", "3600", "--port-base", "0", "--dapr", "local", "--log-dir", folder.FullName);
        var running = new TaskCompletionSource();
        process.ErrorDataReceived += (_, line) =>
        {
            if (line.Data?.StartsWith("balance", StringComparison.Ordinal) == true)
                running.TrySetResult();
        };
        process.BeginErrorReadLine();
        process.BeginOutputReadLine();
        await running.Task.WaitAsync(TimeSpan.FromSeconds(120));
        var children = DanubeLb.ChildrenOf(process.Id);
        Assert.Equal(7, children.Count); // simulator, sidecar, five services

        DanubeLb.Signal(process.Id, SigInt);
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(60));

        Assert.Equal(0, process.ExitCode);
        Assert.DoesNotContain(children, id => Directory.Exists($"/proc/{id}"));
        folder.Delete(recursive: true);
    }
}
