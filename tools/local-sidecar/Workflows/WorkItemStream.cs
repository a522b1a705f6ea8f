using System.Threading.Channels;
using Danube.Dapr.TaskHub;

namespace Danube.Dapr.LocalSidecar.Workflows;

/// <summary>One connected worker: what was and what will be written to its GetWorkItems stream. All but <see cref="Items"/> is guarded by the dispatcher.</summary>
internal sealed class WorkItemStream
{
    private readonly Channel<WorkItem> _items = Channel.CreateUnbounded<WorkItem>(new UnboundedChannelOptions { SingleReader = true });

    /// <summary>What to write, in order; ends when the engine stops.</summary>
    public ChannelReader<WorkItem> Items => _items.Reader;

    /// <summary>Deliveries without an answer.</summary>
    public HashSet<Delivery> InFlight { get; } = [];

    /// <summary>Turns unanswered or about to be sent.</summary>
    public int Turns { get; set; }

    public bool Closed { get; set; }

    public void Write(WorkItem item) => _items.Writer.TryWrite(item);

    public void Complete() => _items.Writer.TryComplete();
}

/// <summary>One sending of a work item to one worker.</summary>
/// <param name="work">What was sent.</param>
/// <param name="token">The completion token it carries; empty unless something else under the same key could still be answered.</param>
/// <param name="stream">Where it went.</param>
internal sealed class Delivery(Work work, string token, WorkItemStream stream)
{
    public Work Work { get; } = work;

    public string Token { get; } = token;

    public WorkItemStream Stream { get; } = stream;

    /// <summary>When its stream was lost, or its turn was dropped, in case it was: a reading of the stop-watch.</summary>
    public long? LostAt { get; set; }
}
