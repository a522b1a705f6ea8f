using System.Diagnostics;

namespace Danube.Dapr.Chaos.Tests.Harness;

/// <summary>Waiting at process borders: always with a deadline, always saying what was waited for.</summary>
internal static class Poll
{
    /// <summary>Long, because the machine may be busy with other things.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    public static async Task UntilAsync(string what, Func<Task<bool>> condition, TimeSpan? patience = null, int pauseMs = 100)
    {
        var clock = Stopwatch.StartNew();
        while (!await condition())
        {
            if (clock.Elapsed > (patience ?? Patience))
                throw new TimeoutException($"Not within {(patience ?? Patience).TotalSeconds:0} s: {what}.");
            await Task.Delay(pauseMs);
        }
    }
}
