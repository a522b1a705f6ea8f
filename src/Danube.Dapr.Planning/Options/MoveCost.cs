namespace Danube.Dapr.Planning;

/// <summary>What moving a topic costs: <c>PerMove + PerClient × clients + PerUnexportedByte × un-exported bytes</c>. Every client of a moved topic sees one error and reconnects.</summary>
/// <param name="PerMove">α, above 0. Default 1.</param>
/// <param name="PerClient">β, 0 or more. Default 0.05: twenty clients weigh as much as one more move.</param>
/// <param name="PerUnexportedByte">γ, 0 or more. Default 1 / 64 MiB.</param>
public sealed record MoveCost(double PerMove = 1, double PerClient = .05, double PerUnexportedByte = 1.0 / (64 << 20))
{
    /// <summary>Every move costs 1, whatever its topic: plans for the fewest moves.</summary>
    public static MoveCost CountOnly { get; } = new(1, 0, 0);

    /// <summary>The cost of moving one topic.</summary>
    public double Of(TopicInfo topic) => PerMove + (PerClient * topic.Clients) + (PerUnexportedByte * topic.UnexportedBytes);
}
