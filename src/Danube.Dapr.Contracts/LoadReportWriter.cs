namespace Danube.Dapr.Contracts;

/// <summary>
/// Packs the load reports of one broker one after the other. Names go out in full in the first report, in every so many, when a reader asks, and after one that was not
/// delivered; in between a report refers to the names of the last full one. Each such report needs that full one and no other, so a lost, doubled or late one harms no other.
/// A broker whose full report fits into one message always sends that. Reports are packed one at a time; <see cref="AskFull"/> may come from anywhere.
/// </summary>
/// <param name="fullEvery">Every how manyth report has its names in full; 1: all.</param>
public sealed class LoadReportWriter(int fullEvery)
{
    private LoadReportNames? _names;
    private LoadReportNames? _offered;
    private int _fullMessages;
    private int _sinceFull;
    private volatile bool _asked;

    /// <summary>The next report has its names in full.</summary>
    public void AskFull() => _asked = true;

    /// <summary>Packs a report into one or more messages.</summary>
    /// <param name="report">The report; topics ordered by name.</param>
    public IReadOnlyList<LoadReportMessage> Encode(LoadReport report)
    {
        if (_names is { } names && !_asked && ++_sinceFull < fullEvery && LoadReportCodec.Encode(report, names) is { } referring && referring.Count < _fullMessages)
            return referring;
        _asked = false;
        _sinceFull = 0;
        _names = null;
        var full = LoadReportCodec.Encode(report);
        _fullMessages = full.Count;
        _offered = full.Count > 1 ? LoadReportNames.Of(report) : null;
        return full;
    }

    /// <summary>Every message of the last report was handed over: the next ones may refer to its names.</summary>
    public void Delivered()
    {
        _names = _offered ?? _names;
        _offered = null;
    }
}
