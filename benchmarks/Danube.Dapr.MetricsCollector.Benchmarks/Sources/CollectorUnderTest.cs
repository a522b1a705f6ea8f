using System.Diagnostics.Metrics;
using System.Text.Json;
using Danube.Dapr.Contracts;
using Danube.Dapr.MetricsCollector.Cluster;
using Danube.Dapr.MetricsCollector.Publishing;
using Danube.Dapr.MetricsCollector.Resources;
using Danube.Dapr.MetricsCollector.Resources.Linux;
using Danube.Dapr.MetricsCollector.Rounds;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Danube.Dapr.MetricsCollector.Benchmarks.Sources;

/// <summary>The collector as the service runs it, without loops and sidecar: reports are encoded and serialised as for a publication, then counted.</summary>
internal sealed class CollectorUnderTest : IReportPublisher, IDisposable
{
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private long _bytes;
    private long _messages;
    private long _largestReport;
    private long _reports;

    public CollectorUnderTest(IDanubeSource source, TimeProvider time, string target = "host", bool clusterReports = true)
    {
        var options = Options.Create(new CollectorOptions
        {
            CallTimeoutSeconds = 60, ScrapeTimeoutSeconds = 60, IntervalSeconds = 0.5, ClusterReports = clusterReports, Targets = [new TargetOptions { Kind = target }],
        });
        Resources = new ResourceMonitor(new LinuxTargetResolver(new SystemFiles(""), LocalMachine.Has, LocalMachine.Addresses), options, time, NullLogger<ResourceMonitor>.Instance);
        Collector = new Collector(
            source, this, Resources, new Reachability(source, time, TimeSpan.FromSeconds(1), 2), new SequenceNumbers(time, 1),
            new CollectorMetrics(_services.GetRequiredService<IMeterFactory>()), options, time, NullLogger<Collector>.Instance);
    }

    public Collector Collector { get; }

    public ResourceMonitor Resources { get; }

    public long LargestReportBytes => _largestReport;

    public double MeanReportBytes => _reports == 0 ? 0 : (double)_bytes / _reports;

    public double MessagesPerReport => _reports == 0 ? 0 : (double)_messages / _reports;

    public void Forget() => (_bytes, _messages, _largestReport, _reports) = (0, 0, 0, 0);

    public Task PublishAsync(LoadReport report, LoadReportWriter writer, CancellationToken cancellationToken)
    {
        long bytes = 0, messages = 0;
        foreach (var message in writer.Encode(report))
        {
            bytes += JsonSerializer.SerializeToUtf8Bytes(message, ContractsJson.Default.LoadReportMessage).Length;
            messages++;
        }

        writer.Delivered();
        Interlocked.Add(ref _bytes, bytes);
        Interlocked.Add(ref _messages, messages);
        Interlocked.Increment(ref _reports);
        InterlockedMax(bytes);
        return Task.CompletedTask;
    }

    public Task PublishAsync(ClusterReport report, CancellationToken cancellationToken)
    {
        JsonSerializer.SerializeToUtf8Bytes(report, ContractsJson.Default.ClusterReport);
        return Task.CompletedTask;
    }

    public void Dispose()
    {
        Collector.Dispose();
        _services.Dispose();
    }

    private void InterlockedMax(long bytes)
    {
        for (var seen = Interlocked.Read(ref _largestReport); bytes > seen; seen = Interlocked.Read(ref _largestReport))
            Interlocked.CompareExchange(ref _largestReport, bytes, seen);
    }
}
