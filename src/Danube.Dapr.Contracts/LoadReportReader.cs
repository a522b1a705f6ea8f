namespace Danube.Dapr.Contracts;

/// <summary>Unpacks the load reports of one broker one after the other and keeps the names that later ones may refer to. Not thread-safe.</summary>
public sealed class LoadReportReader
{
    /// <summary>Lists of names that are kept: more than one, since two collectors may report on one broker, and a report may come after a newer full one.</summary>
    private const int MostLists = 4;

    private readonly List<LoadReportNames> _known = [];

    /// <summary>Whether the names that a message refers to are known; always true of one that has them itself.</summary>
    public bool Knows(LoadReportMessage message)
    {
        ArgumentNullException.ThrowIfNull(message);
        return message.Names is null || Find(message.Names) is not null;
    }

    /// <summary>Unpacks the messages of one report.</summary>
    /// <param name="messages">Every message of the report, once, in any order.</param>
    /// <exception cref="InvalidDataException">The names are not known, or as <see cref="LoadReportCodec.Decode"/>.</exception>
    public LoadReport Decode(IReadOnlyList<LoadReportMessage> messages)
    {
        ArgumentNullException.ThrowIfNull(messages);
        var names = messages is [{ Names: { } id }, ..] ? Find(id) : null;
        var report = LoadReportCodec.Decode(messages, names);
        if (names is null && (names = LoadReportNames.Of(report)) is null)
            return report;
        // The last used one stays longest.
        _known.RemoveAll(k => k.Id == names.Id);
        _known.Add(names);
        if (_known.Count > MostLists)
            _known.RemoveAt(0);
        return report;
    }

    private LoadReportNames? Find(string id) => _known.Find(k => k.Id == id);
}
