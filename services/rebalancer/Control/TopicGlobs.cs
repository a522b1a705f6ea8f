using DotNet.Globbing;

namespace Danube.Dapr.Rebalancer.Control;

/// <summary>Topic names and globs such as <c>/default/orders-*</c>.</summary>
internal sealed class TopicGlobs(IEnumerable<string> patterns)
{
    private readonly Glob[] _globs = [.. patterns.Select(p => Glob.Parse(p))];

    public static bool IsValid(string? pattern)
    {
        if (string.IsNullOrEmpty(pattern) || pattern[0] != '/')
            return false;
        try
        {
            Glob.Parse(pattern);
            return true;
        }
        catch (GlobParseException)
        {
            return false;
        }
    }

    public bool IsMatch(string topic)
    {
        foreach (var glob in _globs)
        {
            if (glob.IsMatch(topic))
                return true;
        }

        return false;
    }
}
