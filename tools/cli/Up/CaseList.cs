using System.Diagnostics;

namespace Danube.Dapr.Cli.Up;

/// <summary>The cases belong to the simulator; this asks it.</summary>
internal static class CaseList
{
    public static async Task<int> PrintAsync(CancellationToken cancellation)
    {
        using var simulator = Process.Start(Programs.StartInfo(Programs.Simulator, ["--list-cases"]))
            ?? throw new CliException("The simulator could not be started.");
        await simulator.WaitForExitAsync(cancellation);
        return simulator.ExitCode;
    }
}
