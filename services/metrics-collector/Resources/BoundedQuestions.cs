using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;

namespace Danube.Dapr.MetricsCollector.Resources;

/// <summary>Asks the system what can hang without end, such as a mount whose server is gone: in a thread of its own, and not again until that one is back.</summary>
/// <param name="limit">How long an answer is waited for.</param>
internal sealed class BoundedQuestions<T>(TimeSpan limit)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, (Task<T> Answer, long Began)> _open = new(StringComparer.Ordinal);

    /// <summary>Waits for the answer, at most until the limit after the question was first asked.</summary>
    /// <param name="key">Questions with the same key are the same one.</param>
    /// <param name="ask">Asks.</param>
    /// <param name="answer">The answer.</param>
    /// <returns>False when there is none yet.</returns>
    public bool TryAsk(string key, Func<T> ask, [MaybeNullWhen(false)] out T answer)
    {
        (Task<T> Answer, long Began) open;
        lock (_lock)
        {
            if (!_open.TryGetValue(key, out open))
                _open[key] = open = (Task.Factory.StartNew(ask, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default), Stopwatch.GetTimestamp());
        }

        var rest = limit - Stopwatch.GetElapsedTime(open.Began);
        if (Task.WaitAny([open.Answer], rest > TimeSpan.Zero ? rest : TimeSpan.Zero) < 0)
        {
            answer = default;
            return false;
        }

        lock (_lock)
        {
            if (_open.GetValueOrDefault(key).Answer == open.Answer)
                _open.Remove(key);
        }

        answer = open.Answer.GetAwaiter().GetResult();
        return true;
    }
}
