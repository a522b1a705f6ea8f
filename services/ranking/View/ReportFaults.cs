using System.Globalization;
using Danube.Dapr.Contracts;

namespace Danube.Dapr.Ranking.View;

/// <summary>Finds what would make a snapshot contradict itself, so that one bad report cannot stop every answer.</summary>
internal static class ReportFaults
{
    /// <summary>The first fault of a load report; null when there is none.</summary>
    internal static string? Of(LoadReport report)
    {
        var names = new HashSet<string>(report.Topics.Count, StringComparer.Ordinal);
        foreach (var topic in report.Topics)
        {
            if (string.IsNullOrEmpty(topic.Name))
                return $"Load report {report.Sequence} of broker {report.BrokerId} has a topic without a name.";
            if (!names.Add(topic.Name))
                return $"Load report {report.Sequence} of broker {report.BrokerId} has topic {topic.Name} twice.";
            if (Fault(topic) is { } fault)
                return $"Load report {report.Sequence} of broker {report.BrokerId}, topic {topic.Name}: {fault}";
        }

        return null;
    }

    private static string? Fault(TopicLoad topic) =>
        Rate(nameof(topic.MessagesInPerSecond), topic.MessagesInPerSecond)
        ?? Rate(nameof(topic.BytesInPerSecond), topic.BytesInPerSecond)
        ?? Rate(nameof(topic.MessagesOutPerSecond), topic.MessagesOutPerSecond)
        ?? Rate(nameof(topic.BytesOutPerSecond), topic.BytesOutPerSecond)
        ?? Rate(nameof(topic.Producers), topic.Producers)
        ?? Rate(nameof(topic.Consumers), topic.Consumers)
        ?? Rate(nameof(topic.BacklogMessages), topic.BacklogMessages ?? 0)
        ?? Rate(nameof(topic.OldestUnackedSeconds), topic.OldestUnackedSeconds ?? 0);

    private static string? Rate(string name, double value) =>
        value >= 0 && double.IsFinite(value) ? null : string.Create(CultureInfo.InvariantCulture, $"{name} is {value}; it must be 0 or more.");
}
