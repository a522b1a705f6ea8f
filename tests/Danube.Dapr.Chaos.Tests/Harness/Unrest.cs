namespace Danube.Dapr.Chaos.Tests.Harness;

/// <summary>Keeps a cluster out of balance, so that there are always moves in flight: again and again another broker's topics become hot.</summary>
internal sealed class Unrest : IAsyncDisposable
{
    private const double Hot = 4;
    private const double Cold = 0.5;
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(3);

    private readonly SimulatorClient _simulator;
    private readonly Random _random;
    private readonly CancellationTokenSource _stop = new();
    private readonly Dictionary<string, double> _factors = [];
    private readonly Task _run;

    private Unrest(SimulatorClient simulator, int seed)
    {
        _simulator = simulator;
        _random = new Random(seed);
        _run = RunAsync();
    }

    public static Unrest Begin(ChaosCluster cluster, int seed) => new(cluster.Simulator, seed);

    /// <summary>Ends it; rates stay as they are, so that the cluster soon comes to rest.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _run;
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            var truth = await _simulator.TruthAsync();
            var serving = truth.Brokers.Where(b => b.Broker.Alive && b.State == "active" && b.CostPerSecond > 0).ToList();
            if (serving.Count > 0)
            {
                var hot = serving[_random.Next(serving.Count)].Broker.Id;
                foreach (var topic in truth.Topics.Where(t => t.Reliable))
                    await SetAsync(topic.Name, topic.ServedBy == hot ? Hot : Cold);
            }

            await Task.Delay(Period, _stop.Token).ContinueWith(_ => { }, TaskScheduler.Default);
        }
    }

    private async Task SetAsync(string topic, double factor)
    {
        if (_factors.GetValueOrDefault(topic, 1) == factor)
            return;
        try
        {
            await _simulator.RateAsync(topic, factor);
            _factors[topic] = factor;
        }
        catch (InvalidOperationException)
        {
            // A helper topic of a repair, gone again.
        }
    }
}
