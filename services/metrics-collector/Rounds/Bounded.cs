using System.Globalization;
using Danube.Dapr.BrokerClient;

namespace Danube.Dapr.MetricsCollector.Rounds;

/// <summary>Asks within a time limit; a broker that does not answer well is a fault in words, not an exception.</summary>
internal static class Bounded
{
    public static async Task<(T? Answer, string? Fault)> TryAsync<T>(Func<CancellationToken, Task<T>> ask, TimeSpan limit, CancellationToken cancellationToken)
    {
        using var bounded = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        bounded.CancelAfter(limit);
        try
        {
            // WaitAsync: not even a client that ignores its token holds the round.
            return (await ask(bounded.Token).WaitAsync(bounded.Token), null);
        }
        catch (DanubeException error)
        {
            return (default, error.Message);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return (default, string.Create(CultureInfo.InvariantCulture, $"no answer within {limit.TotalSeconds} s"));
        }
    }
}
