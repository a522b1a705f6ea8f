using System.Text.Json.Serialization;
using Danube.Dapr.LocalSidecar.Scheduling;

namespace Danube.Dapr.LocalSidecar.Actors;

/// <summary>A reminder as it is stored.</summary>
/// <param name="Data">The data as it was registered, JSON text, or null.</param>
internal sealed record Reminder(string Type, string Id, string Name, string DueTime, string Period, string? Data, Ticks Ticks)
{
    [JsonIgnore]
    public ActorAddress Address => new(Type, Id);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(Reminder))]
internal sealed partial class ReminderJson : JsonSerializerContext;
