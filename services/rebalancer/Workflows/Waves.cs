namespace Danube.Dapr.Rebalancer.Workflows;

/// <summary>Which moves of a batch are in flight together. The next wave begins when all of the last one have ended and are checked: no unload begins while another is unfinished elsewhere.</summary>
internal static class Waves
{
    /// <param name="moves">The moves, in their order.</param>
    /// <param name="inFlight">How many may be in flight at the same time, 1 or more.</param>
    public static IEnumerable<IReadOnlyList<MoveTask>> Of(IReadOnlyList<MoveTask> moves, int inFlight)
    {
        var wave = new List<MoveTask>();
        foreach (var move in moves)
        {
            // A topic that is deleted and created again is always alone: between the two it exists nowhere.
            if (wave.Count > 0 && (wave.Count == inFlight || move.Recreate || wave[^1].Recreate))
            {
                yield return wave;
                wave = [];
            }

            wave.Add(move);
        }

        if (wave.Count > 0)
            yield return wave;
    }
}
