using System.Globalization;
using Danube.Dapr.Contracts;
using MudBlazor;

namespace Danube.Dapr.WebConsole.Components;

/// <summary>How figures and states look: the same on every page.</summary>
internal static class Look
{
    private const int ShortestId = 8;

    private static readonly string[] Fonts = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif"];

    /// <summary>Fonts of the reader's own machine: nothing is loaded from elsewhere.</summary>
    internal static MudTheme Theme { get; } = new()
    {
        PaletteLight = new PaletteLight { Primary = "#1565c0", AppbarBackground = "#0d2f4f", Background = "#f4f6f8" },
        Typography = new Typography
        {
            Default = new DefaultTypography { FontFamily = Fonts },
            H6 = new H6Typography { FontFamily = Fonts, FontSize = "1.05rem", FontWeight = "600" },
            Subtitle1 = new Subtitle1Typography { FontFamily = Fonts, FontWeight = "600" },
        },
    };

    internal static string Bytes(double perSecond) => perSecond switch
    {
        >= 1e9 => Number(perSecond / 1e9, "0.00") + " GB/s",
        >= 1e6 => Number(perSecond / 1e6, "0.00") + " MB/s",
        >= 1e3 => Number(perSecond / 1e3, "0.0") + " kB/s",
        _ => Number(perSecond, "0") + " B/s",
    };

    internal static string Rate(double perSecond) => perSecond switch
    {
        >= 1e6 => Number(perSecond / 1e6, "0.00") + " M/s",
        >= 1e4 => Number(perSecond / 1e3, "0.0") + " k/s",
        _ => Number(perSecond, "0") + "/s",
    };

    internal static string Number(double value, string format = "0.00") => value.ToString(format, CultureInfo.InvariantCulture);

    internal static string Percent(Figure? figure) => figure is null ? "–" : Number(figure.Mean, "0.0") + " %";

    /// <summary>A time in UTC, with its date when that is not today's.</summary>
    internal static string Time(DateTimeOffset time, TimeProvider clock) =>
        time.UtcDateTime.ToString(time.UtcDateTime.Date == clock.GetUtcNow().UtcDateTime.Date ? "HH:mm:ss'Z'" : "yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    internal static string Age(double? seconds) => seconds switch
    {
        null => "never",
        < 120 => Number(seconds.Value, "0") + " s",
        < 7200 => Number(seconds.Value / 60, "0") + " min",
        _ => Number(seconds.Value / 3600, "0") + " h",
    };

    /// <summary>Host and port without the scheme; the id when there is no address.</summary>
    internal static string Name(string id, IReadOnlyList<BrokerView>? brokers)
    {
        var address = brokers?.FirstOrDefault(b => b.Id == id)?.Address;
        if (string.IsNullOrEmpty(address))
            return id;
        var scheme = address.IndexOf("://", StringComparison.Ordinal);
        return scheme < 0 ? address : address[(scheme + 3)..].TrimEnd('/');
    }

    /// <summary>A sentence of another service with the brokers' names in place of their ids, which nobody can tell apart.</summary>
    internal static string Named(string text, IReadOnlyList<BrokerView>? brokers)
    {
        foreach (var broker in brokers ?? [])
        {
            // Danube's ids have 18 to 20 digits; a short one could be any number of the sentence.
            if (broker.Id.Length >= ShortestId)
                text = text.Replace(broker.Id, Name(broker.Id, brokers), StringComparison.Ordinal);
        }

        return text;
    }

    internal static (Color Color, string Text) Of(BrokerView broker) => broker switch
    {
        { Reachable: false } => (Color.Error, "unreachable"),
        { State: BrokerState.Active } => (Color.Success, "active"),
        { State: BrokerState.Draining } => (Color.Warning, "draining"),
        { State: BrokerState.Drained } => (Color.Warning, "drained"),
        _ => (Color.Error, "gone"),
    };

    internal static Color Of(MoveState state) => state switch
    {
        MoveState.Done => Color.Success,
        MoveState.Skipped or MoveState.Cancelled => Color.Default,
        MoveState.Failed or MoveState.Stuck or MoveState.LandedElsewhere => Color.Error,
        _ => Color.Info,
    };

    internal static Color Of(CycleOutcome outcome) => outcome switch
    {
        CycleOutcome.Started => Color.Info,
        CycleOutcome.Proposed => Color.Primary,
        CycleOutcome.Skipped => Color.Warning,
        CycleOutcome.Failed => Color.Error,
        _ => Color.Success,
    };
}
