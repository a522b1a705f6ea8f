using System.Globalization;
using Grpc.Core;

namespace Danube.Dapr.Rebalancer.Actors;

/// <summary>
/// How long one turn of the control loop waits, in all, for those that it asks: all that an operator commands waits for that turn, the kill switch too, and by itself a call to an actor is given up after 100 s only.
/// </summary>
internal sealed class TurnLimit(TimeSpan atMost) : IDisposable
{
    private readonly CancellationTokenSource _over = new(atMost);

    /// <summary>Cancelled when the time is over.</summary>
    public CancellationToken Token => _over.Token;

    /// <summary>Asks somebody, unless the time is over, and waits until it is. What was asked may still happen afterwards.</summary>
    /// <exception cref="NoAnswerException">The answer did not come in time.</exception>
    public async Task<T> AskAsync<T>(string whom, Func<Task<T>> call)
    {
        if (Token.IsCancellationRequested)
            throw new NoAnswerException($"{GivenUp}, before {whom} was asked.");
        try
        {
            return await call().WaitAsync(Token);
        }
        // As a token, an HTTP client's own limit and a gRPC call that was cancelled end.
        catch (Exception error) when (error is OperationCanceledException or RpcException { StatusCode: StatusCode.Cancelled })
        {
            throw new NoAnswerException($"{GivenUp}: {whom} does not answer.", error);
        }
    }

    /// <inheritdoc cref="AskAsync{T}"/>
    public Task AskAsync(string whom, Func<Task> call) => AskAsync(whom, async () =>
    {
        await call();
        return true;
    });

    private string GivenUp => string.Create(CultureInfo.InvariantCulture, $"Given up after {atMost.TotalSeconds:0.#} s");

    public void Dispose() => _over.Dispose();
}

/// <summary>Somebody did not answer within the time that a turn of the control loop may take.</summary>
internal sealed class NoAnswerException(string message, Exception? inner = null) : Exception(message, inner);
