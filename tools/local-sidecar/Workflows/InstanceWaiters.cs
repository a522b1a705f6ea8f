using Danube.Dapr.TaskHub;
using Grpc.Core;

namespace Danube.Dapr.LocalSidecar.Workflows;

/// <summary>Calls that wait for an instance to come into some state; the instance need not exist yet.</summary>
internal sealed class InstanceWaiters
{
    private readonly Dictionary<string, List<Waiter>> _waiters = new(StringComparer.Ordinal);
    private readonly Lock _lock = new();

    /// <summary>Registers a waiter. Call it while holding the instance's lease, so that no change is missed.</summary>
    public Waiter Add(string instanceId, Func<WorkflowInstance, bool> condition, bool withPayloads)
    {
        var waiter = new Waiter(this, instanceId, condition, withPayloads);
        lock (_lock)
        {
            if (!_waiters.TryGetValue(instanceId, out var list)) _waiters.Add(instanceId, list = []);
            list.Add(waiter);
        }
        return waiter;
    }

    /// <summary>The instance changed; call it while holding its lease.</summary>
    public void Changed(WorkflowInstance instance)
    {
        lock (_lock)
        {
            if (!_waiters.TryGetValue(instance.Id, out var list)) return;
            foreach (var waiter in list.FindAll(w => w.Condition(instance)))
            {
                waiter.Answer(instance.ToState(waiter.WithPayloads));
                list.Remove(waiter);
            }
            if (list.Count == 0) _waiters.Remove(instance.Id);
        }
    }

    /// <summary>The waits for this instance fail.</summary>
    public void Fail(string instanceId, StatusCode status, string message)
    {
        lock (_lock)
        {
            if (!_waiters.Remove(instanceId, out var list)) return;
            foreach (var waiter in list) waiter.Fail(new WorkflowException(status, message));
        }
    }

    /// <summary>All waits fail.</summary>
    public void FailAll(StatusCode status, string message)
    {
        lock (_lock)
        {
            foreach (var waiter in _waiters.Values.SelectMany(static w => w)) waiter.Fail(new WorkflowException(status, message));
            _waiters.Clear();
        }
    }

    private void Remove(Waiter waiter)
    {
        lock (_lock)
        {
            if (_waiters.TryGetValue(waiter.InstanceId, out var list) && list.Remove(waiter) && list.Count == 0) _waiters.Remove(waiter.InstanceId);
        }
    }

    internal sealed class Waiter(InstanceWaiters owner, string instanceId, Func<WorkflowInstance, bool> condition, bool withPayloads)
    {
        private readonly TaskCompletionSource<WorkflowState> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public string InstanceId { get; } = instanceId;

        public Func<WorkflowInstance, bool> Condition { get; } = condition;

        public bool WithPayloads { get; } = withPayloads;

        public async Task<WorkflowState> WaitAsync(CancellationToken cancellationToken)
        {
            try
            {
                return await _answer.Task.WaitAsync(cancellationToken);
            }
            finally
            {
                owner.Remove(this);
            }
        }

        public void Answer(WorkflowState state) => _answer.TrySetResult(state);

        public void Fail(Exception e) => _answer.TrySetException(e);
    }
}
