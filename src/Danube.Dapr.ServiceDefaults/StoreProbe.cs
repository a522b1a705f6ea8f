using System.Globalization;

namespace Danube.Dapr.ServiceDefaults;

/// <summary>
/// Asks whether the state store answers. A request that failed, or does not come to an end, is told apart by this: what a store's outage looks like from inside an actor differs from store to store and
/// from sidecar to sidecar, but a read that fails is the same everywhere.
/// </summary>
/// <param name="code">The stable code of a refusal because of the store.</param>
/// <param name="read">Reads something from the store, through the sidecar; whether it is there does not matter.</param>
/// <param name="time">The clock.</param>
internal sealed class StoreProbe(string code, Func<CancellationToken, Task> read, TimeProvider time)
{
    /// <summary>A store that takes longer does not answer.</summary>
    internal static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    /// <summary>What many requests ask at once is asked once.</summary>
    private static readonly TimeSpan Shared = TimeSpan.FromMilliseconds(500);

    private readonly Lock _lock = new();
    private Task<string?> _last = Task.FromResult<string?>(null);
    private long? _asked;

    /// <summary>The stable code of a refusal because of the store.</summary>
    internal string Code => code;

    /// <summary>One sentence about why the store does not answer; null when it does.</summary>
    internal Task<string?> WhyDownAsync()
    {
        lock (_lock)
        {
            if (_asked is { } asked && (!_last.IsCompleted || time.GetElapsedTime(asked) < Shared))
                return _last;
            _asked = time.GetTimestamp();
            return _last = AskAsync();
        }
    }

    private async Task<string?> AskAsync()
    {
        using var patience = new CancellationTokenSource(Patience, time);
        try
        {
            // A client that does not look at its token must not make us wait either.
            await read(patience.Token).WaitAsync(patience.Token);
            return null;
        }
        catch (Exception) when (patience.IsCancellationRequested)
        {
            return string.Create(CultureInfo.InvariantCulture, $"The state store does not answer: a read got nothing within {Patience.TotalSeconds:0} s. Nothing is decided or moved until it is back.");
        }
        catch (Exception error)
        {
            return $"The state store does not answer: {(error.InnerException ?? error).Message.ReplaceLineEndings(" ").TrimEnd('.')}. Nothing is decided or moved until it is back.";
        }
    }
}
