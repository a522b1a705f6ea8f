using System.Diagnostics;
using Danube.Dapr.Cli.Up;

namespace Danube.Dapr.Chaos.Tests.Harness;

/// <summary>A process of the suite that can be killed and started again, with the same command and the same ports; all its lives write one log.</summary>
internal sealed class ManagedProcess(string name, string logFile, Func<ProcessStartInfo> command) : IAsyncDisposable
{
    private ChildProcess? _life;

    public string Name => name;

    public bool Runs => _life is { HasExited: false };

    public ChildProcess Life => _life ?? throw new InvalidOperationException($"{name} was not started.");

    public void Start()
    {
        if (Runs)
            throw new InvalidOperationException($"{name} runs already.");
        _life = ChildProcess.Start(name, command(), logFile);
    }

    /// <summary>SIGKILL; returns when the process is gone.</summary>
    public async Task KillAsync()
    {
        if (_life is not { } life)
            return;
        life.Kill();
        await life.Exited;
        await life.DisposeAsync();
        _life = null;
    }

    public async ValueTask DisposeAsync() => await KillAsync();
}
