using System.Text.Json;
using System.Text.Json.Serialization;

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
internal sealed record StartLine(string Case, int Seed, int Topics, IReadOnlyList<SimulatedBroker> Brokers, Uri? Control, string? EventLog);
