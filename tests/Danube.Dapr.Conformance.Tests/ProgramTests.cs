using System.Diagnostics;
using Danube.Dapr.Conformance.Launch;

namespace Danube.Dapr.Conformance.Tests;

/// <summary>The program as it is started on a machine with a daprd; scripts take the place of daprd.</summary>
public sealed class ProgramTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("conformance-program-");

    private string Flags => Path.Combine(_folder.FullName, "flags");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task Program_OnADaprd_StartsItWithItsFlagsAndEndsWithTheNumberOfFailures()
    {
        var daprd = Script($"echo \"$@\" >> '{Flags}'\nexec dotnet '{LocalSidecarProgram.Find()}' \"$@\"");

        var (code, output, _) = await RunAsync("--daprd", daprd, "--store", "sqlite", "--filter", "health: healthz");

        Assert.Equal((0, "0 failures"), (code, output[^1]));
        Assert.StartsWith("state area        behaviour", output[0], StringComparison.Ordinal);
        Assert.Contains(output, static line => line.StartsWith("pass  health      healthz is 204 without a body", StringComparison.Ordinal));
        var flags = await File.ReadAllLinesAsync(Flags);
        Assert.Equal(2, flags.Length);
        Assert.Matches("^--app-id conformance --app-port [0-9]+ --app-protocol http --dapr-http-port [0-9]+ --dapr-grpc-port [0-9]+ .*--placement-host-address localhost:50005 --scheduler-host-address localhost:50006 --resources-path .*/resources --config .*/config.yaml", flags.Order(StringComparer.Ordinal).First());
    }

    [Fact]
    public async Task Program_OnASidecarThatDiffers_ShowsWhatWasExpectedAndSeen()
    {
        // Without its Configuration it makes no traces of its own.
        var daprd = Script($"for flag do shift; [ \"$flag\" = --config ] && break; set -- \"$@\" \"$flag\"; done\nshift\nexec dotnet '{LocalSidecarProgram.Find()}' \"$@\"");

        var (code, output, error) = await RunAsync("--daprd", daprd, "--filter", "an HTTP answer has a traceparent when the caller has none");

        Assert.True(code == 1, $"Exit code {code}: {error}");
        Assert.Equal(
            [
                "state area        behaviour",
                "FAIL  tracing     an HTTP answer has a traceparent when the caller has none",
                "      expected a Traceparent",
                "      seen     'none'",
                "1 behaviours: 0 passed, 0 skipped",
                "1 failures",
            ],
            output);
    }

    [Fact]
    public async Task Program_DaprdThatEndsAtOnce_SaysWhyAndIsNoFailureOfABehaviour()
    {
        var daprd = Script("echo 'no such component' >&2\nexit 3");

        var (code, _, error) = await RunAsync("--daprd", daprd, "--filter", "health");

        Assert.Equal(2, code);
        Assert.Contains("ended with exit code 3: no such component", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Program_WrongPath_IsRefused()
    {
        var (code, _, error) = await RunAsync("--daprd", "/no/such/daprd");

        Assert.Equal((2, "danube-conformance: --daprd /no/such/daprd: there is no such file."), (code, error.Trim()));
    }

    // By another process: what this one writes may still be open, for a moment, in a child that another test has just started, and a file that is open for writing cannot be run.
    private string Script(string text)
    {
        var file = Path.Combine(_folder.FullName, "daprd");
        using var writer = Process.Start("/bin/sh", ["-c", "printf '%s\\n' '#!/bin/sh' \"$1\" > \"$0\" && chmod 700 \"$0\"", file, text]);
        writer.WaitForExit();
        Assert.Equal(0, writer.ExitCode);
        return file;
    }

    private static async Task<(int Code, string[] Output, string Error)> RunAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in (string[])[Path.Combine(AppContext.BaseDirectory, "danube-conformance.dll"), .. arguments])
            start.ArgumentList.Add(argument);
        using var process = Process.Start(start)!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromMinutes(4));
        return (process.ExitCode, (await output).Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries), await error);
    }
}
