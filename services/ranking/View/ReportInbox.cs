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

    /// <summary>It cannot be read; the detail says why.</summary>
    Invalid,
}

/// <summary>Puts the chunks of load reports together and lets each report through once, in the order of its sequence.</summary>
internal sealed class ReportInbox
{
    /// <summary>More chunks than any report needs; a larger number is a fault of the sender.</summary>
    internal const int MaxChunks = 1_000;

    /// <summary>Reports of one broker that may wait for chunks at the same time; an older one is given up.</summary>
    private const int MaxWaiting = 2;

    private static readonly TimeSpan ClockTolerance = TimeSpan.FromMinutes(1);

    private readonly Dictionary<string, Sender> _senders = new(StringComparer.Ordinal);

    /// <summary>Takes one message.</summary>
    /// <returns>What became of it, the report when it is complete, and the fault when it is invalid.</returns>
    internal (Intake Intake, LoadReport? Report, string Detail) Offer(LoadReportMessage message)
    {
        if (string.IsNullOrEmpty(message.BrokerId))
            return Invalid("A load report names no broker.");
        if (message.Body is null or { Length: 0 })
            return Invalid($"Load report {message.Sequence} of broker {message.BrokerId} has no body.");
        if (message.Chunks is < 1 or > MaxChunks || message.Chunk < 0 || message.Chunk >= message.Chunks)
            return Invalid($"Load report {message.Sequence} of broker {message.BrokerId} is chunk {message.Chunk} of {message.Chunks}; allowed are 0 to {MaxChunks - 1} of 1 to {MaxChunks}.");

        if (!_senders.TryGetValue(message.BrokerId, out var sender))
            _senders[message.BrokerId] = sender = new Sender();
        if (message.Sequence == sender.LastSequence)
            return (Intake.Duplicate, null, "");
        if (message.Sequence < sender.LastSequence)
            return (Intake.Late, null, "");
        if (message.Chunks == 1)
            return Decode(sender, message, [message]);

        if (!sender.Waiting.TryGetValue(message.Sequence, out var chunks))
        {
            sender.Waiting[message.Sequence] = chunks = [];
            if (sender.Waiting.Count > MaxWaiting)
                sender.Waiting.Remove(sender.Waiting.Keys.First());
        }

        if (!chunks.TryAdd(message.Chunk, message))
            return (Intake.Duplicate, null, "");
        return chunks.Count < message.Chunks ? (Intake.Partial, null, "") : Decode(sender, message, [.. chunks.Values]);
    }

    /// <summary>
    /// True for a sequence that no collector can have made yet, clocks that differ a little included: its clock was set back since. Held on to, it would make late whatever a collector that began anew
    /// reports, until its clock has caught up.
    /// </summary>
    internal static bool IsToCome(long sequence, DateTimeOffset now) => sequence > now.Add(ClockTolerance).ToUnixTimeMilliseconds() * LoadReport.SequencesPerMillisecond;

    /// <summary>Forgets a sequence of a broker that is yet to come at <paramref name="now"/>.</summary>
    internal void Present(string brokerId, DateTimeOffset now)
    {
        if (_senders.TryGetValue(brokerId, out var sender) && IsToCome(sender.LastSequence, now))
            sender.LastSequence = long.MinValue;
    }

    /// <summary>A broker of whose newest report chunks are missing; null when there is none.</summary>
    internal string? Incomplete() => _senders.FirstOrDefault(s => s.Value.Waiting.Count > 0).Key;

    /// <summary>Forgets the brokers that are not listed any more.</summary>
    internal void Keep(IReadOnlySet<string> brokerIds)
    {
        foreach (var id in _senders.Keys.Where(id => !brokerIds.Contains(id)).ToArray())
            _senders.Remove(id);
    }

    private static (Intake, LoadReport?, string) Decode(Sender sender, LoadReportMessage message, IReadOnlyList<LoadReportMessage> chunks)
    {
        sender.Waiting.Remove(message.Sequence);
        LoadReport report;
        try
        {
            report = LoadReportCodec.Decode(chunks);
        }
        catch (InvalidDataException e)
        {
            return Invalid(e.Message);
        }

        if (report.BrokerId != message.BrokerId || report.Sequence != message.Sequence)
            return Invalid($"The head names report {message.Sequence} of broker {message.BrokerId}, the body report {report.Sequence} of broker {report.BrokerId}.");
        sender.LastSequence = report.Sequence;
        foreach (var older in sender.Waiting.Keys.Where(s => s <= report.Sequence).ToArray())
            sender.Waiting.Remove(older);
        return (Intake.Accepted, report, "");
    }

    private static (Intake, LoadReport?, string) Invalid(string detail) => (Intake.Invalid, null, detail);

    private sealed class Sender
    {
        public long LastSequence { get; set; } = long.MinValue;

        public SortedDictionary<long, Dictionary<int, LoadReportMessage>> Waiting { get; } = [];
    }
}
