namespace Danube.Dapr.Planning;

/// <summary>How one host resource was divided between topics and baseline.</summary>
public enum AttributionMethod
{
    /// <summary>No broker measured it, or the measurements show no dependence on the topics' rates: all of it is baseline.</summary>
    None,

    /// <summary>The caller stated the topics' loads or the brokers' baselines.</summary>
    Given,

    /// <summary>By share of measured rates, at the lowest cost per unit of rate that any broker shows.</summary>
    Share,

    /// <summary>By ordinary least squares of the use against the rate, across brokers.</summary>
    Regression,
}

/// <summary>The result for one resource.</summary>
/// <param name="Resource">The resource.</param>
/// <param name="Method">How it was divided.</param>
/// <param name="CostPerUnit">Use per unit of driver; the driver is KiB/s + messages/s for CPU, bytes/s for network and memory, bytes in/s for disk I/O.</param>
/// <param name="RelativeError">Standard error of <paramref name="CostPerUnit"/> divided by it; 0 when not estimated.</param>
/// <param name="RSquared">Share of the variance between brokers that the rates explain, 0 to 1; 0 when not estimated.</param>
/// <param name="TopicShare">Share of the measured use that topics cause, 0 to 1.</param>
public sealed record ResourceAttribution(
    Resource Resource, AttributionMethod Method, double CostPerUnit, double RelativeError, double RSquared, double TopicShare);

/// <summary>
/// Divides what hosts measure into a baseline, which no move changes, and the parts that topics cause. Throughput, messages and topic count
/// are the topics' own figures; CPU, memory, disk and network of the host are attributed.
/// </summary>
public sealed class LoadAttribution
{
    // Below this t-statistic the slope cannot be told from zero at about 95 % for the usual few dozens of brokers.
    private const double SignificantT = 2.0;
    private const int BrokersForSignificance = 4;

    private LoadAttribution(IReadOnlyList<ResourceAttribution> resources) => Resources = resources;

    /// <summary>One entry for each host resource.</summary>
    public IReadOnlyList<ResourceAttribution> Resources { get; }

    internal static LoadAttribution Derive(
        List<BrokerInfo> brokers, List<TopicInfo> topics, int[] owner, out double[] topicLoad, out double[] baseline)
    {
        const int n = ResourceVector.Length;
        topicLoad = new double[topics.Count * n];
        baseline = new double[brokers.Count * n];
        var given = false;
        for (var t = 0; t < topics.Count; t++)
        {
            var topic = topics[t];
            var at = t * n;
            if (topic.Load is { } load)
            {
                given = true;
                for (var r = 0; r < n; r++) topicLoad[at + r] = load[(Resource)r];
            }
            else
            {
                topicLoad[at + (int)Resource.Throughput] = topic.BytesInPerSecond + topic.BytesOutPerSecond;
                topicLoad[at + (int)Resource.Messages] = topic.MessagesInPerSecond + topic.MessagesOutPerSecond;
            }

            topicLoad[at + (int)Resource.TopicCount] = 1;
        }

        for (var b = 0; b < brokers.Count; b++)
        {
            if (brokers[b].Baseline is not { } stated) continue;
            for (var r = 0; r < n; r++) baseline[(b * n) + r] = stated[(Resource)r];
        }

        var results = new List<ResourceAttribution>();
        foreach (var resource in (ReadOnlySpan<Resource>)[Resource.Cpu, Resource.Memory, Resource.DiskIo, Resource.NetworkIo, Resource.DiskUsage])
        {
            results.Add(given
                ? new(resource, AttributionMethod.Given, 0, 0, 0, 1)
                : Attribute(resource, brokers, topics, owner, topicLoad, baseline));
        }

        return new LoadAttribution(results);
    }

