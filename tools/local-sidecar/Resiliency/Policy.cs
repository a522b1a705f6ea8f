using Polly;
using Polly.Retry;
using Polly.Timeout;

namespace Danube.Dapr.LocalSidecar.Resiliency;

/// <summary>A call that went wrong in a way that a policy may try again.</summary>
internal class CallFailedException(string message, int? httpStatus = null, Exception? inner = null) : Exception(message, inner)
{
    public int? HttpStatus { get; } = httpStatus;
}

/// <summary>The policies of one target, ready to run calls: retry outside, then circuit breaker, then time-out of each try.</summary>
internal sealed class Policy
{
    private readonly ResiliencePipeline _pipeline;

    public Policy(PolicySet set, TimeProvider time)
    {
        var builder = new ResiliencePipelineBuilder { TimeProvider = time };
        if (set.Retry is { } retry)
        {
            builder.AddRetry(new RetryStrategyOptions
            {
                MaxRetryAttempts = retry.MaxRetries switch { < 0 => int.MaxValue, 0 => 1, var n => n },
                BackoffType = retry.Exponential ? DelayBackoffType.Exponential : DelayBackoffType.Constant,
                UseJitter = retry.Exponential,
                Delay = retry.Exponential ? TimeSpan.FromMilliseconds(500) : retry.Duration,
                MaxDelay = retry.Exponential ? retry.MaxInterval : null,
                ShouldHandle = arguments => ValueTask.FromResult(retry.MaxRetries != 0 && arguments.Outcome.Exception switch
                {
                    // An actor's method that is not there will not come.
                    CallFailedException { HttpStatus: 404 } => false,
                    CallFailedException failed => retry.Covers(failed.HttpStatus),
                    HttpRequestException or TimeoutRejectedException => true,
                    _ => false,
                }),
            });
        }
        if (set.Breaker is { } breaker) builder.AddStrategy(_ => new Breaker(breaker, time), new BreakerOptions());
        if (set.Timeout is { } timeout) builder.AddTimeout(timeout);
        _pipeline = builder.Build();
    }

    /// <summary>Runs a call; what it throws at last comes through.</summary>
    public ValueTask RunAsync(Func<CancellationToken, ValueTask> call, CancellationToken cancellationToken) => _pipeline.ExecuteAsync(call, cancellationToken);

    /// <summary>Runs a call that gives a value.</summary>
    public ValueTask<T> RunAsync<T>(Func<CancellationToken, ValueTask<T>> call, CancellationToken cancellationToken) => _pipeline.ExecuteAsync(call, cancellationToken);

    private sealed class BreakerOptions : ResilienceStrategyOptions;
}
