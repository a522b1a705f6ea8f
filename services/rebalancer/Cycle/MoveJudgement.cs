using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Control;

namespace Danube.Dapr.Rebalancer.Cycle;

/// <summary>What one look says of a topic that was moved. What cannot be told is unknown, neither good nor bad.</summary>
internal static class MoveJudgement
{
    /// <summary>A backlog may be larger than before the move by the largest of this, a tenth of what it was, and what comes in within <see cref="BacklogSeconds"/>.</summary>
    private const long SmallBacklog = 100;

    private const double BacklogSeconds = 10;

    /// <summary>Silence says something only once so many messages were to be expected.</summary>
    private const double FewMessages = 10;

    /// <summary>Consumers that got less than this share of what came in were falling behind before the move.</summary>
    private const double KeptUp = 0.9;

    /// <summary>The move after a look at a report of the topic's new owner in which the topic's rates are known.</summary>
    public static WatchedMove Look(WatchedMove move, TopicSnapshot topic, DateTimeOffset report) => move with
    {
        Looks = move.Looks + 1,
        Report = report,
        In = topic.MessagesInPerSecond,
        Out = topic.MessagesOutPerSecond,
        Backlog = topic.BacklogMessages,
        Sign = Sign(move, topic, (report - move.At).TotalSeconds),
    };

    private static MoveVerdict Sign(WatchedMove move, TopicSnapshot topic, double seconds)
    {
        bool Tells(double rate) => rate * seconds >= FewMessages;
        // The difference of two sums of doubles: what is left of equal ones is no traffic.
        double? inBefore = move.OutBefore is { } outBefore ? Math.Round(move.MessagesBefore - outBefore, 6) : null;
        var silent = inBefore is { } before
            ? before > 0 && topic.MessagesInPerSecond == 0
            : move.MessagesBefore > 0 && topic.MessagesInPerSecond + topic.MessagesOutPerSecond == 0;
        // Producers that are attached and send nothing came back, and may have nothing to say.
        if (silent)
            return topic.Producers == 0 && Tells(inBefore ?? move.MessagesBefore) ? MoveVerdict.Silent : MoveVerdict.Unknown;
        var nothingToGet = topic is { MessagesInPerSecond: 0, BacklogMessages: 0 };
        if (move.OutBefore > 0 && topic.MessagesOutPerSecond == 0 && !nothingToGet)
            return (topic.MessagesInPerSecond > 0 || topic.BacklogMessages > 0) && Tells(move.OutBefore.Value) ? MoveVerdict.Silent : MoveVerdict.Unknown;
        return Backlog(move, topic, inBefore);
    }

    private static MoveVerdict Backlog(WatchedMove move, TopicSnapshot topic, double? inBefore)
    {
        if (topic.BacklogMessages is not { } backlog)
            return move.BacklogBefore is null ? MoveVerdict.CameBack : MoveVerdict.Unknown;
        var before = move.BacklogBefore ?? 0;
        var tolerance = Math.Max(SmallBacklog, Math.Max(0.1 * before, BacklogSeconds * topic.MessagesInPerSecond));
        if (backlog <= before + tolerance || backlog < move.Backlog)
            return MoveVerdict.CameBack;
        // One figure shows no direction, and what grew before the move is not the move's doing.
        return move.Backlog is null || move.BacklogBefore is null || move.OutBefore < KeptUp * inBefore ? MoveVerdict.Unknown : MoveVerdict.BacklogGrows;
    }
}