    private static ResourceAttribution Attribute(
        Resource resource, List<BrokerInfo> brokers, List<TopicInfo> topics, int[] owner, double[] topicLoad, double[] baseline)
    {
        const int n = ResourceVector.Length;
        var r = (int)resource;
        var driver = new double[brokers.Count];
        for (var t = 0; t < topics.Count; t++) if (owner[t] >= 0) driver[owner[t]] += Driver(resource, topics[t]);

        var measured = Enumerable.Range(0, brokers.Count).Where(b => brokers[b].Measured[resource] > 0 && brokers[b].State != BrokerState.Down).ToArray();
        var allStated = measured.Length > 0 && measured.All(b => brokers[b].Baseline is not null);
        var (method, slope, error, rSquared) = allStated
            ? (AttributionMethod.Given, double.PositiveInfinity, 0, 0)
            : Fit(measured.Select(b => driver[b]).ToArray(), measured.Select(b => brokers[b].Measured[resource]).ToArray());
        var perUnit = new double[brokers.Count];
        double caused = 0, total = 0;
        foreach (var b in measured)
        {
            var use = brokers[b].Measured[resource];
            var stated = brokers[b].Baseline?[resource];
            var fromTopics = stated is { } known ? Math.Max(0, use - known) : Math.Min(use, slope * driver[b]);
            if (driver[b] <= 0) fromTopics = 0;
            else perUnit[b] = fromTopics / driver[b];
            baseline[(b * n) + r] = use - fromTopics;
            caused += fromTopics;
            total += use;
        }

        for (var t = 0; t < topics.Count; t++)
            if (owner[t] >= 0) topicLoad[(t * n) + r] = perUnit[owner[t]] * Driver(resource, topics[t]);
        return new(resource, method, double.IsInfinity(slope) ? 0 : slope, error, rSquared, total > 0 ? caused / total : 0);
    }

    private static double Driver(Resource resource, TopicInfo topic) => resource switch
    {
        Resource.Cpu => ((topic.BytesInPerSecond + topic.BytesOutPerSecond) / 1024) + topic.MessagesInPerSecond + topic.MessagesOutPerSecond,
        Resource.DiskIo => topic.BytesInPerSecond,
        // A move takes no stored data along: segments lie in shared storage.
        Resource.DiskUsage => 0,
        _ => topic.BytesInPerSecond + topic.BytesOutPerSecond,
    };

    private static (AttributionMethod Method, double Slope, double Error, double RSquared) Fit(double[] x, double[] y)
    {
        var n = x.Length;
        if (n < 2) return (AttributionMethod.None, 0, 0, 0);
        double meanX = x.Average(), meanY = y.Average(), sxx = 0, sxy = 0, syy = 0;
        for (var i = 0; i < n; i++)
        {
            sxx += (x[i] - meanX) * (x[i] - meanX);
            sxy += (x[i] - meanX) * (y[i] - meanY);
            syy += (y[i] - meanY) * (y[i] - meanY);
        }

        if (meanX <= 0) return (AttributionMethod.None, 0, 0, 0);
        if (sxx <= 1e-4 * meanX * meanX * n)
        {
            // Rates too alike to tell their effect from a baseline: the least that any broker shows is attributed.
            var least = double.PositiveInfinity;
            for (var i = 0; i < n; i++) if (x[i] > 0) least = Math.Min(least, y[i] / x[i]);
            return (AttributionMethod.Share, least, 0, 0);
        }

        var slope = sxy / sxx;
        if (slope <= 0) return (AttributionMethod.None, 0, 0, 0);
        var rSquared = syy > 0 ? sxy * sxy / (sxx * syy) : 1;
        if (n < BrokersForSignificance) return (AttributionMethod.Regression, slope, 0, rSquared);
        var residual = Math.Max(0, syy - (slope * sxy));
        var standardError = Math.Sqrt(residual / (n - 2) / sxx);
        return slope < SignificantT * standardError
            ? (AttributionMethod.None, 0, 0, rSquared)
            : (AttributionMethod.Regression, slope, standardError / slope, rSquared);
    }
}
