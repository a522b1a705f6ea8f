using Dapr.Actors.Runtime;
using Danube.Dapr.Contracts;
using Danube.Dapr.History.Record;
using Danube.Dapr.History.Storage;
using Microsoft.Extensions.Options;

namespace Danube.Dapr.History.Actors;

/// <summary>Gives the recorder its turns: one activation in the whole deployment, one append at a time.</summary>
internal sealed class HistoryActor(ActorHost host, IHistoryStore store, IOptions<HistoryOptions> options, TimeProvider clock) : Actor(host), IHistoryActor
{
    private readonly HistoryRecorder _recorder = new(store, clock, options.Value.RetentionDays);

    public Task<int> AppendAsync(IReadOnlyList<HistoryEntry> entries) => _recorder.AppendAsync(entries, CancellationToken.None);
}
