using System.Globalization;
using Danube.Dapr.BrokerClient;
using Danube.Dapr.Contracts;
using Danube.Dapr.MetricsCollector.Cluster;
using Danube.Dapr.MetricsCollector.Publishing;
using Danube.Dapr.MetricsCollector.Topics;

namespace Danube.Dapr.MetricsCollector.Rounds;

/// <summary>Measures one broker: keeps its series and its topic list from round to round and makes its load reports.</summary>
internal sealed class BrokerMonitor(string brokerId, IDanubeSource source, SequenceNumbers sequences, TimeProvider time, RoundLimits limits, int fullNamesEvery = 1)
{
    private readonly BrokerSeries _series = new(brokerId);
    private readonly long _origin = time.GetTimestamp();

    /// <summary>For each owned topic the first scrape whose interval did not begin with the topic here: until the next one its rates are those of a part of an interval.</summary>
    private Dictionary<string, int> _arrivedAt = new(StringComparer.Ordinal);
    private IReadOnlyList<OwnedTopic> _owned = [];
    private TimeSpan? _ownedAt;
    private DateTimeOffset _scrapedAt;

    public LoadReport? LastReport { get; private set; }

    /// <summary>The broker whose metrics text came last where this one's should be; null when it was its own.</summary>
    public string? OtherBroker { get; private set; }

    /// <summary>Packs this broker's reports.</summary>
    public LoadReportWriter Writer { get; } = new(fullNamesEvery);

    /// <summary>The measurement that is under way or was the last; null before the first.</summary>
    public Task<(bool Published, int Gaps)>? Running { get; set; }

    /// <summary>One measurement.</summary>
    /// <param name="resources">Gives the use of the broker's machine since the last report; asked when the report is made.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>The report, and the topic list if it could be read now.</returns>
    public async Task<(LoadReport Report, IReadOnlyList<OwnedTopic>? Owned)> CollectAsync(Func<ResourceUsage> resources, CancellationToken cancellationToken)
    {
        var gaps = new List<ReportGap>();
        var asked = Bounded.TryAsync(t => source.ListBrokerTopicsAsync(brokerId, t), limits.Call, cancellationToken);
        var scraped = ScrapeAsync(cancellationToken);
        var (fresh, scrapeFault) = await scraped;
        var (owned, ownedFault) = await asked;
        if (scrapeFault is not null)
            gaps.Add(new ReportGap("metrics", scrapeFault, fresh || _series.Scrape == 0 ? null : AgeSeconds(_series.LastAt)));
        if (owned is not null)
            TakeOwned(owned, fresh);
        else
            gaps.Add(new ReportGap("ownership", ownedFault!, _ownedAt is { } at ? AgeSeconds(at) : null));
        var usage = resources();
        if (usage.Fallback || usage.Source == "none")
            gaps.Add(new ReportGap("resources", usage.Evidence));
        LastReport = Report(usage, gaps);
        return (LastReport, owned);
    }

    /// <returns>Whether the series are those of now, and what is wrong with them.</returns>
    private async Task<(bool Fresh, string? Fault)> ScrapeAsync(CancellationToken cancellationToken)
    {
        // Two rounds that follow each other at once (a refresh) share one scrape: a rate over some milliseconds is noise.
        if (_series.Scrape > 0 && Now() - _series.LastAt < limits.LeastInterval)
            return (true, null);
        var began = Now();
        var beganWall = time.GetUtcNow();
        var (text, fault) = await Bounded.TryAsync(t => source.GetMetricsTextAsync(brokerId, t), limits.Scrape, cancellationToken);
        if (fault is not null)
            return (false, fault);
        if (text is null)
            return (false, "the broker runs without a metrics exporter");
        // The text was written between the question and its end; the client knows when the answer began. Differences are taken on the monotonic clock.
        var waited = text.ReadAt - beganWall;
        var at = began + (waited < TimeSpan.Zero ? TimeSpan.Zero : waited > text.Elapsed ? text.Elapsed : waited);
        var faults = _series.Take(text.Utf8.Span, at);
        OtherBroker = faults.OtherBroker;
        if (faults.Refusal is not null)
            return (false, $"{text.Address}: {faults.Refusal}");
        _scrapedAt = text.ReadAt;
        return (true, faults is { MalformedLines: 0, ForeignSeries: 0 }
            ? null
            : string.Create(CultureInfo.InvariantCulture, $"{faults.MalformedLines} lines could not be read and {faults.ForeignSeries} series name another broker; they are left out"));
    }

