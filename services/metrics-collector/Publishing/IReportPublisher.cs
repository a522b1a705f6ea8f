using System.Globalization;
using Dapr.Client;
using Danube.Dapr.Contracts;
using Microsoft.Extensions.Options;

namespace Danube.Dapr.MetricsCollector.Publishing;

/// <summary>Where reports go.</summary>
internal interface IReportPublisher
{
    /// <summary>Publishes a load report.</summary>
    /// <param name="report">The report.</param>
    /// <param name="writer">Packs the reports of this broker.</param>
    /// <param name="cancellationToken">Stops it.</param>
    Task PublishAsync(LoadReport report, LoadReportWriter writer, CancellationToken cancellationToken);

    Task PublishAsync(ClusterReport report, CancellationToken cancellationToken);
}

/// <summary>Publishes over Dapr. The id of each event follows from broker, sequence and chunk, so a repeated one can be told.</summary>
internal sealed class DaprReportPublisher(DaprClient dapr, IOptions<CollectorOptions> options) : IReportPublisher
{
    public async Task PublishAsync(LoadReport report, LoadReportWriter writer, CancellationToken cancellationToken)
    {
        foreach (var message in writer.Encode(report))
        {
            var id = string.Create(CultureInfo.InvariantCulture, $"{message.BrokerId}-{message.Sequence}-{message.Chunk}");
            await PublishAsync(DaprNames.Topics.LoadReports, message, id, cancellationToken);
        }

        writer.Delivered();
    }

    public Task PublishAsync(ClusterReport report, CancellationToken cancellationToken) =>
        PublishAsync(DaprNames.Topics.ClusterReports, report, string.Create(CultureInfo.InvariantCulture, $"cluster-{report.Sequence}"), cancellationToken);

    private async Task PublishAsync<T>(string topic, T message, string id, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(TimeSpan.FromSeconds(options.Value.PublishTimeoutSeconds));
        await dapr.PublishEventAsync(DaprNames.PubSub, topic, message, new Dictionary<string, string> { ["cloudevent.id"] = id }, limit.Token);
    }
}
