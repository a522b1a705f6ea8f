using Danube.Dapr.Contracts;

namespace Danube.Dapr.Rebalancer.Cycle;

/// <summary>Asks ranking for the cluster's state, by Dapr service invocation.</summary>
internal sealed class RankingClient
{
    /// <summary>The longest wait for an answer: whoever asks may hold up the kill switch meanwhile.</summary>
    public static readonly TimeSpan Timeout = TimeSpan.FromSeconds(10);

    private readonly HttpClient _http;

    public RankingClient(HttpClient http)
    {
        http.Timeout = Timeout;
        _http = http;
    }

    /// <exception cref="SnapshotUnavailableException">Ranking does not answer, or has no snapshot yet.</exception>
    public Task<ClusterSnapshot> GetSnapshotAsync(CancellationToken cancellationToken = default) => GetAsync<ClusterSnapshot>("/snapshot", cancellationToken);

    /// <summary>Topics that exist and that nobody owns, with the time since when.</summary>
    /// <exception cref="SnapshotUnavailableException">Ranking does not answer.</exception>
    public Task<IReadOnlyList<UnownedTopic>> GetUnownedAsync(CancellationToken cancellationToken = default) =>
        GetAsync<IReadOnlyList<UnownedTopic>>("/unowned", cancellationToken);

    private async Task<T> GetAsync<T>(string path, CancellationToken cancellationToken)
    {
        try
        {
            using var response = await _http.GetAsync(path, cancellationToken);
            if (!response.IsSuccessStatusCode)
                throw new SnapshotUnavailableException($"Ranking answered {(int)response.StatusCode} to GET {path}: {Short(await response.Content.ReadAsStringAsync(cancellationToken))}");
            return await response.Content.ReadFromJsonAsync<T>(ContractsJson.Wire, cancellationToken)
                ?? throw new SnapshotUnavailableException($"Ranking answered nothing to GET {path}.");
        }
        catch (Exception error) when (error is HttpRequestException or System.Text.Json.JsonException
            || (error is TaskCanceledException && !cancellationToken.IsCancellationRequested))
        {
            throw new SnapshotUnavailableException($"Ranking cannot be asked for {path}: {error.Message}", error);
        }
    }

    private static string Short(string text) => text.Length <= 200 ? text : text[..200] + "…";
}

/// <summary>There is no snapshot to plan on.</summary>
internal sealed class SnapshotUnavailableException(string message, Exception? inner = null) : Exception(message, inner);
