using System.Text.Json;
using System.Text.Json.Serialization;

namespace Danube.Dapr.Cli.Up;

/// <summary>What the simulator says when it is ready: where its brokers listen and when the last event of its case is over.</summary>
internal sealed record SimulatorReady(string Case, string Description, double LastEventSeconds, IReadOnlyList<SimulatedBroker> Brokers)
{
    /// <summary>Reads the simulator's output until it is ready.</summary>
    /// <exception cref="CliException">It ended first; its last line says why.</exception>
    public static async Task<SimulatorReady> WaitAsync(ChildProcess simulator, CancellationToken cancellation)
    {
        SimulatorReady? ready = null;
        try
        {
            await foreach (var line in simulator.Output.ReadAllAsync(cancellation).WithCancellation(cancellation))
            {
                if (line.StartsWith('{') && ready is null)
                    ready = JsonSerializer.Deserialize(line, SimulatorReadyJson.Default.SimulatorReady);
                else if (line == "ready" && ready is not null)
                    return ready;
            }
        }
        catch (JsonException e)
        {
            throw new CliException($"The simulator's first line cannot be read: {e.Message}");
        }
        await simulator.Exited.WaitAsync(TimeSpan.FromSeconds(5), cancellation);
        throw new CliException(simulator.LastLine() is { Length: > 0 } reason ? reason : $"The simulator ended with exit code {simulator.ExitCode}.");
    }
}

/// <summary>One simulated broker.</summary>
internal sealed record SimulatedBroker(string Id, string Admin, string Client, string Metrics);

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(SimulatorReady))]
internal sealed partial class SimulatorReadyJson : JsonSerializerContext;
