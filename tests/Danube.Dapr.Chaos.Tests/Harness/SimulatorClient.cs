using System.Net.Http.Json;
using System.Text.Json;
using Danube.Dapr.BrokerSimulator;

namespace Danube.Dapr.Chaos.Tests.Harness;

/// <summary>The simulator's control endpoint: what really happened, and the hands of fate.</summary>
internal sealed class SimulatorClient(Uri control) : IDisposable
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    private readonly HttpClient _http = new() { BaseAddress = control, Timeout = TimeSpan.FromSeconds(30) };
    private readonly List<SimulatedEvent> _events = [];
    private readonly SemaphoreSlim _reading = new(1, 1);

    public async Task<ClusterTruth> TruthAsync() => (await _http.GetFromJsonAsync<ClusterTruth>("truth", Json))!;

    /// <summary>Everything that happened after <paramref name="seq"/>, in order.</summary>
    public async Task<IReadOnlyList<SimulatedEvent>> EventsAsync(long seq = 0)
    {
        await _reading.WaitAsync();
        try
        {
            _events.AddRange((await _http.GetFromJsonAsync<List<SimulatedEvent>>($"events?after={_events.Count}", Json))!);
            return _events[(int)Math.Min(seq, _events.Count)..];
        }
        finally
        {
            _reading.Release();
        }
    }

    /// <summary>Number of the last event.</summary>
    public async Task<long> LastSeqAsync()
    {
        await EventsAsync();
        return _events.Count;
    }

    /// <summary>The first event after <paramref name="seq"/> that fits; null when there is none in time.</summary>
    public async Task<SimulatedEvent?> NextAsync(long seq, Func<SimulatedEvent, bool> fits, TimeSpan patience)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (true)
        {
            foreach (var happened in await EventsAsync(seq))
            {
                seq = happened.Seq;
                if (fits(happened))
                    return happened;
            }

            if (TimeProvider.System.GetElapsedTime(started) > patience)
                return null;
            await Task.Delay(4);
        }
    }

    public Task FaultAsync(Fault fault, bool on, string? target = null, double value = 1) =>
        PostAsync("faults", new { fault = fault.ToString(), on, target, value });

    public Task RateAsync(string topic, double factor) => PostAsync("rates", new { topic, factor });

    public Task KillSlotAsync(int slot) => PostAsync($"slots/{slot}/kill", null);

    public Task ReviveSlotAsync(int slot) => PostAsync($"slots/{slot}/revive", null);

    public Task StepDownAsync() => PostAsync("leader/step-down", null);

    public void Dispose()
    {
        _http.Dispose();
        _reading.Dispose();
    }

    private async Task PostAsync(string path, object? body)
    {
        using var answer = await _http.PostAsJsonAsync(path, body ?? new { });
        if (!answer.IsSuccessStatusCode)
            throw new InvalidOperationException($"POST {path} of the simulator: {(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync()}");
    }
}
