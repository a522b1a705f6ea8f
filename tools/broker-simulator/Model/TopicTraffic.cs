namespace Danube.Dapr.BrokerSimulator;

/// <summary>How much is published to a topic, as a function of time alone, so that any moment can be computed without having been watched.</summary>
internal sealed class TopicTraffic(double messagesPerSecond, int messageBytes, int producers, double noiseShare, uint seed)
{
    private readonly List<(double FromSeconds, double Factor)> _steps = [(double.NegativeInfinity, 1)];

    public double BaseMessagesPerSecond => messagesPerSecond;

    public int MessageBytes => messageBytes;

    public int Producers => producers;

    /// <summary>From that second on the rate is the base rate times the factor, until the next step.</summary>
    public void StepAt(double seconds, double factor)
    {
        _steps.RemoveAll(step => step.FromSeconds >= seconds);
        _steps.Add((seconds, factor));
    }

    public double RateAt(double seconds) => messagesPerSecond * FactorAt(seconds) * Noise((long)Math.Floor(seconds));

    /// <summary>Messages published in a span: the rate is constant within each second but for steps, which are taken at their second's middle value.</summary>
    public double MessagesBetween(double from, double to)
    {
        if (to <= from || messagesPerSecond == 0)
            return 0;
        // Over a long span the noise has a mean of 1, and only the steps count.
        if (to - from > 900 && _steps.Count == 1)
            return messagesPerSecond * (to - from);
        double sum = 0;
        for (var start = from; start < to;)
        {
            var end = Math.Min(to, Math.Floor(start) + 1);
            sum += RateAt((start + end) / 2) * (end - start);
            start = end;
        }

        return sum;
    }

    private double FactorAt(double seconds)
    {
        var factor = 1.0;
        foreach (var step in _steps)
        {
            if (step.FromSeconds <= seconds)
                factor = step.Factor;
        }

        return factor;
    }

    private double Noise(long second)
    {
        if (noiseShare == 0)
            return 1;
        var mixed = (ulong)second * 0x9E3779B97F4A7C15 + seed * 0xBF58476D1CE4E5B9;
        mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
        var unit = ((mixed ^ (mixed >> 31)) >> 11) / (double)(1UL << 53);
        return 1 + noiseShare * (2 * unit - 1);
    }
}
