using System.Diagnostics.CodeAnalysis;
using Danube.Dapr.TaskHub;

namespace Danube.Dapr.Workflow.Engine;

/// <summary>Brings events and those who wait for them together, first come first served on both sides. Case of names does not matter.</summary>
internal sealed class EventInbox
{
    private readonly List<HistoryEvent> _unclaimed = [];
    private readonly LinkedList<Waiter> _waiters = [];

    public sealed class Waiter(string name)
    {
        private readonly TaskCompletionSource<string?> _source = new();

        public string Name { get; } = name;

        public Task<string?> Data => _source.Task;

        public void Complete(string? data) => _source.TrySetResult(data);

        public void Cancel(CancellationToken token) => _source.TrySetCanceled(token);
    }

    /// <summary>Events that nobody has waited for, in the order in which they came.</summary>
    public IReadOnlyList<HistoryEvent> Unclaimed => _unclaimed;

    public bool HasWaiters => _waiters.Count > 0;

    public void Keep(HistoryEvent raised) => _unclaimed.Add(raised);

    public void Deliver(HistoryEvent raised)
    {
        for (LinkedListNode<Waiter>? node = _waiters.First; node is not null; node = node.Next)
        {
            if (!IsNamed(raised, node.Value.Name))
                continue;
            _waiters.Remove(node);
            node.Value.Complete(raised.EventRaised.Input);
            return;
        }
        _unclaimed.Add(raised);
    }

    public bool TryTake(string name, [NotNullWhen(true)] out HistoryEvent? raised)
    {
        int index = _unclaimed.FindIndex(candidate => IsNamed(candidate, name));
        raised = index < 0 ? null : _unclaimed[index];
        if (index >= 0)
            _unclaimed.RemoveAt(index);
        return raised is not null;
    }

    public Waiter Wait(string name) => _waiters.AddLast(new Waiter(name)).Value;

    public bool GiveUp(Waiter waiter) => _waiters.Remove(waiter);

    private static bool IsNamed(HistoryEvent raised, string name) => string.Equals(raised.EventRaised.Name, name, StringComparison.OrdinalIgnoreCase);
}
