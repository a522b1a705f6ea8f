namespace Danube.Dapr.Workflow;

/// <summary>When a failed activity or child workflow is tried again. The workflow waits between attempts with durable timers.</summary>
public class WorkflowRetryPolicy
{
    /// <summary>Makes a policy.</summary>
    /// <param name="maxNumberOfAttempts">How often the task is run at most, the first time included; at least 1.</param>
    /// <param name="firstRetryInterval">The pause after the first failure; more than zero.</param>
    /// <param name="backoffCoefficient">What each further pause is multiplied with; at least 1.0.</param>
    /// <param name="maxRetryInterval">
    /// The longest pause; default one hour (or <paramref name="firstRetryInterval"/> if that is longer), at least
    /// <paramref name="firstRetryInterval"/>. <see cref="Timeout.InfiniteTimeSpan"/> means no bound.
    /// </param>
    /// <param name="retryTimeout">
    /// No attempt is begun once this much time has passed since the first one began; default
    /// <see cref="Timeout.InfiniteTimeSpan"/>, else at least <paramref name="firstRetryInterval"/>.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">A value is outside the range named above.</exception>
    public WorkflowRetryPolicy(
        int maxNumberOfAttempts,
        TimeSpan firstRetryInterval,
        double backoffCoefficient = 1.0,
        TimeSpan? maxRetryInterval = null,
        TimeSpan? retryTimeout = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxNumberOfAttempts, 1);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(firstRetryInterval, TimeSpan.Zero);
        if (!(backoffCoefficient >= 1.0) || double.IsInfinity(backoffCoefficient))
            throw new ArgumentOutOfRangeException(nameof(backoffCoefficient), backoffCoefficient, "The back-off coefficient must be a finite number of at least 1.0.");
        ThrowIfShorter(maxRetryInterval, firstRetryInterval, nameof(maxRetryInterval));
        ThrowIfShorter(retryTimeout, firstRetryInterval, nameof(retryTimeout));

        MaxNumberOfAttempts = maxNumberOfAttempts;
        FirstRetryInterval = firstRetryInterval;
        BackoffCoefficient = backoffCoefficient;
        MaxRetryInterval = maxRetryInterval ?? (firstRetryInterval > DefaultMaxRetryInterval ? firstRetryInterval : DefaultMaxRetryInterval);
        RetryTimeout = retryTimeout ?? Timeout.InfiniteTimeSpan;
    }

    private static readonly TimeSpan DefaultMaxRetryInterval = TimeSpan.FromHours(1);

    /// <summary>How often the task is run at most, the first time included.</summary>
    public int MaxNumberOfAttempts { get; }

    /// <summary>The pause after the first failure.</summary>
    public TimeSpan FirstRetryInterval { get; }

    /// <summary>What each further pause is multiplied with; 1.0 keeps them equal.</summary>
    public double BackoffCoefficient { get; }

    /// <summary>The longest pause, never <see langword="null"/>; <see cref="Timeout.InfiniteTimeSpan"/> means no bound.</summary>
    public TimeSpan? MaxRetryInterval { get; }

    /// <summary>How long after the first attempt began another may begin; <see cref="Timeout.InfiniteTimeSpan"/> means for ever.</summary>
    public TimeSpan RetryTimeout { get; }

    /// <summary>The pause after the given failed attempt (1 = the first): first × coefficient^(attempt−1), capped by the longest pause.</summary>
    internal TimeSpan GetPauseAfter(int attempt)
    {
        double ticks = FirstRetryInterval.Ticks * Math.Pow(BackoffCoefficient, attempt - 1);
        double cap = MaxRetryInterval is { } longest && longest != Timeout.InfiniteTimeSpan ? longest.Ticks : LongestPause.Ticks;
        return TimeSpan.FromTicks((long)Math.Min(ticks, cap));
    }

    // Keeps "now + pause" a date.
    private static readonly TimeSpan LongestPause = TimeSpan.FromDays(365 * 100);

    private static void ThrowIfShorter(TimeSpan? value, TimeSpan first, string name)
    {
        if (value is { } given && given != Timeout.InfiniteTimeSpan && given < first)
            throw new ArgumentOutOfRangeException(name, given, $"The value must be at least the first retry interval ({first}), or Timeout.InfiniteTimeSpan.");
    }
}
