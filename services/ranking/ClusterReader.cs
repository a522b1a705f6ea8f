using Dapr.Actors;
using Dapr.Actors.Client;
using Danube.Dapr.Contracts;
using Danube.Dapr.Ranking.Actors;
using Danube.Dapr.Ranking.Balance;
using Danube.Dapr.Ranking.View;
using Microsoft.Extensions.Options;

namespace Danube.Dapr.Ranking;

/// <summary>What this replica answers from: the actor's view, asked for again when it is older than the short cache time and transferred only when it changed.</summary>
internal sealed class ClusterReader(IActorProxyFactory actors, IOptions<RankingOptions> options, TimeProvider clock) : IDisposable
{
    /// <summary>How far the time of an unchanged view may lag.</summary>
    private static readonly TimeSpan TimeStep = TimeSpan.FromSeconds(1);

    private readonly IClusterActor _actor = actors.CreateActorProxy<IClusterActor>(new ActorId(DaprNames.ClusterActorId), DaprNames.Actors.Cluster);
    private readonly TimeSpan _cacheTime = TimeSpan.FromMilliseconds(options.Value.CacheMilliseconds);
    private readonly SemaphoreSlim _turn = new(1, 1);
    private volatile Answer? _answer;

    /// <summary>The view now, at most the cache time old.</summary>
    internal async Task<Answer> GetAsync(CancellationToken cancel)
    {
        if (_answer is { } recent && clock.GetElapsedTime(recent.Asked) < _cacheTime)
            return recent;
        await _turn.WaitAsync(cancel);
        try
        {
            if (_answer is { } meanwhile && clock.GetElapsedTime(meanwhile.Asked) < _cacheTime)
                return meanwhile;
            var asked = clock.GetTimestamp();
            var document = await AskAsync(_answer?.Ranked.Snapshot.Generation ?? -1, cancel);
            return _answer = document is null
                ? Unchanged(_answer!, asked)
                : new Answer(asked, RankedView.Of(document.Snapshot, options.Value), document.Unowned, document.Curve);
        }
        finally
        {
            _turn.Release();
        }
    }

    public void Dispose() => _turn.Dispose();

    /// <summary>Without new reports the old ones still grow older: the time goes on, and with it what counts as stale.</summary>
    private Answer Unchanged(Answer answer, long asked)
    {
        var now = clock.GetUtcNow();
        return (now - answer.Ranked.Snapshot.Time).Duration() < TimeStep
            ? answer with { Asked = asked }
            : new Answer(asked, RankedView.Of(answer.Ranked.Snapshot with { Time = now }, options.Value), answer.Unowned, answer.Curve);
    }

    /// <returns>Null when the known generation is still the current one.</returns>
    private async Task<ViewDocument?> AskAsync(long knownGeneration, CancellationToken cancel)
    {
        while (true)
        {
            cancel.ThrowIfCancellationRequested();
            var head = await _actor.GetViewAsync(knownGeneration);
            if (head.Parts == 0)
                return null;
            if (head.Parts == 1)
                return ViewDocument.Unpack(head.First);
            using var packed = new MemoryStream();
            packed.Write(head.First);
            var part = 1;
            for (; part < head.Parts; part++)
            {
                var bytes = await _actor.GetViewPartAsync(head.Generation, part);
                if (bytes.Length == 0)
                    break;
                packed.Write(bytes);
            }

            // The view changed between two parts: take the new one from the start.
            if (part == head.Parts)
                return ViewDocument.Unpack(packed.ToArray());
        }
    }

    /// <summary>A view with the moment at which the actor was asked.</summary>
    /// <param name="Asked">Timestamp of the clock.</param>
    /// <param name="Ranked">Snapshot, ranking and balance.</param>
    /// <param name="Unowned">Topics that nobody owns.</param>
    /// <param name="Curve">The balance curve.</param>
    internal sealed record Answer(long Asked, RankedView Ranked, IReadOnlyList<UnownedTopic> Unowned, IReadOnlyList<BalanceSample> Curve)
    {
        /// <summary>The snapshot as it goes over the wire, made once.</summary>
        internal Lazy<SnapshotBody> Body { get; } = new(() => SnapshotBody.Of(Ranked.Snapshot));
    }
}
