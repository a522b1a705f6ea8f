using Polly;
using Polly.CircuitBreaker;

namespace Danube.Dapr.LocalSidecar.Resiliency;

/// <summary>
/// A circuit breaker as Dapr has it, which Polly's own cannot be: it opens on failures in a row, and after its time lets a few calls through to see whether
/// all of them go well.
/// </summary>
internal sealed class Breaker(BreakerSettings settings, TimeProvider time) : ResilienceStrategy
{
    private readonly Lock _lock = new();
    private bool _isClosed = true;

    // When a closed one forgets its failures, or an open one lets calls through again.
    private DateTimeOffset _until = settings.Interval > TimeSpan.Zero ? time.GetUtcNow() + settings.Interval : DateTimeOffset.MaxValue;

    // A call that began before the last change tells nothing about what is now.
    private int _generation;
    private int _failures;
    private int _trials;
    private int _successes;

    protected override async ValueTask<Outcome<TResult>> ExecuteCore<TResult, TState>(Func<ResilienceContext, TState, ValueTask<Outcome<TResult>>> callback, ResilienceContext context, TState state)
    {
        if (Enter() is not { } generation) return Outcome.FromException<TResult>(new BrokenCircuitException("circuit breaker is open"));
        var outcome = await callback(context, state).ConfigureAwait(false);
        Leave(generation, outcome.Exception is null);
        return outcome;
    }

    /// <returns>What to leave with; null while it is open.</returns>
    private int? Enter()
    {
        lock (_lock)
        {
            if (_isClosed)
            {
                if (time.GetUtcNow() >= _until) Change(true, settings.Interval);
            }
            else if (time.GetUtcNow() < _until || _trials++ >= settings.MaxRequests)
            {
                return null;
            }
            return _generation;
        }
    }

    private void Leave(int generation, bool wentWell)
    {
        lock (_lock)
        {
            if (generation != _generation) return;
            if (wentWell)
            {
                _failures = 0;
                if (!_isClosed && ++_successes >= settings.MaxRequests) Change(true, settings.Interval);
            }
            else if (!_isClosed || ++_failures > settings.ConsecutiveFailures)
            {
                Change(false, settings.Timeout);
            }
        }
    }

    private void Change(bool isClosed, TimeSpan duration)
    {
        _generation++;
        (_isClosed, _failures, _trials, _successes) = (isClosed, 0, 0, 0);
        _until = isClosed && duration <= TimeSpan.Zero ? DateTimeOffset.MaxValue : time.GetUtcNow() + duration;
    }
}
