using System.IO.Enumeration;

namespace Danube.Dapr.Rebalancer.Control;

/// <summary>Topic names and globs as the planner reads them: <c>*</c> is any text, <c>?</c> one character.</summary>
internal static class TopicGlobs
{
    public static bool IsValid(string? pattern) => pattern is { Length: > 1 } && pattern[0] == '/' && !pattern.Contains('\\', StringComparison.Ordinal);

    public static bool IsMatch(IEnumerable<string> patterns, string topic) =>
        patterns.Any(pattern => FileSystemName.MatchesSimpleExpression(pattern, topic, ignoreCase: false));
}
