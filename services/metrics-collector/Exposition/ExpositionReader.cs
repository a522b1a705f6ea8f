using System.Globalization;

namespace Danube.Dapr.MetricsCollector.Exposition;

/// <summary>
/// Reads the samples of a metrics text, Prometheus 0.0.4 or OpenMetrics, without allocating. A line that is not readable is counted and passed over:
/// one bad line must not cost the others.
/// </summary>
internal ref struct ExpositionReader(ReadOnlySpan<byte> text)
{
    private ReadOnlySpan<byte> _rest = text;
    private ReadOnlySpan<byte> _unwanted;

    /// <summary>Name of the metric.</summary>
    public ReadOnlySpan<byte> Name { get; private set; }

    /// <summary>Its labels, to be read with <see cref="LabelReader"/>; checked already.</summary>
    public ReadOnlySpan<byte> Labels { get; private set; }

    /// <summary>Its value; may be NaN or infinite.</summary>
    public double Value { get; private set; }

    /// <summary>Lines that were neither sample, comment nor blank.</summary>
    public int Malformed { get; private set; }

    /// <summary>The samples of the current name that follow now are not wanted: their lines are not even looked at, nor counted when they are not readable.</summary>
    public void PassOver() => _unwanted = Name;

    /// <summary>Goes to the next sample.</summary>
    public bool Read()
    {
        while (!_rest.IsEmpty)
        {
            var end = _rest.IndexOf((byte)'\n');
            var line = end < 0 ? _rest : _rest[..end];
            _rest = end < 0 ? default : _rest[(end + 1)..];
            if (!_unwanted.IsEmpty && line.Length > _unwanted.Length && line[_unwanted.Length] is (byte)'{' or (byte)' ' && line.StartsWith(_unwanted))
                continue;
            line = TrimStart(line);
            if (line.IsEmpty || line[0] == '#' || line is [(byte)'\r'])
                continue;
            if (TryReadSample(line))
                return true;
            Malformed++;
        }

        return false;
    }

    private bool TryReadSample(ReadOnlySpan<byte> line)
    {
        var i = line.IndexOfAny("{ \t"u8);
        if (i < 0)
            return false;
        Name = line[..i];
        Labels = default;
        var rest = TrimStart(line[i..]);
        if (!rest.IsEmpty && rest[0] == '{')
        {
            var labels = new LabelReader(rest[1..]);
            if (Name.IsEmpty)
            {
                if (!labels.ReadQuotedName())
                    return false;
                Name = labels.Value;
            }

            Labels = labels.Rest;
            while (labels.Read())
            {
            }

            if (!labels.Closed)
                return false;
            rest = TrimStart(labels.Rest);
        }

        return IsName(Name) && TryReadValue(rest);
    }

    /// <summary>The value, then at most one number (the time), then at most an exemplar.</summary>
    private bool TryReadValue(ReadOnlySpan<byte> rest)
    {
        var token = Token(ref rest);
        if (!TryParseNumber(token, out var value))
            return false;
        Value = value;
        token = Token(ref rest);
        if (!token.IsEmpty && token[0] != '#')
        {
            if (!TryParseNumber(token, out _))
                return false;
            token = Token(ref rest);
        }

        return token.IsEmpty || token[0] == '#';
    }

    internal static bool TryParseNumber(ReadOnlySpan<byte> token, out double value)
    {
        value = 0;
        if (token.IsEmpty)
            return false;
        // Most values are counters: whole numbers, which fit a double exactly up to 15 digits.
        if (token.Length <= 15)
        {
            long whole = 0;
            var i = 0;
            for (; i < token.Length && (uint)(token[i] - '0') <= 9; i++)
                whole = (whole * 10) + (token[i] - '0');
            if (i == token.Length)
            {
                value = whole;
                return true;
            }
        }

        if (double.TryParse(token, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent, CultureInfo.InvariantCulture, out value))
            return true;
        var negative = token[0] == '-';
        var word = token[0] is (byte)'-' or (byte)'+' ? token[1..] : token;
        if (!Is(word, "inf"u8) && !Is(word, "infinity"u8))
            return false;
        value = negative ? double.NegativeInfinity : double.PositiveInfinity;
        return true;
    }

    private static bool Is(ReadOnlySpan<byte> word, ReadOnlySpan<byte> lower) => System.Text.Ascii.EqualsIgnoreCase(word, lower);

    private static bool IsName(ReadOnlySpan<byte> name) => !name.IsEmpty && (uint)(name[0] - '0') > 9;

    private static ReadOnlySpan<byte> Token(ref ReadOnlySpan<byte> rest)
    {
        var end = rest.IndexOfAny(" \t\r"u8);
        var token = end < 0 ? rest : rest[..end];
        rest = end < 0 ? default : TrimStart(rest[end..]);
        return token;
    }

    private static ReadOnlySpan<byte> TrimStart(ReadOnlySpan<byte> text)
    {
        var i = 0;
        while (i < text.Length && (text[i] == ' ' || text[i] == '\t' || (text[i] == '\r' && i == text.Length - 1)))
            i++;
        return text[i..];
    }
}
