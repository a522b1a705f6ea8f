namespace Danube.Dapr.Workflow;

/// <summary>What helpers of workflow code need to know of the turn that they run in.</summary>
public interface IWorkflowContext
{
    /// <summary>Whether the code runs over steps that were taken in an earlier turn.</summary>
    bool IsReplaying { get; }

    /// <summary>The time at which the present turn began, in UTC; the same at each replay.</summary>
    DateTime CurrentUtcDateTime { get; }

    /// <summary>
    /// Whether this instance takes the code path that was added under <paramref name="patchName"/>: yes for an instance that reaches
    /// this line for the first time, no for one that passed it before the patch was there. The answer is recorded and stays the same.
    /// Needs daprd 1.17; an older one forgets the answer, and the instance then fails as non-deterministic.
    /// </summary>
    /// <param name="patchName">A name for the change; case matters.</param>
    /// <returns>Whether the new path is to be taken.</returns>
    bool IsPatched(string patchName);
}
