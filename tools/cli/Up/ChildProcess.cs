using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Threading.Channels;

namespace Danube.Dapr.Cli.Up;

/// <summary>One started process: its output goes to a log file, its last lines are kept, it is stopped politely and then not.</summary>
internal sealed partial class ChildProcess : IAsyncDisposable
{
    private const int KeptLines = 12;
    private const int SigTerm = 15;

    private readonly Process _process;
    private readonly StreamWriter _log;
    private readonly Queue<string> _lastLines = new();
    private readonly Lock _lock = new();
    private readonly Channel<string> _output = Channel.CreateBounded<string>(new BoundedChannelOptions(64) { FullMode = BoundedChannelFullMode.DropWrite });

    private ChildProcess(string name, Process process, StreamWriter log)
    {
        Name = name;
        _process = process;
        _log = log;
    }

    public string Name { get; }

    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    public int ExitCode => _process.ExitCode;

    public Task Exited => _process.WaitForExitAsync();

    /// <summary>The first lines of standard output, for programs that say where they listen.</summary>
    public ChannelReader<string> Output => _output.Reader;

    /// <summary>Starts it; environment and arguments are in <paramref name="start"/>.</summary>
    /// <exception cref="CliException">The system could not start it.</exception>
    public static ChildProcess Start(string name, ProcessStartInfo start, string logFile)
    {
        IgnoreInterrupt(start);
        start.RedirectStandardOutput = true;
        start.RedirectStandardError = true;
        start.RedirectStandardInput = true;
        start.UseShellExecute = false;
        try
        {
            var process = Process.Start(start) ?? throw new CliException($"{name} could not be started.");
            process.StandardInput.Close();
            var child = new ChildProcess(name, process, new StreamWriter(logFile, append: true) { AutoFlush = true });
            process.OutputDataReceived += (_, line) => child.Take(line.Data, output: true);
            process.ErrorDataReceived += (_, line) => child.Take(line.Data, output: false);
            process.BeginOutputReadLine();
            process.BeginErrorReadLine();
            return child;
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new CliException($"{name} could not be started: {e.Message}");
        }
    }

    /// <summary>The last line that it wrote, or an empty text.</summary>
    public string LastLine() => LastLines() is [.., var last] ? last : "";

    public IReadOnlyList<string> LastLines()
    {
        lock (_lock)
            return [.. _lastLines];
    }

    /// <summary>Resident memory and CPU time so far; null once it has ended.</summary>
    public ProcessUse? Use()
    {
        try
        {
            _process.Refresh();
            return _process.HasExited ? null : new ProcessUse(_process.WorkingSet64 / 1e6, _process.TotalProcessorTime.TotalSeconds);
        }
        catch (InvalidOperationException)
        {
            return null; // it ended between the two calls
        }
    }

    /// <summary>Asks it to end.</summary>
    public void Terminate()
    {
        if (_process.HasExited)
            return;
        if (OperatingSystem.IsWindows())
            _process.Kill(entireProcessTree: true);
        else
            _ = SendSignal(_process.Id, SigTerm);
    }

    /// <summary>Ends it at once, without asking.</summary>
    public void Kill() => _process.Kill(entireProcessTree: true);

    /// <summary>Waits for its end until <paramref name="grace"/> has passed, then kills it.</summary>
    public async Task StopAsync(TimeSpan grace)
    {
        Terminate();
        try
        {
            await _process.WaitForExitAsync().WaitAsync(grace);
        }
        catch (TimeoutException)
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync(TimeSpan.Zero);
        _process.Dispose();
        lock (_lock)
            _log.Dispose();
    }

    private void Take(string? line, bool output)
    {
        if (line is null)
        {
            if (output)
                _output.Writer.TryComplete();
            return;
        }
        lock (_lock)
        {
            // Of an exception the message tells what is wrong; its frames would push it out. They are in the log.
            if (!line.StartsWith("   at ", StringComparison.Ordinal))
                _lastLines.Enqueue(line);
            if (_lastLines.Count > KeptLines)
                _lastLines.Dequeue();
            if (_log.BaseStream?.CanWrite == true)
                _log.WriteLine(line);
        }
        if (output)
            _output.Writer.TryWrite(line);
    }

    /// <summary>
    /// Ctrl-C in a terminal reaches every process of the group. The children are to end in order, when they are told: they are started with the signal
    /// ignored, which a process hands on to the program that it becomes.
    /// </summary>
    private static void IgnoreInterrupt(ProcessStartInfo start)
    {
        const string Shell = "/bin/sh";
        if (OperatingSystem.IsWindows() || !File.Exists(Shell))
            return;
        string[] arguments = ["-c", "trap '' INT; exec \"$0\" \"$@\"", start.FileName, .. start.ArgumentList];
        start.FileName = Shell;
        start.ArgumentList.Clear();
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int SendSignal(int processId, int signal);
}

/// <summary>What a process used.</summary>
/// <param name="MemoryMb">Resident memory in MB (10⁶ bytes).</param>
/// <param name="CpuSeconds">CPU time since its start.</param>
internal sealed record ProcessUse(double MemoryMb, double CpuSeconds);
