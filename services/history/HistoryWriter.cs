using System.Threading.Channels;
using Dapr.Actors;
using Dapr.Actors.Client;
using Danube.Dapr.Contracts;
using Danube.Dapr.History.Actors;
using Danube.Dapr.History.Record;

namespace Danube.Dapr.History;

/// <summary>Gathers what arrives while a write is under way into the next one. An entry counts as taken only when it is stored.</summary>
internal sealed partial class HistoryWriter(IActorProxyFactory actors, ILogger<HistoryWriter> log) : BackgroundService
{
    private readonly Channel<Waiting> _waiting = Channel.CreateBounded<Waiting>(new BoundedChannelOptions(1_000) { SingleReader = true });

    /// <summary>Stores an entry, unless it is stored already.</summary>
    /// <exception cref="ActorMethodInvocationException">It could not be stored; the sender delivers it again.</exception>
    internal async Task AppendAsync(HistoryEntry entry, CancellationToken cancel)
    {
        var waiting = new Waiting(entry, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        await _waiting.Writer.WriteAsync(waiting, cancel);
        await waiting.Stored.Task.WaitAsync(cancel);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var actor = actors.CreateActorProxy<IHistoryActor>(new ActorId(DaprNames.ClusterActorId), DaprNames.Actors.History);
        var batch = new List<Waiting>();
        while (await _waiting.Reader.WaitToReadAsync(stoppingToken))
        {
            batch.Clear();
            while (batch.Count < HistoryRecorder.MaxBatch && _waiting.Reader.TryRead(out var waiting))
                batch.Add(waiting);
            try
            {
                var added = await actor.AppendAsync([.. batch.Select(w => w.Entry)]);
                LogAppended(added, batch.Count - added);
                batch.ForEach(w => w.Stored.SetResult());
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                // Each waiting request fails with the cause, and the sidecar delivers its message again.
                LogFailed(batch.Count, e);
                batch.ForEach(w => w.Stored.SetException(e));
            }
        }
    }

    private sealed record Waiting(HistoryEntry Entry, TaskCompletionSource Stored);

    [LoggerMessage(LogLevel.Debug, "Stored {Added} entries, {Known} were known")]
    private partial void LogAppended(int added, int known);

    [LoggerMessage(LogLevel.Error, "Could not store {Count} entries; they will be delivered again")]
    private partial void LogFailed(int count, Exception error);
}
