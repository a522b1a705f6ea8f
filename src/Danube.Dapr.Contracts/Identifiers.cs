using System.Globalization;
using System.Text.RegularExpressions;

namespace Danube.Dapr.Contracts;

/// <summary>What ids and names look like, so that every service refuses the same ones in the same words.</summary>
public static partial class Identifiers
{
    /// <summary>A broker's id, in words.</summary>
    public const string BrokerForm = "a broker's decimal id";

    /// <summary>A topic's name, in words.</summary>
    public const string TopicForm = "/namespace/topic of letters, digits, '_' and '-'";

    /// <summary>A namespace or the last part of a topic's name, in words.</summary>
    public const string TopicPartForm = "letters, digits, '_' and '-'";

    /// <summary>A plan's id, in words.</summary>
    public const string PlanForm = "a plan's id of 1 to 100 characters A to Z, a to z, 0 to 9, '_' and '-'";

    /// <summary>A move's id, in words.</summary>
    public const string MoveForm = "a move's id: its plan's id, a colon and the topic's name";

    /// <summary>True for the decimal form of an unsigned number of 64 bits.</summary>
    public static bool IsBroker(string? id) => ulong.TryParse(id, NumberStyles.None, CultureInfo.InvariantCulture, out _);

    /// <summary>True for <c>/namespace/topic</c>, each part of letters, digits, <c>_</c> and <c>-</c>, as Danube takes it.</summary>
    public static bool IsTopic(string? name) => name is not null && Topic().IsMatch(name);

    /// <summary>True for a namespace, or for the last part of a topic's name.</summary>
    public static bool IsTopicPart(string? part) => part is not null && TopicPart().IsMatch(part);

    /// <summary>True for an id that a plan can have.</summary>
    public static bool IsPlan(string? id) => id is not null && Plan().IsMatch(id);

    /// <summary>The topic's name at the end of a path, whose slashes may come as they are, encoded, or cleaned away by a sidecar.</summary>
    /// <param name="rest">What the path ends in.</param>
    public static string TopicOfPath(string? rest) => "/" + (rest ?? "").Replace("%2F", "/", StringComparison.OrdinalIgnoreCase).TrimStart('/');

    [GeneratedRegex(@"^/[\p{L}\p{N}_-]+/[\p{L}\p{N}_-]+\z", RegexOptions.CultureInvariant)]
    private static partial Regex Topic();

    [GeneratedRegex(@"^[\p{L}\p{N}_-]+\z", RegexOptions.CultureInvariant)]
    private static partial Regex TopicPart();

    [GeneratedRegex(@"^[A-Za-z0-9_-]{1,100}\z", RegexOptions.CultureInvariant)]
    private static partial Regex Plan();
}
