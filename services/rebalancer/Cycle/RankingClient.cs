using Danube.Dapr.Contracts;

namespace Danube.Dapr.Rebalancer.Cycle;

/// <summary>Asks ranking for the cluster's state, by Dapr service invocation.</summary>
internal sealed class RankingClient(HttpClient http)
{
    /// <exception cref="SnapshotUnavailableException">Ranking does not answer, or has no snapshot yet.</exception>
    public async Task<ClusterSnapshot> GetSnapshotAsync(CancellationToken cancellationToken = default)
    {
        try
        {
            using var response = await http.GetAsync("/snapshot", cancellationToken);
            if (!response.IsSuccessStatusCode)
                throw new SnapshotUnavailableException($"Ranking answered {(int)response.StatusCode} to GET /snapshot: {Short(await response.Content.ReadAsStringAsync(cancellationToken))}");
            return await response.Content.ReadFromJsonAsync<ClusterSnapshot>(ContractsJson.Wire, cancellationToken)
                ?? throw new SnapshotUnavailableException("Ranking answered an empty snapshot.");
        }
        catch (Exception error) when (error is HttpRequestException or System.Text.Json.JsonException
            || (error is TaskCanceledException && !cancellationToken.IsCancellationRequested))
        {
            throw new SnapshotUnavailableException($"Ranking cannot be asked for the snapshot: {error.Message}", error);
        }
    }

    private static string Short(string text) => text.Length <= 200 ? text : text[..200] + "…";
}

/// <summary>There is no snapshot to plan on.</summary>
internal sealed class SnapshotUnavailableException(string message, Exception? inner = null) : Exception(message, inner);
