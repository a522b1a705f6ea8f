using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Danube.Dapr.Rebalancer.Control;

/// <summary>A time of day in UTC in which nothing starts by itself; <see cref="From"/> counts, <see cref="To"/> does not.</summary>
internal sealed record QuietHours(TimeOnly From, TimeOnly To)
{
    public static bool TryParse(string? text, [NotNullWhen(true)] out QuietHours? hours)
    {
        hours = null;
        var parts = text?.Split('-');
        if (parts is not { Length: 2 }
            || !TimeOnly.TryParseExact(parts[0].Trim(), "HH:mm", CultureInfo.InvariantCulture, DateTimeStyles.None, out var from)
            || !TimeOnly.TryParseExact(parts[1].Trim(), "HH:mm", CultureInfo.InvariantCulture, DateTimeStyles.None, out var to)
            || from == to)
            return false;
        hours = new QuietHours(from, to);
        return true;
    }

    /// <summary>Passes midnight when it ends earlier than it begins.</summary>
    public bool Contains(DateTimeOffset now) => TimeOnly.FromDateTime(now.UtcDateTime).IsBetween(From, To);

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{From:HH:mm}-{To:HH:mm} UTC");
}
