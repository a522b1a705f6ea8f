using Danube.Dapr.Contracts;

namespace Danube.Dapr.Ranking.View;

/// <summary>What became of a message.</summary>
internal enum Intake
{
    /// <summary>It completed a report that is now part of the view.</summary>
    Accepted,

    /// <summary>It is one chunk of a report; others are still missing.</summary>
    Partial,

    /// <summary>The same report or chunk was taken before.</summary>
    Duplicate,

    /// <summary>A newer report was taken before.</summary>
    Late,

    /// <summary>It refers to topic names of a report that did not come here; the last one that could be read stays.</summary>
    UnknownNames,

    /// <summary>Another collector's reports on this broker are taken.</summary>
    Outranked,

    /// <summary>It cannot be read; the detail says why.</summary>
    Invalid,
}

/// <summary>
/// Puts the chunks of load reports together and lets each report through once, in the order of its sequence. When several collectors report on a broker one of them is
/// elected: the one that measures the broker's own resources before one that measures the host in its place, that one before one that measures none; among equals the one
/// that started last. Another takes its place only when it ranks higher or when the elected one has been silent for <paramref name="givenUpAfter"/>.
/// </summary>
/// <param name="givenUpAfter">Silence after which another collector is taken.</param>
internal sealed class ReportInbox(TimeSpan givenUpAfter)
{
    /// <summary>More chunks than any report needs; a larger number is a fault of the sender.</summary>
    internal const int MaxChunks = 1_000;

    /// <summary>Reports of one collector on one broker that may wait for chunks at the same time; an older one is given up.</summary>
    private const int MaxWaiting = 2;

    private static readonly TimeSpan ClockTolerance = TimeSpan.FromMinutes(1);

    private readonly Dictionary<string, Broker> _brokers = new(StringComparer.Ordinal);

    /// <summary>Takes one message that came at <paramref name="now"/>.</summary>
    /// <returns>What became of it, the report when it is complete, and the fault when it is invalid.</returns>
    internal (Intake Intake, LoadReport? Report, string Detail) Offer(LoadReportMessage message, DateTimeOffset now)
    {
        if (string.IsNullOrEmpty(message.BrokerId))
            return Invalid("A load report names no broker.");
        if (message.Body is null or { Length: 0 })
            return Invalid($"Load report {message.Sequence} of broker {message.BrokerId} has no body.");
        if (message.Chunks is < 1 or > MaxChunks || message.Chunk < 0 || message.Chunk >= message.Chunks)
            return Invalid($"Load report {message.Sequence} of broker {message.BrokerId} is chunk {message.Chunk} of {message.Chunks}; allowed are 0 to {MaxChunks - 1} of 1 to {MaxChunks}.");

        if (!_brokers.TryGetValue(message.BrokerId, out var broker))
            _brokers[message.BrokerId] = broker = new Broker();
        var sender = broker.Sender(message.Collector);
        if (!IsNewer(message.Sequence, sender.LastSequence, now))
            return (message.Sequence == sender.LastSequence ? Intake.Duplicate : Intake.Late, null, "");
        if (!broker.Reader.Knows(message))
        {
            var wanted = message.Collector >= broker.Elected || GivesWay(broker, message.Collector, now);
            broker.LacksNames |= wanted;
            return (wanted ? Intake.UnknownNames : Intake.Outranked, null, "");
        }

        if (message.Chunks == 1)
            return Decode(broker, sender, message, [message], now);
        if (!sender.Waiting.TryGetValue(message.Sequence, out var chunks))
        {
            sender.Waiting[message.Sequence] = chunks = [];
            if (sender.Waiting.Count > MaxWaiting)
                sender.Waiting.Remove(sender.Waiting.Keys.First());
        }

        if (!chunks.TryAdd(message.Chunk, message))
            return (Intake.Duplicate, null, "");
        return chunks.Count < message.Chunks ? (Intake.Partial, null, "") : Decode(broker, sender, message, [.. chunks.Values], now);
    }

    /// <summary>What a full report would bring: a broker of whose newest report chunks or names are missing; null when there is none.</summary>
    internal string? Lack()
    {
        foreach (var (id, broker) in _brokers)
        {
            if (broker.LacksNames)
                return $"the topic names of broker {id} are not known";
            if (broker.Senders.Any(s => (s.Key == broker.Elected || broker.Heard is null) && s.Value.Waiting.Count > 0))
                return $"parts of a load report of broker {id} are missing";
        }

        return null;
    }

