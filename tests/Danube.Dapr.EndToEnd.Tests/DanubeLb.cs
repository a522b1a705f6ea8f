using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace Danube.Dapr.EndToEnd.Tests;

/// <summary><c>danube-lb</c> as a process.</summary>
internal static partial class DanubeLb
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(4);

    /// <summary>Path of the built program: beside the tests in the build output.</summary>
    public static string Program { get; } = Path.GetFullPath(Path.Combine(
        AppContext.BaseDirectory, "..", "..", "Danube.Dapr.Cli", Path.GetFileName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory)), "danube-lb.dll"));

    public static Process Start(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        start.ArgumentList.Add(Program);
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        return Process.Start(start)!;
    }

    /// <summary>Runs it to its end.</summary>
    public static async Task<Ended> RunAsync(params string[] arguments)
    {
        using var process = Start(arguments);
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        try
        {
            await process.WaitForExitAsync().WaitAsync(Deadline);
        }
        catch (TimeoutException)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"danube-lb {string.Join(' ', arguments)} did not end within {Deadline}. It said: {await errors}");
        }
        return new Ended(process.ExitCode, await output, await errors);
    }

    /// <summary>The processes that a process has started and that still run.</summary>
    public static IReadOnlyList<int> ChildrenOf(int processId)
    {
        // The kernel promises a full list of a stopped process only: a thread that ends meanwhile hands its children to another.
        var children = new SortedSet<int>();
        for (var read = 0; read < 5; read++)
            children.UnionWith(Directory.GetDirectories($"/proc/{processId}/task").SelectMany(ChildrenOfThread));
        return [.. children];
    }

    private static IEnumerable<int> ChildrenOfThread(string thread)
    {
        try
        {
            return [.. File.ReadAllText(Path.Combine(thread, "children")).Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(id => int.Parse(id, CultureInfo.InvariantCulture))];
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // It ended.
            return [];
        }
    }

    public static void Signal(int processId, int signal) => _ = Kill(processId, signal);

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int processId, int signal);
}

/// <summary>How a run ended.</summary>
internal sealed record Ended(int ExitCode, string Output, string Errors)
{
    /// <summary>The last line of standard output as JSON.</summary>
    public JsonElement Summary => JsonDocument.Parse(Output.Trim().Split('\n')[^1]).RootElement;

    public override string ToString() => new StringBuilder().AppendLine(CultureInfo.InvariantCulture, $"exit code {ExitCode}").AppendLine(Output).AppendLine(Errors).ToString();
}
