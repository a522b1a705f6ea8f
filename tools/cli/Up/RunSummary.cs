using System.Text.Json;
using System.Text.Json.Serialization;

namespace Danube.Dapr.Cli.Up;

/// <summary>The last line of <c>danube-lb up --json</c>.</summary>
internal sealed record RunSummary
{
    /// <summary>Name of the case, or <c>cluster</c> with <c>--seeds</c>.</summary>
    public required string Case { get; init; }

    /// <summary>CV below 0.20 and no broker above 1.2 × mean at the end.</summary>
    public required bool Balanced { get; init; }

    /// <summary>Coefficient of variation of the worst resource before the first move.</summary>
    public required double? CvBefore { get; init; }

    /// <summary>The same at the end.</summary>
    public required double? CvAfter { get; init; }

    public required double? MaxOverMeanBefore { get; init; }

    public required double? MaxOverMeanAfter { get; init; }

    /// <summary>Moves done and verified.</summary>
    public required int Moves { get; init; }

    /// <summary>Moves that failed, got stuck or landed elsewhere.</summary>
    public required int MovesFailed { get; init; }

    /// <summary>The proven least number of moves of the first plan that ran; 0 when none ran.</summary>
    public required int LowerBound { get; init; }

    /// <summary>Seconds from the start of the processes to the end of the run.</summary>
    public required double Seconds { get; init; }

    /// <summary>Topics that nobody owned for over 10 s at some time, or that were repaired before that.</summary>
    public required int Stranded { get; init; }

    /// <summary>Of these, how many have an owner again.</summary>
    public required int Repaired { get; init; }

    /// <summary>Topics too heavy for any placement.</summary>
    public required IReadOnlyCollection<string> Unsplittable { get; init; }

    /// <summary>Memory and CPU time of each process.</summary>
    public required IReadOnlyDictionary<string, ProcessUse> PerService { get; init; }

    public string ToJson() => JsonSerializer.Serialize(this, RunSummaryJson.Default.RunSummary);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(RunSummary))]
internal sealed partial class RunSummaryJson : JsonSerializerContext;
