using System.Security.Cryptography;
using System.Text;

namespace Danube.Dapr.Contracts;

/// <summary>
/// The topic names of one full load report, in their order. Later reports of that broker name a topic by its place in this list. The list is named by its own content,
/// so reader and writer cannot mean different lists by one id, whoever started anew.
/// </summary>
public sealed class LoadReportNames
{
    private readonly string[] _names;

    private LoadReportNames(string[] names, string id) => (_names, Id) = (names, id);

    /// <summary>16 hexadecimal digits of a hash over the names.</summary>
    public string Id { get; }

    /// <summary>The names of a report; null when they are not in ordinal order or one is there twice, then they cannot be referred to.</summary>
    public static LoadReportNames? Of(LoadReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        var names = new string[report.Topics.Count];
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        for (var i = 0; i < names.Length; i++)
        {
            names[i] = report.Topics[i].Name;
            if (i > 0 && string.CompareOrdinal(names[i - 1], names[i]) >= 0)
                return null;
            hash.AppendData(Encoding.UTF8.GetBytes(names[i]));
            // No UTF-8 text holds this byte, so no two lists are the same text.
            hash.AppendData([0xFF]);
        }

        return new LoadReportNames(names, Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, 8)));
    }

    /// <summary>Describes the topics' names by what differs from this list: places that are absent, names that are new. Null when the topics are not in order.</summary>
    internal byte[]? Refer(IReadOnlyList<TopicLoad> topics)
    {
        var absent = new List<int>();
        var added = new List<string>();
        var at = 0;
        var last = -1;
        for (var i = 0; i < topics.Count; i++)
        {
            var name = topics[i].Name;
            if (i > 0 && string.CompareOrdinal(topics[i - 1].Name, name) >= 0)
                return null;
            for (; at < _names.Length && string.CompareOrdinal(_names[at], name) < 0; at++)
                Leave(at);
            if (at < _names.Length && _names[at] == name)
                at++;
            else
                added.Add(name);
        }

        for (; at < _names.Length; at++)
            Leave(at);
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream, Encoding.UTF8);
        writer.Write7BitEncodedInt(absent.Count);
        writer.Write(ColumnBytes.OfNumbers([.. absent]));
        writer.Write7BitEncodedInt(added.Count);
        writer.Write(ColumnBytes.OfNames(added));
        writer.Flush();
        return stream.ToArray();

        void Leave(int place)
        {
            absent.Add(place - last - 1);
            last = place;
        }
    }

    /// <summary>The names that <see cref="Refer"/> described, in their order.</summary>
    /// <exception cref="InvalidDataException">The description is damaged.</exception>
    internal string[] Resolve(byte[] description, int count)
    {
        using var reader = new BinaryReader(new MemoryStream(description), Encoding.UTF8);
        var absent = Count(reader, _names.Length);
        var planes = reader.ReadByte();
        if (planes > 4)
            throw new InvalidDataException("the list of absent names is damaged");
        var gaps = ColumnBytes.ToNumbers([planes, .. Exactly(reader, planes * absent)], absent);
        var addedCount = Count(reader, count);
        var added = ColumnBytes.ToNames(Exactly(reader, (int)(reader.BaseStream.Length - reader.BaseStream.Position)), addedCount);
        if (_names.Length - absent + addedCount != count)
            throw new InvalidDataException($"its names are {_names.Length} without {absent} and with {addedCount} more, but it has {count} topics");

        var left = new bool[_names.Length];
        var place = -1L;
        foreach (var gap in gaps)
        {
            place += gap + 1L;
            if (place >= left.Length)
                throw new InvalidDataException("the list of absent names is damaged");
            left[place] = true;
        }

        return Merge(left, added, count);
    }

    private string[] Merge(bool[] left, string[] added, int count)
    {
        var result = new string[count];
        var next = 0;
        var n = 0;
        for (var i = 0; i < _names.Length; i++)
        {
            if (left[i])
                continue;
            for (; next < added.Length && string.CompareOrdinal(added[next], _names[i]) < 0; next++)
                result[n++] = added[next];
            result[n++] = _names[i];
        }

        for (; next < added.Length; next++)
            result[n++] = added[next];
        return result;
    }

    private static int Count(BinaryReader reader, int most)
    {
        var count = reader.Read7BitEncodedInt();
        return count >= 0 && count <= most ? count : throw new InvalidDataException("a number of names in it is damaged");
    }

    private static byte[] Exactly(BinaryReader reader, int length)
    {
        var bytes = reader.ReadBytes(length);
        return bytes.Length == length ? bytes : throw new InvalidDataException("the column of names is too short");
    }
}
