using System.Globalization;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Control;

namespace Danube.Dapr.Rebalancer.Findings;

/// <summary>Tells which findings came and which went since the last look.</summary>
internal static class FindingsWatch
{
    private const int MostOpen = 500;

    /// <summary>What is open now, and what is to be announced. Findings to know only are not announced: some of them come and go with every move.</summary>
    public static (IReadOnlyList<OpenFinding> Open, IReadOnlyList<BrokerEvent> Told) Compare(IReadOnlyList<OpenFinding> open, IReadOnlyList<Finding> found, DateTimeOffset now)
    {
        var known = open.ToDictionary(f => (f.Kind, f.Subject));
        var still = new List<OpenFinding>();
        var told = new List<BrokerEvent>();
        foreach (var finding in found.Where(f => f.Severity > FindingSeverity.Info).DistinctBy(f => (f.Kind, f.Subject)).Take(MostOpen))
        {
            if (known.Remove((finding.Kind, finding.Subject), out var old))
            {
                still.Add(old);
                continue;
            }

            still.Add(new OpenFinding(finding.Kind, finding.Subject, now));
            told.Add(Event(BrokerEventKind.FindingOpened, finding.Kind, finding.Subject, finding.About, now, now, $"{finding.Kind}: {finding.Evidence} {finding.Advice}"));
        }

        told.AddRange(known.Values.Select(gone =>
            Event(BrokerEventKind.FindingClosed, gone.Kind, gone.Subject, AboutOf(gone.Subject), gone.Since, now, $"{gone.Kind}: no longer so.")));
        return (still, told);
    }

    private static SubjectKind AboutOf(string subject) => subject.Length == 0 ? SubjectKind.Cluster : subject[0] == '/' ? SubjectKind.Topic : SubjectKind.Broker;

    private static BrokerEvent Event(BrokerEventKind kind, FindingKind what, string subject, SubjectKind about, DateTimeOffset since, DateTimeOffset now, string detail) => new()
    {
        Id = string.Create(CultureInfo.InvariantCulture, $"{kind}-{what}-{subject}-{since.ToUnixTimeMilliseconds()}"),
        Time = now,
        Kind = kind,
        BrokerId = about == SubjectKind.Broker ? subject : "",
        Topic = about == SubjectKind.Topic ? subject : null,
        Detail = detail,
    };
}
