namespace Danube.Dapr.MetricsCollector.Topics;

/// <summary>
/// One counter series of a broker over its scrapes. Only differences count: Danube's counters live as long as the broker's process, whoever owns the topic meanwhile.
/// </summary>
internal struct Counter
{
    private double _value;
    private int _scrape;
    private double _increase;

    /// <summary>Takes the value that <paramref name="scrape"/> (from 1, one higher each time) shows.</summary>
    public void Observe(double value, int scrape)
    {
        if (!double.IsFinite(value) || value < 0)
            return;
        if (_scrape == scrape)
        {
            // The same series twice in one text: the later line holds.
            _increase += value - _value;
        }
        else if (_scrape == scrape - 1 && _scrape != 0)
        {
            // A value below the last one means that the process began anew: everything since then is the increase.
            _increase = value >= _value ? value - _value : value;
        }
        else
        {
            // Not in the last text, which was whole: it began at 0 since then. In the first text of all there is nothing to compare with.
            _increase = scrape == 1 ? 0 : value;
        }

        _value = value;
        _scrape = scrape;
    }

    /// <summary>How much it grew between the last two scrapes; 0 when the last one did not show it.</summary>
    public readonly double Increase(int scrape) => _scrape == scrape ? Math.Max(0, _increase) : 0;

    /// <summary>Its value now, or null when the last scrape did not show it.</summary>
    public readonly double? Value(int scrape) => _scrape == scrape ? _value : null;

    /// <summary>True when the last scrape showed it.</summary>
    public readonly bool SeenIn(int scrape) => _scrape == scrape && scrape != 0;
}

/// <summary>One gauge series: its value in the last scrape and in the one before.</summary>
internal struct Gauge
{
    private double _value;
    private double _before;
    private int _scrape;
    private int _beforeScrape;

    public void Observe(double value, int scrape)
    {
        if (!double.IsFinite(value))
            return;
        if (_scrape != scrape)
        {
            _before = _value;
            _beforeScrape = _scrape;
        }

        _value = value;
        _scrape = scrape;
    }

    public readonly double? Value(int scrape) => _scrape == scrape ? _value : null;

    public readonly bool SameAsBefore(int scrape) => _scrape == scrape && _beforeScrape == scrape - 1 && _value == _before;

    /// <summary>A count: whole, not below 0.</summary>
    public readonly int Count(int scrape) => _scrape == scrape ? (int)Math.Clamp(_value, 0, int.MaxValue) : 0;
}
