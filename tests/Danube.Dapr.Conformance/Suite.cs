using System.Collections.Concurrent;
using System.Diagnostics;

namespace Danube.Dapr.Conformance;

internal enum Outcome
{
    Passed,
    Failed,
    Skipped,
}

/// <summary>How a behaviour came out.</summary>
internal sealed record Result(Behaviour Behaviour, Outcome Outcome, string? Expected, string? Seen, TimeSpan Took);

/// <summary>Tries behaviours on one lab, each at most once.</summary>
internal sealed class Suite(LabOptions options) : IAsyncDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2.5);

    private readonly Lab _lab = new(options);
    private readonly ConcurrentDictionary<string, Lazy<Task<Result>>> _results = new();

    public Target Target => _lab.Target;

    /// <summary>Starts the behaviours that spend their time waiting, so that the others run meanwhile.</summary>
    public void StartWaiting(IEnumerable<Behaviour> behaviours)
    {
        foreach (var behaviour in behaviours.Where(b => b.Waits && b.SkipReason(Target) is null))
            _ = ResultOfAsync(behaviour);
    }

    public Task<Result> ResultOfAsync(Behaviour behaviour) =>
        _results.GetOrAdd(behaviour.FullName, _ => new Lazy<Task<Result>>(() => Task.Run(() => TryAsync(behaviour)))).Value;

    /// <summary>Starts the app and its sidecar; throws when the sidecar does not become ready.</summary>
    public Task StartAsync() => _lab.MainAsync();

    public ValueTask DisposeAsync() => _lab.DisposeAsync();

    private async Task<Result> TryAsync(Behaviour behaviour)
    {
        if (behaviour.SkipReason(Target) is { } reason)
            return new Result(behaviour, Outcome.Skipped, null, reason, TimeSpan.Zero);
        var clock = Stopwatch.StartNew();
        try
        {
            var stage = await _lab.MainAsync();
            clock.Restart();
            await behaviour.Run(stage).WaitAsync(Limit);
            return new Result(behaviour, Outcome.Passed, null, null, clock.Elapsed);
        }
        catch (MismatchException e)
        {
            return new Result(behaviour, Outcome.Failed, e.Expected, e.Seen, clock.Elapsed);
        }
#pragma warning disable CA1031 // Whatever goes wrong is what the behaviour's result is.
        catch (Exception e)
#pragma warning restore CA1031
        {
            return new Result(behaviour, Outcome.Failed, "no exception", $"{e.GetType().Name}: {e.Message}{(e.InnerException is { } inner ? " ← " + inner.Message : "")}", clock.Elapsed);
        }
    }
}
