using System.Text;

namespace Danube.Dapr.MetricsCollector.Exposition;

/// <summary>Reads the labels of one sample, from behind its opening brace to behind its closing one.</summary>
internal ref struct LabelReader(ReadOnlySpan<byte> labels)
{
    public ReadOnlySpan<byte> Rest { get; private set; } = labels;

    /// <summary>Name of the label.</summary>
    public ReadOnlySpan<byte> Name { get; private set; }

    /// <summary>Its value as written, with escapes.</summary>
    public ReadOnlySpan<byte> Value { get; private set; }

    /// <summary>True when the closing brace was reached: the labels are well formed.</summary>
    public bool Closed { get; private set; }

    /// <summary>Goes to the next label; false at the end and at a fault.</summary>
    public bool Read()
    {
        var rest = SkipBlanks(Rest);
        if (!rest.IsEmpty && rest[0] == ',')
            rest = SkipBlanks(rest[1..]);
        if (rest.IsEmpty || Closed)
            return false;
        if (rest[0] == '}')
        {
            Rest = rest[1..];
            Closed = true;
            return false;
        }

        // A name with unusual letters is written in quotes.
        var quoted = rest[0] == '"' ? QuotedLength(rest) : 0;
        var equals = quoted > 0 ? quoted : rest.IndexOf((byte)'=');
        if (equals <= 0)
            return Fail();
        Name = quoted > 0 ? rest[1..(quoted - 1)] : TrimEnd(rest[..equals]);
        rest = SkipBlanks(rest[equals..]);
        if (rest.IsEmpty || rest[0] != '=')
            return Fail();
        rest = SkipBlanks(rest[1..]);
        var length = rest.IsEmpty || rest[0] != '"' ? 0 : QuotedLength(rest);
        if (length == 0)
            return Fail();
        Value = rest[1..(length - 1)];
        rest = SkipBlanks(rest[length..]);
        if (rest.IsEmpty || rest[0] is not ((byte)',' or (byte)'}'))
            return Fail();
        Rest = rest;
        return true;
    }

    /// <summary>Reads the metric's name where it stands in quotes as the first thing between the braces.</summary>
    internal bool ReadQuotedName()
    {
        var rest = SkipBlanks(Rest);
        var length = rest.IsEmpty || rest[0] != '"' ? 0 : QuotedLength(rest);
        if (length == 0)
            return false;
        Value = rest[1..(length - 1)];
        Rest = rest[length..];
        return true;
    }

    /// <summary>Decodes a value: <c>\\</c>, <c>\"</c> and <c>\n</c>. The result is never longer than the input.</summary>
    internal static int Decode(ReadOnlySpan<byte> value, Span<char> to)
    {
        if (value.IndexOf((byte)'\\') < 0)
            return Encoding.UTF8.GetChars(value, to);
        Span<byte> plain = value.Length <= 512 ? stackalloc byte[value.Length] : new byte[value.Length];
        var n = 0;
        for (var i = 0; i < value.Length; i++)
        {
            var b = value[i];
            if (b == '\\' && i + 1 < value.Length)
            {
                b = value[++i];
                if (b == 'n')
                    b = (byte)'\n';
                else if (b is not ((byte)'\\' or (byte)'"'))
                    plain[n++] = (byte)'\\';
            }

            plain[n++] = b;
        }

        return Encoding.UTF8.GetChars(plain[..n], to);
    }

    private bool Fail()
    {
        Rest = default;
        return false;
    }

    /// <summary>Length of the quoted text at the start, quotes included; 0 when it does not end.</summary>
    private static int QuotedLength(ReadOnlySpan<byte> text)
    {
        var i = 1;
        while (i < text.Length)
        {
            var next = text[i..].IndexOfAny((byte)'"', (byte)'\\');
            if (next < 0)
                return 0;
            i += next;
            if (text[i] == '"')
                return i + 1;
            i += 2;
        }

        return 0;
    }

    private static ReadOnlySpan<byte> SkipBlanks(ReadOnlySpan<byte> text)
    {
        var i = 0;
        while (i < text.Length && text[i] is (byte)' ' or (byte)'\t')
            i++;
        return text[i..];
    }

    private static ReadOnlySpan<byte> TrimEnd(ReadOnlySpan<byte> text)
    {
        var i = text.Length;
        while (i > 0 && text[i - 1] is (byte)' ' or (byte)'\t')
            i--;
        return text[..i];
    }
}
