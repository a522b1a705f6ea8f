using System.Buffers;
using System.Globalization;
using System.Text;
using System.Xml;

namespace Danube.Dapr.LocalSidecar.Scheduling;

/// <summary>The texts of durations that Dapr takes: Go's (<c>1h30m</c>), ISO 8601 (<c>R5/PT10S</c>) and cron's <c>@every</c>.</summary>
internal static class Durations
{
    private static readonly SearchValues<char> Digits = SearchValues.Create("0123456789.");

    /// <summary>A Go duration such as <c>0h0m5s0ms</c>, <c>1.5h</c> or <c>500ms</c>; negative ones too.</summary>
    public static bool TryParseGo(string text, out TimeSpan value)
    {
        value = default;
        var rest = text.AsSpan().Trim();
        var negative = rest.StartsWith("-");
        if (negative || rest.StartsWith("+")) rest = rest[1..];
        if (rest is "0") return true;
        if (rest.IsEmpty) return false;
        var nanoseconds = 0m;
        while (!rest.IsEmpty)
        {
            var digits = rest.IndexOfAnyExcept(Digits);
            if (digits <= 0 || !decimal.TryParse(rest[..digits], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)) return false;
            rest = rest[digits..];
            var letters = rest.IndexOfAny(Digits);
            var unit = letters < 0 ? rest : rest[..letters];
            decimal factor = unit switch { "ns" => 1, "us" or "µs" => 1e3m, "ms" => 1e6m, "s" => 1e9m, "m" => 60e9m, "h" => 3600e9m, _ => 0 };
            if (factor == 0) return false;
            nanoseconds += number * factor;
            rest = rest[unit.Length..];
        }
        if (nanoseconds > 9.2e18m) return false;
        value = TimeSpan.FromTicks((long)(nanoseconds / 100) * (negative ? -1 : 1));
        return true;
    }

    /// <summary>Go's way to write it: <c>1h0m0s</c>, <c>1.5s</c>, <c>500ms</c>.</summary>
    public static string ToGo(TimeSpan value)
    {
        if (value == TimeSpan.Zero) return "0s";
        var text = new StringBuilder(value < TimeSpan.Zero ? "-" : "");
        value = value.Duration();
        if (value < TimeSpan.FromSeconds(1))
            return text.Append(value.TotalMilliseconds >= 1 ? Number(value.TotalMilliseconds) + "ms" : Number(value.TotalMicroseconds) + "µs").ToString();
        var hours = (long)value.TotalHours;
        if (hours > 0) text.Append(CultureInfo.InvariantCulture, $"{hours}h");
        if (hours > 0 || value.Minutes > 0) text.Append(CultureInfo.InvariantCulture, $"{value.Minutes}m");
        return text.Append(Number(value.Ticks % TimeSpan.TicksPerMinute / (double)TimeSpan.TicksPerSecond)).Append('s').ToString();
    }

    /// <summary>A due time or a time to live: a Go duration, an ISO 8601 duration without repetitions, or a moment in RFC 3339.</summary>
    public static bool TryParseMoment(string text, DateTimeOffset from, out DateTimeOffset moment)
    {
        moment = from;
        if (TryParseGo(text, out var span) || TryParseIso(text, out span))
        {
            moment = from + span;
            return true;
        }
        return DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out moment) && text.Contains('T', StringComparison.Ordinal);
    }

    /// <summary>A period: a Go duration, <c>@every</c> with one, a cron name of an interval, or ISO 8601 with an optional number of repetitions.</summary>
    /// <param name="text">The text; empty means once.</param>
    /// <param name="period">The period, or null for once.</param>
    /// <param name="repetitions">How often at most, or null without a limit.</param>
    public static bool TryParsePeriod(string text, out TimeSpan? period, out int? repetitions)
    {
        (period, repetitions) = (null, null);
        text = text.Trim();
        if (text.Length == 0) return true;
        if (text.StartsWith("@every ", StringComparison.Ordinal)) text = text["@every ".Length..].Trim();
        TimeSpan? named = text switch
        {
            "@hourly" => TimeSpan.FromHours(1),
            "@daily" or "@midnight" => TimeSpan.FromDays(1),
            "@weekly" => TimeSpan.FromDays(7),
            _ => null,
        };
        if (named is null && text.StartsWith('R'))
        {
            var slash = text.IndexOf('/', StringComparison.Ordinal);
            var count = slash < 0 ? text[1..] : text[1..slash];
            if (count.Length > 0)
            {
                if (!int.TryParse(count, NumberStyles.None, CultureInfo.InvariantCulture, out var n)) return false;
                repetitions = n;
            }
            if (slash < 0) return repetitions is not null;
            text = text[(slash + 1)..];
        }
        if (named is null)
        {
            if (!TryParseGo(text, out var span) && !TryParseIso(text, out span)) return false;
            named = span;
        }
        period = named > TimeSpan.Zero ? named : null;
        return true;
    }

    // Years and months have no fixed length: they are refused.
    private static bool TryParseIso(string text, out TimeSpan value)
    {
        value = default;
        if (!text.StartsWith('P')) return false;
        var time = text.IndexOf('T', StringComparison.Ordinal);
        var date = time < 0 ? text : text[..time];
        if (date.Contains('Y', StringComparison.Ordinal) || date.Contains('M', StringComparison.Ordinal)) return false;
        var weeks = date.IndexOf('W', StringComparison.Ordinal);
        try
        {
            if (weeks < 0)
            {
                value = XmlConvert.ToTimeSpan(text);
                return true;
            }
            if (!int.TryParse(date.AsSpan(1, weeks - 1), NumberStyles.None, CultureInfo.InvariantCulture, out var n)) return false;
            var rest = text[(weeks + 1)..];
            value = TimeSpan.FromDays(7 * n) + (rest.Length == 0 ? TimeSpan.Zero : XmlConvert.ToTimeSpan("P" + rest));
            return true;
        }
        catch (FormatException)
        {
            return false;
        }
    }

    private static string Number(double value) => value.ToString("0.#########", CultureInfo.InvariantCulture);
}
