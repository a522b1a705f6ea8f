namespace Danube.Dapr.MetricsCollector.Topics;

/// <summary>
/// How many messages a topic had taken at some moments of the past. Danube tells no message's age, but it tells how many messages the slowest subscription is behind: the
/// oldest of those was published when the count was that much lower. The moments are kept closer together the nearer they are.
/// </summary>
internal sealed class PublishedHistory
{
    /// <summary>Moments that are kept: over a day of rounds every half a minute neighbours then differ by less than a third of their age.</summary>
    internal const int Most = 32;

    private readonly List<(TimeSpan At, double Published)> _points = [];
    private int _scrape;

    /// <summary>Takes the count that <paramref name="scrape"/> showed at <paramref name="at"/>; null when it showed none.</summary>
    public void Add(int scrape, TimeSpan at, double? published)
    {
        if (scrape == _scrape)
            return;
        // What was published while the topic was elsewhere, or before the process began anew, is not in this count.
        if (scrape != _scrape + 1 || published is null || (_points.Count > 0 && published < _points[^1].Published))
            _points.Clear();
        _scrape = scrape;
        if (published is not { } count)
            return;
        _points.Add((at, count));
        if (_points.Count > Most)
            _points.RemoveAt(LeastNeeded(at));
    }

    /// <summary>Seconds since the message was published after which <paramref name="behind"/> − 1 more came; at least so many when it is from before the first moment; null when nothing can be said.</summary>
    public (double Seconds, bool AtLeast)? AgeSeconds(double behind)
    {
        if (behind <= 0)
            return (0, false);
        if (_points.Count < 2)
            return null;
        var (now, total) = _points[^1];
        var before = total - behind;
        if (before < _points[0].Published)
            return ((now - _points[0].At).TotalSeconds, true);
        var i = _points.FindLastIndex(p => p.Published <= before);
        var (from, to) = (_points[i], _points[i + 1]);
        // Between two moments messages are taken to have come evenly.
        var share = (before + 0.5 - from.Published) / (to.Published - from.Published);
        return ((now - from.At - (share * (to.At - from.At))).TotalSeconds, false);
    }

    /// <summary>The moment without which the gap would be smallest for its age; never the first, which says how far back is known, nor the last.</summary>
    private int LeastNeeded(TimeSpan now)
    {
        var least = 1;
        var leastGap = double.MaxValue;
        for (var i = 1; i < _points.Count - 1; i++)
        {
            var gap = (_points[i + 1].At - _points[i - 1].At) / (now - _points[i - 1].At);
            if (gap < leastGap)
                (least, leastGap) = (i, gap);
        }

        return least;
    }
}
