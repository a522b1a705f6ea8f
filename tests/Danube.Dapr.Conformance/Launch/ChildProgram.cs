using System.Collections.Concurrent;
using System.Diagnostics;

namespace Danube.Dapr.Conformance.Launch;

/// <summary>A process that the suite started.</summary>
internal sealed class ChildProgram : IDisposable
{
    private const int Kept = 30;

    private readonly Process _process;
    private readonly ConcurrentQueue<string> _lines = new();
    private readonly CountdownEvent _open = new(2);

    private ChildProgram(string name, Process process)
    {
        Name = name;
        _process = process;
    }

    public string Name { get; }

    /// <summary>What it said before it ended; null while it runs.</summary>
    public string? Ended
    {
        get
        {
            if (!_process.HasExited) return null;
            // Its last words may still be in the pipes; a child of its own may keep them open.
            _open.Wait(TimeSpan.FromSeconds(2));
            return $"{Name} ended with exit code {_process.ExitCode}: {string.Join(Environment.NewLine, _lines)}";
        }
    }

    public static ChildProgram Start(string name, string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null)
    {
        var start = new ProcessStartInfo(program) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        // Tokens of the environment of the suite would reach every sidecar.
        start.Environment.Remove("DAPR_API_TOKEN");
        start.Environment.Remove("APP_API_TOKEN");
        foreach (var (key, value) in environment ?? new Dictionary<string, string>())
            start.Environment[key] = value;
        var process = new Process { StartInfo = start };
        var child = new ChildProgram(name, process);
        process.OutputDataReceived += child.Keep;
        process.ErrorDataReceived += child.Keep;
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return child;
    }

    /// <summary>SIGKILL, and waits until it is gone.</summary>
    public void Kill()
    {
        try
        {
            _process.Kill(entireProcessTree: true);
        }
        catch (InvalidOperationException)
        {
            return;
        }
        _process.WaitForExit(TimeSpan.FromSeconds(10));
    }

    public void Dispose()
    {
        Kill();
        _process.Dispose();
    }

    private void Keep(object sender, DataReceivedEventArgs e)
    {
        if (e.Data is null)
        {
            _open.Signal();
            return;
        }
        _lines.Enqueue(e.Data);
        while (_lines.Count > Kept)
            _lines.TryDequeue(out _);
    }
}