    private void TakeOwned(IReadOnlyList<OwnedTopic> owned, bool fresh)
    {
        var arrivedAt = new Dictionary<string, int>(owned.Count, StringComparer.Ordinal);
        foreach (var topic in owned)
            arrivedAt[topic.Name] = _arrivedAt.TryGetValue(topic.Name, out var scrape) ? scrape : fresh ? _series.Scrape : _series.Scrape + 1;
        _arrivedAt = arrivedAt;
        _owned = owned;
        _ownedAt = Now();
    }

    private LoadReport Report(ResourceUsage resources, IReadOnlyList<ReportGap> gaps)
    {
        var usable = _series.Seconds > 0 && Now() - _series.LastAt <= limits.StaleAfter;
        var none = new TopicSeries();
        var topics = new List<TopicLoad>(_owned.Count);
        foreach (var topic in _owned.DistinctBy(t => t.Name).OrderBy(t => t.Name, StringComparer.Ordinal))
        {
            var series = _series.Find(topic.Name) ?? none;
            if (topic.Delivery == TopicDelivery.Reliable)
                series.Remember(_series.Scrape, _series.LastAt);
            var known = usable && _series.Scrape > _arrivedAt[topic.Name];
            topics.Add(series.ToLoad(topic.Name, topic.Delivery == TopicDelivery.Reliable, _series.Scrape, _series.Seconds, known));
        }

        var end = _series.Scrape > 0 ? _scrapedAt : time.GetUtcNow();
        return new LoadReport
        {
            BrokerId = brokerId,
            Sequence = sequences.Next(),
            Collector = sequences.Origin,
            IntervalStart = end - TimeSpan.FromSeconds(_series.Seconds),
            IntervalEnd = end,
            Resources = resources,
            OwnedGauge = _series.OwnedGauge,
            RefusedPublishesPerSecond = usable ? _series.RefusedIncrease / _series.Seconds : 0,
            RedirectsPerSecond = usable ? _series.RedirectsIncrease / _series.Seconds : 0,
            BuiltInMovesTotal = _series.BuiltInMovesTotal,
            Topics = topics,
            Gaps = [.. gaps],
        };
    }

    private double AgeSeconds(TimeSpan at) => Math.Round((Now() - at).TotalSeconds, 3);

    private TimeSpan Now() => time.GetElapsedTime(_origin);
}

/// <summary>Limits of one measurement.</summary>
/// <param name="Call">Of one admin question.</param>
/// <param name="Scrape">Of one metrics scrape.</param>
/// <param name="LeastInterval">Least time between two scrapes of a broker.</param>
/// <param name="StaleAfter">Age from which the rates of the last good scrape are no longer used.</param>
/// <param name="Patience">How long a round waits for brokers that have not answered yet; their reports follow by themselves.</param>
internal sealed record RoundLimits(TimeSpan Call, TimeSpan Scrape, TimeSpan LeastInterval, TimeSpan StaleAfter, TimeSpan Patience)
{
    public static RoundLimits From(CollectorOptions options) => new(
        TimeSpan.FromSeconds(options.CallTimeoutSeconds),
        TimeSpan.FromSeconds(options.ScrapeTimeoutSeconds),
        TimeSpan.FromSeconds(Math.Min(0.4, options.IntervalSeconds / 2)),
        TimeSpan.FromSeconds(Math.Max(10, 3 * options.IntervalSeconds)),
        TimeSpan.FromSeconds(Math.Min(2, options.IntervalSeconds / 2)));
}
