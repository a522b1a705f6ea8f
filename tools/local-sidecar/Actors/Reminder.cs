using System.Text.Json.Serialization;
using Danube.Dapr.LocalSidecar.Scheduling;

namespace Danube.Dapr.LocalSidecar.Actors;

/// <summary>A reminder as it is stored.</summary>
/// <param name="Data">The data as it was registered, JSON text, or null.</param>
internal sealed record Reminder(string Type, string Id, string Name, string DueTime, string Period, string? Data, Ticks Ticks)
{
    [JsonIgnore]
    public ActorAddress Address => new(Type, Id);

    /// <summary>As it is read back: what is further away than was asked for was planned before the system's clock was set back, and comes as if it were asked for now.</summary>
    public Reminder AsOf(DateTimeOffset now)
    {
        if (Ticks.Next != Ticks.First) return this with { Ticks = Ticks.AsOf(now) };
        var first = now;
        if (DueTime.Length > 0 && !Durations.TryParseMoment(DueTime, now, out first)) return this;
        var lost = Ticks.First - first;
        return lost > ClockWatch.Tolerance ? this with { Ticks = Ticks with { First = first, Next = first, Until = Ticks.Until - lost } } : this;
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(Reminder))]
internal sealed partial class ReminderJson : JsonSerializerContext;
