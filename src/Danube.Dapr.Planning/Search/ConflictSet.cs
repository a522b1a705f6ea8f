namespace Danube.Dapr.Planning.Search;

/// <summary>The smallest set of rules that cannot be kept together, by a deletion filter.</summary>
internal static class ConflictSet
{
    /// <param name="rules">All rules that have a say.</param>
    /// <param name="possible">Whether these rules can be kept together.</param>
    /// <returns>Rules of which none can be left out, so that the rest could be kept; empty when all can be kept together.</returns>
    public static List<string> Smallest(IEnumerable<string> rules, Func<IReadOnlySet<string>, bool> possible)
    {
        var left = rules.ToList();
        if (possible(left.ToHashSet(StringComparer.Ordinal))) return [];
        for (var i = left.Count - 1; i >= 0; i--)
        {
            var without = left.ToHashSet(StringComparer.Ordinal);
            without.Remove(left[i]);
            if (!possible(without)) left.RemoveAt(i);
        }

        return left;
    }
}
