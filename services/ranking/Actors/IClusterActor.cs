using Dapr.Actors;
using Danube.Dapr.Contracts;

namespace Danube.Dapr.Ranking.Actors;

/// <summary>The one view of the cluster. Public because Dapr makes proxies of it; only this service calls it.</summary>
public interface IClusterActor : IActor
{
    /// <summary>Takes a message of a load report.</summary>
    Task<TakenReport> TakeLoadReportAsync(LoadReportMessage message);

    /// <summary>Takes a cluster report.</summary>
    Task<TakenReport> TakeClusterReportAsync(ClusterReport report);

    /// <summary>Takes note that events are published, so that they are not handed out again.</summary>
    Task ForgetEventsAsync(IReadOnlyList<string> ids);

    /// <summary>The view, if it is newer than <paramref name="knownGeneration"/>.</summary>
    Task<PackedView> GetViewAsync(long knownGeneration);

    /// <summary>A further part of a view that is too large for one answer; empty when that generation is gone.</summary>
    Task<byte[]> GetViewPartAsync(long generation, int part);
}

/// <summary>What became of a report.</summary>
/// <param name="Intake">The outcome.</param>
/// <param name="Detail">The fault of an invalid report.</param>
/// <param name="Events">Events that are stored and are to be published now.</param>
public sealed record TakenReport(string Intake, string Detail, IReadOnlyList<BrokerEvent> Events);

/// <summary>A view on its way from the actor to a replica.</summary>
/// <param name="Generation">Its number.</param>
/// <param name="Parts">How many parts it has; 0 when the caller has this generation already.</param>
/// <param name="First">The first part.</param>
public sealed record PackedView(long Generation, int Parts, byte[] First);
