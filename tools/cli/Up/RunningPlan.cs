using Danube.Dapr.Contracts;

namespace Danube.Dapr.Cli.Up;

/// <summary>Ends what moves on a real cluster before its services are stopped: the move under way ends, and the brokers that it masked are active again.</summary>
internal sealed class RunningPlan(HttpClient http, ControlPlaneClient client, Uri rebalancer)
{
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(100);

    /// <summary>Cancels the running plan and waits for its end.</summary>
    /// <returns>The plan that had not ended within <paramref name="limit"/>; null when nothing runs any more.</returns>
    public async Task<string?> EndAsync(TimeSpan limit)
    {
        using var over = new CancellationTokenSource(limit);
        string? last = null;
        var cancelled = new HashSet<string>(StringComparer.Ordinal);
        try
        {
            while (await client.TryGetAsync<RebalancerStatus>(new Uri(rebalancer, "/status"), over.Token) is { } status)
            {
                last = status.RunningPlanId;
                if (last is null)
                    return null;
                if (cancelled.Add(last))
                {
                    using var answer = await http.PostAsync(new Uri(rebalancer, $"/plans/{Uri.EscapeDataString(last)}/cancel"), null, over.Token);
                }

                await Task.Delay(PollInterval, over.Token);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or HttpRequestException)
        {
            // Too late, or the rebalancer is gone: the caller says so.
        }

        return last;
    }
}
