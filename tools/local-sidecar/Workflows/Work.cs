using Danube.Dapr.TaskHub;

namespace Danube.Dapr.LocalSidecar.Workflows;

/// <summary>What an answer of a worker names: an activity of an instance, or (without task) the instance's turn.</summary>
internal readonly record struct WorkKey(string InstanceId, int? TaskId);

/// <summary>Something a worker has to do, from the first delivery until the first answer.</summary>
internal abstract class Work(WorkKey key, bool mayBeAnsweredLate)
{
    public WorkKey Key { get; } = key;

    /// <summary>An answer to something else under its key may still come: the first delivery carries a token, too.</summary>
    public bool MayBeAnsweredLate { get; } = mayBeAnsweredLate;

    /// <summary>Somebody answered it, or nobody needs an answer any more. Guarded by the dispatcher.</summary>
    public bool Done { get; set; }

    public abstract WorkItem ToItem(string completionToken);
}

/// <summary>One turn of a workflow: the batch is fixed when it is built, so that every delivery of it says the same.</summary>
internal sealed class Turn(WorkflowRequest request, int inboxEvents, IDisposable pin, bool mayBeAnsweredLate = false) : Work(new(request.InstanceId, null), mayBeAnsweredLate)
{
    public WorkflowRequest Request { get; } = request;

    /// <summary>How many events of the inbox, from its head, are in the batch.</summary>
    public int InboxEvents { get; } = inboxEvents;

    /// <summary>Keeps the instance in memory while the turn is out.</summary>
    public IDisposable Pin { get; } = pin;

    public override WorkItem ToItem(string completionToken) => new() { WorkflowRequest = Request, CompletionToken = completionToken };
}

/// <summary>One activity of one generation of an instance.</summary>
internal sealed class ActivityWork(ActivityRequest request, string executionId, DateTimeOffset createdAt, bool mayBeAnsweredLate = false) : Work(new(request.WorkflowInstance.InstanceId, request.TaskId), mayBeAnsweredLate)
{
    public ActivityRequest Request { get; } = request;

    public string ExecutionId { get; } = executionId;

    public DateTimeOffset CreatedAt { get; } = createdAt;

    public override WorkItem ToItem(string completionToken) => new() { ActivityRequest = Request, CompletionToken = completionToken };
}
