using System.Globalization;
using System.Text;

namespace Danube.Dapr.Chaos.Tests;

/// <summary>A kill and how long it took until the cluster saw the control plane's next step.</summary>
internal sealed record Kill(string Victim, string Moment, double? ResumedAfterSeconds);

/// <summary>What a run of faults came to.</summary>
internal sealed class ChaosReport(int seed)
{
    private readonly List<Kill> _kills = [];

    public int Seed => seed;

    public IReadOnlyList<Kill> Kills => _kills;

    public int Moves { get; set; }

    public int Lost { get; set; }

    public int Duplicated { get; set; }

    public int LeftMasked { get; set; }

    public int Open { get; set; }

    public int MissingInHistory { get; set; }

    public int LimitsBroken { get; set; }

    public int CircuitOpened { get; set; }

    public double? TakeOverSeconds { get; set; }

    /// <summary>From the death of a broker to the event that says so; null when not measured.</summary>
    public double? LossSeenSeconds { get; set; }

    /// <summary>From the moment at which Danube dropped the broker until ranking knew of each topic where it is, or that nobody owns it; null when not measured.</summary>
    public double? AccountedForSeconds { get; set; }

    public string Logs { get; set; } = "";

    public void Add(Kill kill) => _kills.Add(kill);

    public override string ToString()
    {
        var resumed = _kills.Where(k => k.ResumedAfterSeconds is not null).Select(k => k.ResumedAfterSeconds!.Value).Order().ToList();
        var text = new StringBuilder();
        Line("seed", seed);
        Line("kills", _kills.Count);
        foreach (var victims in _kills.GroupBy(k => k.Victim).OrderBy(g => g.Key, StringComparer.Ordinal))
        {
            var own = victims.Where(k => k.ResumedAfterSeconds is not null).Select(k => k.ResumedAfterSeconds!.Value).Order().ToList();
            Line($"  {victims.Key}", string.Create(CultureInfo.InvariantCulture, $"{victims.Count()}{(own.Count > 0 ? $", resumed after {own[own.Count / 2]:0.0} s (median), {own[^1]:0.0} s (worst)" : "")}"));
        }

        Line("moves", Moves);
        Line("lost", Lost);
        Line("duplicated", Duplicated);
        Line("left masked", LeftMasked);
        Line("half done", Open);
        Line("missing in history", MissingInHistory);
        Line("limits broken", LimitsBroken);
        Line("circuit opened", CircuitOpened);
        if (resumed.Count > 0)
        {
            Line("resumed, median", Seconds(resumed[resumed.Count / 2]));
            Line("resumed, 99th percentile", Seconds(resumed[Math.Min(resumed.Count - 1, resumed.Count * 99 / 100)]));
            Line("resumed, worst", Seconds(resumed[^1]));
            Line("resumed within 10 s", string.Create(CultureInfo.InvariantCulture, $"{resumed.Count(r => r < 10)} of {resumed.Count}"));
        }

        if (TakeOverSeconds is { } takeOver)
            Line("take-over", Seconds(takeOver));
        if (LossSeenSeconds is { } seen)
            Line("loss of a broker seen", Seconds(seen));
        if (AccountedForSeconds is { } accounted)
            Line("its topics accounted for", Seconds(accounted));
        Line("logs", Logs);
        return text.ToString();

        void Line(string name, object value) => text.AppendLine(string.Create(CultureInfo.InvariantCulture, $"{name,-28}{value}"));
    }

    private static string Seconds(double value) => string.Create(CultureInfo.InvariantCulture, $"{value:0.0} s");
}
