using System.Diagnostics;

namespace Danube.Dapr.Cli.Up;

/// <summary>The processes of a run: started in order, watched, stopped in the reverse order.</summary>
internal sealed class Supervisor(string logDirectory) : IAsyncDisposable
{
    /// <summary>From the first SIGTERM to the last kill.</summary>
    private static readonly TimeSpan StopGrace = TimeSpan.FromSeconds(4);

    private readonly List<ChildProcess> _children = [];
    private readonly List<(string Copy, string Original)> _copies = [];
    private readonly TaskCompletionSource<ChildProcess> _died = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool _stopping;

    public IReadOnlyList<ChildProcess> Children => _children;

    /// <summary>Completes with the first process that ended although nobody asked it to.</summary>
    public Task<ChildProcess> Died => _died.Task;

    public ChildProcess Start(string name, ProcessStartInfo start)
    {
        var child = ChildProcess.Start(name, start, Path.Combine(logDirectory, name + ".log"));
        _children.Add(child);
        _ = WatchAsync(child);
        return child;
    }

    /// <summary>Says which process died and what it said last.</summary>
    public string Describe(ChildProcess child)
    {
        var lines = string.Join(Environment.NewLine, child.LastLines().Select(l => "  | " + Original(l)));
        return $"{child.Name} (process {child.Id}) ended with exit code {child.ExitCode}. Its last lines ({Path.Combine(logDirectory, child.Name + ".log")}):{Environment.NewLine}{lines}";
    }

    /// <summary>Tells that files below <paramref name="copy"/> were copied from <paramref name="original"/>: what a process says of a copy is told of the original, which the user can put right.</summary>
    public void CopiedFrom(string original, string copy) => _copies.Add((copy, original));

    private string Original(string line) => _copies.Aggregate(line, (text, pair) => text.Replace(pair.Copy, pair.Original, StringComparison.Ordinal));

    /// <summary>Ends everything: first the services, which need their sidecars to end well, then the sidecars, then what these stand on (etcd, placement, scheduler), last the cluster.</summary>
    public async Task StopAsync()
    {
        _stopping = true;
        var deadline = Stopwatch.StartNew();
        foreach (var group in _children.GroupBy(StopPlace).OrderBy(g => g.Key))
        {
            foreach (var child in group)
                child.Terminate();
            await Task.WhenAll(group.Select(c => c.StopAsync(Remaining(deadline))));
        }
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        foreach (var child in _children)
            await child.DisposeAsync();
    }

    private static int StopPlace(ChildProcess child) =>
        Contracts.DaprNames.Apps.All.Contains(child.Name) ? 0
        : child.Name == Programs.LocalSidecar || child.Name.StartsWith("daprd", StringComparison.Ordinal) ? 1
        : child.Name == Programs.Simulator ? 3
        : 2;

    private static TimeSpan Remaining(Stopwatch since) => since.Elapsed < StopGrace ? StopGrace - since.Elapsed : TimeSpan.Zero;

    private async Task WatchAsync(ChildProcess child)
    {
        await child.Exited;
        if (!_stopping)
            _died.TrySetResult(child);
    }
}