    /// <summary>
    /// Whether a report comes after the last one. A last one that is yet to come was made by a clock that was set back since: held on to, it would make late whatever a collector that began anew reports,
    /// until its clock has caught up.
    /// </summary>
    internal static bool IsNewer(long sequence, long last, DateTimeOffset now) => sequence > last || (IsToCome(last, now) && !IsToCome(sequence, now));

    /// <summary>True for a sequence that no collector can have made yet, clocks that differ a little included.</summary>
    private static bool IsToCome(long sequence, DateTimeOffset now) => sequence > now.Add(ClockTolerance).ToUnixTimeMilliseconds() * LoadReport.SequencesPerMillisecond;

    /// <summary>Forgets the brokers that are not listed any more.</summary>
    internal void Keep(IReadOnlySet<string> brokerIds)
    {
        foreach (var id in _brokers.Keys.Where(id => !brokerIds.Contains(id)).ToArray())
            _brokers.Remove(id);
    }

    private (Intake, LoadReport?, string) Decode(Broker broker, Sender sender, LoadReportMessage message, IReadOnlyList<LoadReportMessage> chunks, DateTimeOffset now)
    {
        sender.Waiting.Remove(message.Sequence);
        LoadReport report;
        try
        {
            report = broker.Reader.Decode(chunks);
        }
        catch (InvalidDataException e)
        {
            return Invalid(e.Message);
        }

        if (report.BrokerId != message.BrokerId || report.Sequence != message.Sequence || report.Collector != message.Collector)
        {
            return Invalid(
                $"The head names report {message.Sequence} of collector {message.Collector} on broker {message.BrokerId}, the body report {report.Sequence} of collector {report.Collector} on broker {report.BrokerId}.");
        }

        sender.LastSequence = report.Sequence;
        foreach (var older in sender.Waiting.Keys.Where(s => s <= report.Sequence).ToArray())
            sender.Waiting.Remove(older);
        // Before the election: one whose reports cannot be used must not keep out one whose can.
        if (ReportFaults.Of(report) is { } fault)
            return Invalid(fault);
        if (!Elect(broker, report, now))
            return (Intake.Outranked, null, "");
        broker.LacksNames = false;
        return (Intake.Accepted, report, "");
    }

    private bool Elect(Broker broker, LoadReport report, DateTimeOffset now)
    {
        var grade = report.Resources switch { { Source: "none" } => 0, { Fallback: true } => 1, _ => 2 };
        // An old report that was held up on its way wins nothing back.
        var outranks = (grade, report.Collector).CompareTo((broker.Grade, broker.Elected)) > 0 && now - report.IntervalEnd <= givenUpAfter;
        if (broker.Heard is not null && report.Collector != broker.Elected && !outranks && !GivesWay(broker, report.Collector, now))
            return false;
        (broker.Elected, broker.Grade, broker.Heard) = (report.Collector, grade, now);
        return true;
    }

    // Neither one that spoke in a time that is yet to come, nor one that began in such a time, keeps others out until the clock has caught up.
    private bool GivesWay(Broker broker, long collector, DateTimeOffset now) =>
        broker.Heard is not { } heard || (now - heard).Duration() > givenUpAfter || (IsToCome(broker.Elected, now) && !IsToCome(collector, now));

    private static (Intake, LoadReport?, string) Invalid(string detail) => (Intake.Invalid, null, detail);

    /// <summary>What came about one broker.</summary>
    private sealed class Broker
    {
        /// <summary>Collectors that are remembered, so that what they sent before is known as such.</summary>
        private const int MostSenders = 8;

        public LoadReportReader Reader { get; } = new();

        /// <summary>Of each collector what came of it, ordered by when it started.</summary>
        public SortedDictionary<long, Sender> Senders { get; } = [];

        public bool LacksNames { get; set; }

        public long Elected { get; set; } = long.MinValue;

        public int Grade { get; set; }

        /// <summary>When the elected collector's last report came.</summary>
        public DateTimeOffset? Heard { get; set; }

        public Sender Sender(long collector)
        {
            if (Senders.TryGetValue(collector, out var sender))
                return sender;
            Senders[collector] = sender = new Sender();
            if (Senders.Count > MostSenders)
                Senders.Remove(Senders.Keys.First(c => c != Elected && c != collector));
            return sender;
        }
    }

    /// <summary>What came from one collector about one broker.</summary>
    private sealed class Sender
    {
        public long LastSequence { get; set; } = long.MinValue;

        public SortedDictionary<long, Dictionary<int, LoadReportMessage>> Waiting { get; } = [];
    }
}
