using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Danube.Dapr.ServiceDefaults;

/// <summary>
/// A value of a query, which is a <typeparamref name="T"/> or not: so one that is not is told by a validator, with all other faults of the request, where the framework would stop at it.
/// </summary>
/// <param name="Text">As it was sent.</param>
/// <param name="Value">What it is; null when it cannot be read.</param>
/// <typeparam name="T">What it should be.</typeparam>
public readonly record struct Asked<T>(string Text, T? Value)
    where T : struct, IParsable<T>
{
    /// <summary>Takes any text.</summary>
    /// <param name="text">As it was sent. Two values of one name come with a comma between them, and are none.</param>
    /// <param name="provider">Not used: numbers have one form whatever the machine's language.</param>
    /// <param name="asked">The value.</param>
    /// <returns>True.</returns>
    [SuppressMessage("Design", "CA1000", Justification = "The binding of a query looks for it here.")]
    public static bool TryParse(string? text, IFormatProvider? provider, out Asked<T> asked)
    {
        asked = new(text ?? "", text?.Contains(',', StringComparison.Ordinal) == false && T.TryParse(text, CultureInfo.InvariantCulture, out var value) ? value : null);
        return true;
    }

    /// <summary>A value that is one.</summary>
    public static implicit operator Asked<T>(T value) => new(Convert.ToString(value, CultureInfo.InvariantCulture)!, value);

    /// <summary>The text, in quotes when it is no <typeparamref name="T"/>.</summary>
    public override string ToString() => Value is null ? RequestValidation.Quoted(Text) : Text;
}
