using System.Text.Json;
using System.Text.Json.Serialization;

namespace Danube.Dapr.Planning.Benchmarks;

/// <summary>A plan's figures as an array, for there are tens of thousands of them: moves, cost, reached, max/mean, milliseconds, kB allocated.</summary>
internal sealed class PlanRowJson : JsonConverter<PlanRow>
{
    public override PlanRow Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        var values = JsonSerializer.Deserialize<double[]>(ref reader, options);
        return values is { Length: 6 } v ? new((int)v[0], v[1], v[2] > 0, v[3], v[4], (long)v[5]) : throw new JsonException("A plan has 6 figures.");
    }

    public override void Write(Utf8JsonWriter writer, PlanRow value, JsonSerializerOptions options) =>
        JsonSerializer.Serialize(writer, (double[])[value.Moves, value.Cost, value.Reached ? 1 : 0, value.MaxOverMean, value.Ms, value.Kb], options);
}
