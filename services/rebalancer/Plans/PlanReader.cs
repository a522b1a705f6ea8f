using System.Collections.Concurrent;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Actors;
using Danube.Dapr.Rebalancer.Control;

namespace Danube.Dapr.Rebalancer.Plans;

/// <summary>Reads plans and moves for the API. Plans that have ended, and whose topics have all come back, change no more and are kept in memory, so that polling costs little.</summary>
internal sealed class PlanReader(ActorDirectory actors)
{
    private readonly ConcurrentDictionary<string, (PlanRun Run, IReadOnlyList<MoveRecord> Moves)> _ended = new(StringComparer.Ordinal);

    /// <summary>A plan and the last record of each of its moves; null when it is not known.</summary>
    public async Task<(PlanRun Run, IReadOnlyList<MoveRecord> Moves)?> ReadAsync(string planId)
    {
        if (_ended.TryGetValue(planId, out var known))
            return known;
        if (!Identifiers.IsPlan(planId) || await actors.Plan(planId).GetAsync() is not { } run)
            return null;
        var moves = await actors.Plan(planId).GetMovesAsync();
        // A plan that gave way has stopped a moment before its moves are written down as cancelled.
        var ended = run.State is PlanRunState.Finished or PlanRunState.Stopped && moves.All(m => PlanProgress.IsEnd(m.State));
        if (ended && (run.Effect is { Pending: 0, NotBack: 0 } || !moves.Any(PlanProgress.HasLanded)))
            _ended[planId] = (run, moves);
        return (run, moves);
    }

    /// <summary>A page of plans, newest first.</summary>
    public async Task<Page<PlanRun>> PlansAsync(ControlState state, int offset, int limit)
    {
        Forget(state);
        var runs = new List<PlanRun>();
        foreach (var entry in state.Plans.Skip(offset).Take(limit))
        {
            if (await ReadAsync(entry.Id) is { } plan)
                runs.Add(plan.Run);
        }

        return new Page<PlanRun>(state.Plans.Count, offset, runs);
    }

    /// <summary>A page of moves, those of the newest plan first.</summary>
    public async Task<Page<MoveRecord>> MovesAsync(ControlState state, int offset, int limit)
    {
        Forget(state);
        var moves = new List<MoveRecord>();
        var skip = offset;
        foreach (var entry in state.Plans)
        {
            if (moves.Count == limit)
                break;
            if (skip >= entry.Moves)
            {
                skip -= entry.Moves;
                continue;
            }

            if (await ReadAsync(entry.Id) is { } plan)
                moves.AddRange(plan.Moves.Reverse().Skip(skip).Take(limit - moves.Count));
            skip = 0;
        }

        return new Page<MoveRecord>(state.Plans.Sum(p => p.Moves), offset, moves);
    }

    private void Forget(ControlState state)
    {
        if (_ended.Count <= state.Plans.Count)
            return;
        var kept = state.Plans.Select(p => p.Id).ToHashSet(StringComparer.Ordinal);
        foreach (var id in _ended.Keys.Where(id => !kept.Contains(id)))
            _ended.TryRemove(id, out _);
    }
}
