using System.Globalization;
using System.Text;

namespace Danube.Dapr.Rebalancer.Topics;

/// <summary>
/// Topic names as actor ids. Actor ids are routed in URLs, where <c>/</c> breaks them, and some Dapr versions fail on upper case and on characters beyond
/// ASCII. So the leading <c>/</c> is left out, the other becomes <c>.</c>, and each byte of the name's UTF-8 that is not a lower-case letter, a digit or
/// <c>-</c> becomes <c>_</c> and two hexadecimal digits. Reversible, and two names never give the same id.
/// </summary>
internal static class TopicActorId
{
    public static string Encode(string topic)
    {
        ArgumentException.ThrowIfNullOrEmpty(topic);
        if (topic[0] != '/')
            throw new ArgumentException($"Topic '{topic}' does not begin with '/'.", nameof(topic));
        var id = new StringBuilder(topic.Length + 16);
        foreach (var b in Encoding.UTF8.GetBytes(topic[1..]))
        {
            if (b is (>= (byte)'a' and <= (byte)'z') or (>= (byte)'0' and <= (byte)'9') or (byte)'-')
                id.Append((char)b);
            else if (b == '/')
                id.Append('.');
            else
                id.Append('_').Append(b.ToString("x2", CultureInfo.InvariantCulture));
        }

        return id.ToString();
    }

    /// <exception cref="FormatException">The id was not made by <see cref="Encode"/>.</exception>
    public static string Decode(string id)
    {
        ArgumentNullException.ThrowIfNull(id);
        var bytes = new List<byte>(id.Length + 1) { (byte)'/' };
        for (var i = 0; i < id.Length; i++)
        {
            switch (id[i])
            {
                case '.':
                    bytes.Add((byte)'/');
                    break;
                case '_' when i + 2 < id.Length && byte.TryParse(id.AsSpan(i + 1, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var b):
                    bytes.Add(b);
                    i += 2;
                    break;
                case (>= 'a' and <= 'z') or (>= '0' and <= '9') or '-':
                    bytes.Add((byte)id[i]);
                    break;
                default:
                    throw new FormatException($"'{id}' is no topic's actor id: character {i} is '{id[i]}'.");
            }
        }

        return Encoding.UTF8.GetString([.. bytes]);
    }
}
