using Danube.Dapr.Contracts;

namespace Danube.Dapr.Ranking.Balance;

/// <summary>Makes the list of brokers with the sums over their topics.</summary>
internal static class BrokerViews
{
    internal static IReadOnlyList<BrokerView> Of(RankedView view, DateTimeOffset now)
    {
        var sums = view.Snapshot.Brokers.ToDictionary(b => b.Id, _ => new Sum(), StringComparer.Ordinal);
        foreach (var topic in view.Snapshot.Topics)
        {
            if (topic.BrokerId is null || !sums.TryGetValue(topic.BrokerId, out var sum))
                continue;
            sum.Topics++;
            sum.Messages += topic.MessagesInPerSecond + topic.MessagesOutPerSecond;
            sum.Bytes += topic.BytesInPerSecond + topic.BytesOutPerSecond;
        }

        var ranks = view.Ranking.Brokers.ToDictionary(b => b.BrokerId, StringComparer.Ordinal);
        return [.. view.Snapshot.Brokers.Select(broker =>
        {
            var sum = sums[broker.Id];
            var place = ranks.GetValueOrDefault(broker.Id);
            return new BrokerView
            {
                Id = broker.Id,
                Address = broker.Address,
                State = broker.State,
                IsLeader = broker.Id == view.Snapshot.LeaderId,
                Reachable = broker.Reachable,
                Topics = sum.Topics,
                MessagesPerSecond = sum.Messages,
                BytesPerSecond = sum.Bytes,
                Resources = broker.Resources,
                Score = place?.Score ?? 0,
                Rank = place?.Rank ?? 0,
                ReportAgeSeconds = broker.ReportTime is { } time ? Math.Max(0, (now - time).TotalSeconds) : null,
            };
        })];
    }

    private sealed class Sum
    {
        public int Topics { get; set; }

        public double Messages { get; set; }

        public double Bytes { get; set; }
    }
}
