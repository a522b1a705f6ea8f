using System.Text.Json;
using System.Text.Json.Serialization;
using Danube.Dapr.BrokerSimulator.Cases;

namespace Danube.Dapr.BrokerSimulator;

/// <summary>What the simulator writes: one line a value.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(SimulatedEvent))]
[JsonSerializable(typeof(IReadOnlyList<SimulatedEvent>))]
[JsonSerializable(typeof(BrokerUsage))]
[JsonSerializable(typeof(ClusterTruth))]
[JsonSerializable(typeof(CaseVerdict))]
[JsonSerializable(typeof(StartLine))]
[JsonSerializable(typeof(FaultRequest))]
[JsonSerializable(typeof(RateRequest))]
[JsonSerializable(typeof(SimulatedBroker))]
[JsonSerializable(typeof(ControlError))]
internal sealed partial class SimulatorJson : JsonSerializerContext;

/// <summary>The first line on standard output.</summary>
/// <param name="Case">Name of the case.</param>
/// <param name="Description">What it is.</param>
/// <param name="LastEventSeconds">Seconds after the start until the last thing that the case does is over, with Danube's own answer to it.</param>
/// <param name="Seed">Seed of everything random.</param>
/// <param name="Topics">Topics at the start.</param>
/// <param name="Brokers">The brokers' addresses.</param>
/// <param name="Control">The control endpoint, if there is one.</param>
/// <param name="EventLog">The event log's file, if there is one.</param>
internal sealed record StartLine(
    string Case, string Description, double LastEventSeconds, int Seed, int Topics, IReadOnlyList<SimulatedBroker> Brokers, Uri? Control, string? EventLog)
{
    public static StartLine Of(SimulationCase started, SimulatorOptions options, SimulatedCluster cluster) => new(
        started.Name,
        started.Description,
        started.SettledAfterSeconds(cluster.Brokers.Count),
        cluster.Seed,
        cluster.Truth().Topics.Count,
        cluster.Brokers,
        cluster.ControlAddress,
        options.EventLogPath);
}
