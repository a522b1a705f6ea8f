using System.Text;

namespace Danube.Dapr.Contracts;

/// <summary>Columns of numbers and names as bytes, laid out for a compressor.</summary>
internal static class ColumnBytes
{
    private const int MaxNameBytes = 65_536;

    /// <summary>Numbers from 0: how many bytes each one has, then the lowest bytes of all, then the next ones, and so on.</summary>
    public static byte[] OfNumbers(int[] values)
    {
        var most = 0;
        foreach (var value in values)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            most = Math.Max(most, value);
        }

        var planes = most < 1 << 8 ? most == 0 ? 0 : 1 : most < 1 << 16 ? 2 : most < 1 << 24 ? 3 : 4;
        var bytes = new byte[1 + (planes * values.Length)];
        bytes[0] = (byte)planes;
        for (var plane = 0; plane < planes; plane++)
        {
            for (var i = 0; i < values.Length; i++)
                bytes[1 + (plane * values.Length) + i] = (byte)(values[i] >> (8 * plane));
        }

        return bytes;
    }

    /// <exception cref="InvalidDataException">The bytes are not that many numbers.</exception>
    public static int[] ToNumbers(byte[] bytes, int count)
    {
        if (bytes.Length == 0 || bytes[0] > 4 || bytes.Length != 1 + ((long)bytes[0] * count))
            throw new InvalidDataException($"a column is not {count} numbers");
        var values = new int[count];
        for (var plane = 0; plane < bytes[0]; plane++)
        {
            for (var i = 0; i < count; i++)
                values[i] |= bytes[1 + (plane * count) + i] << (8 * plane);
        }

        return Array.TrueForAll(values, v => v >= 0) ? values : throw new InvalidDataException("a column holds a number beyond 2147483647");
    }

    /// <summary>Names: how many bytes each shares with the one before, how many follow, then those bytes one name after the other.</summary>
    public static byte[] OfNames(IEnumerable<string> names)
    {
        var shared = new List<int>();
        var own = new List<int>();
        using var text = new MemoryStream();
        byte[] before = [];
        foreach (var name in names)
        {
            var bytes = Encoding.UTF8.GetBytes(name);
            var same = bytes.AsSpan().CommonPrefixLength(before);
            shared.Add(same);
            own.Add(bytes.Length - same);
            text.Write(bytes, same, bytes.Length - same);
            before = bytes;
        }

        var lengths = OfNumbers([.. shared]).Concat(OfNumbers([.. own]));
        return [.. lengths, .. text.ToArray()];
    }

    /// <exception cref="InvalidDataException">The bytes are not that many names.</exception>
    public static string[] ToNames(byte[] bytes, int count)
    {
        var at = 0;
        int[] Lengths()
        {
            var length = at < bytes.Length ? 1 + ((long)bytes[at] * count) : 1;
            if (at + length > bytes.Length)
                throw new InvalidDataException("the column of names is too short");
            var numbers = ToNumbers(bytes[at..(int)(at + length)], count);
            at += (int)length;
            return numbers;
        }

        var shared = Lengths();
        var own = Lengths();
        var names = new string[count];
        var name = new byte[256];
        for (var i = 0; i < count; i++)
        {
            var length = (long)shared[i] + own[i];
            if (length > MaxNameBytes || own[i] > bytes.Length - at || shared[i] > (i == 0 ? 0 : shared[i - 1] + own[i - 1]))
                throw new InvalidDataException("the column of names is damaged");
            if (length > name.Length)
                Array.Resize(ref name, (int)length * 2);
            bytes.AsSpan(at, own[i]).CopyTo(name.AsSpan(shared[i]));
            at += own[i];
            names[i] = Encoding.UTF8.GetString(name, 0, (int)length);
        }

        return at == bytes.Length ? names : throw new InvalidDataException("the column of names is too long");
    }
}

/// <summary>Numbers on a logarithmic scale: step 0 is 0, step k is <paramref name="least"/> × <paramref name="factor"/>^(k−1). The error is half a step.</summary>
internal sealed class LogScale(double least, double factor)
{
    private const int MaxStep = 65_000;
    private readonly double _perStep = Math.Log(factor);

    public int Step(double value) =>
        value > 0 ? (int)Math.Clamp(1 + Math.Round(Math.Log(value / least) / _perStep), value < least / factor ? 0 : 1, MaxStep) : 0;

    public double Value(int step) => step <= 0 ? 0 : least * Math.Exp((step - 1) * _perStep);
}
