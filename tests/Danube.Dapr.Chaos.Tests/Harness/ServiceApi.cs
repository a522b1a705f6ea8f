using System.Net.Http.Json;
using System.Text.Json;
using Danube.Dapr.Contracts;

namespace Danube.Dapr.Chaos.Tests.Harness;

/// <summary>A service's HTTP API as an operator uses it. Every call may fail while something is dead: then it answers null.</summary>
internal sealed class ServiceApi(Uri address) : IDisposable
{
    private readonly HttpClient _http = new() { BaseAddress = address, Timeout = TimeSpan.FromSeconds(10) };

    /// <summary>A service says after about 10 s that its store is not there; that answer is waited for.</summary>
    private readonly HttpClient _commands = new() { BaseAddress = address, Timeout = TimeSpan.FromSeconds(30) };

    public async Task<T?> TryGetAsync<T>(string path)
        where T : class
    {
        try
        {
            using var answer = await _http.GetAsync(path);
            return answer.IsSuccessStatusCode ? await answer.Content.ReadFromJsonAsync<T>(ContractsJson.Wire) : null;
        }
        catch (Exception error) when (error is HttpRequestException or TaskCanceledException or JsonException or IOException)
        {
            return null;
        }
    }

    public async Task<bool> TryPostAsync(string path, object? body = null)
    {
        try
        {
            using var answer = await _commands.PostAsJsonAsync(path, body ?? new { });
            return answer.IsSuccessStatusCode;
        }
        catch (Exception error) when (error is HttpRequestException or TaskCanceledException or IOException)
        {
            return false;
        }
    }

    /// <summary>A call whose answer is looked at, whatever it is.</summary>
    public async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, object? body = null)
    {
        using var request = new HttpRequestMessage(method, path) { Content = method == HttpMethod.Get ? null : JsonContent.Create(body ?? new { }) };
        return await _commands.SendAsync(request);
    }

    public async Task<bool> IsHealthyAsync()
    {
        try
        {
            using var answer = await _http.GetAsync("healthz");
            return answer.IsSuccessStatusCode;
        }
        catch (Exception error) when (error is HttpRequestException or TaskCanceledException or IOException)
        {
            return false;
        }
    }

    /// <summary>All moves that the rebalancer remembers; null when it does not answer.</summary>
    public async Task<IReadOnlyList<MoveRecord>?> MovesAsync()
    {
        var moves = new List<MoveRecord>();
        while (true)
        {
            if (await TryGetAsync<Page<MoveRecord>>($"moves?offset={moves.Count}&limit=500") is not { } page)
                return null;
            moves.AddRange(page.Items);
            if (page.Items.Count == 0 || moves.Count >= page.Total)
                return moves;
        }
    }

    /// <summary>All steps of all moves in the record, oldest first; null when history does not answer.</summary>
    public async Task<IReadOnlyList<MoveRecord>?> MoveHistoryAsync()
    {
        var steps = new List<MoveRecord>();
        var before = "";
        while (true)
        {
            if (await TryGetAsync<Page<HistoryEntry>>($"history?kind=move&limit=1000{before}") is not { } page)
                return null;
            steps.AddRange(page.Items.Select(e => e.Move!));
            if (page.Items.Count < 1000)
            {
                steps.Reverse();
                return steps;
            }

            before = FormattableString.Invariant($"&before={page.Items[^1].Position}");
        }
    }

    public void Dispose()
    {
        _http.Dispose();
        _commands.Dispose();
    }
}
