namespace Danube.Dapr.Workflow;

/// <summary>Work on many items in a workflow, a few at a time.</summary>
public static class ParallelExtensions
{
    /// <summary>Runs a task for each item, at most <paramref name="maxConcurrency"/> at a time, and waits for all of them.</summary>
    /// <typeparam name="TInput">The type of the items.</typeparam>
    /// <typeparam name="TResult">The type of the results.</typeparam>
    /// <param name="context">The workflow's context.</param>
    /// <param name="inputs">The items.</param>
    /// <param name="taskFactory">Calls an activity or a child for an item.</param>
    /// <param name="maxConcurrency">How many tasks are open at a time; default 5, at least 1.</param>
    /// <returns>The results, in the order of the items.</returns>
    /// <exception cref="AggregateException">One or more tasks failed; the others were waited for.</exception>
    public static async Task<TResult[]> ProcessInParallelAsync<TInput, TResult>(
        this WorkflowContext context, IEnumerable<TInput> inputs, Func<TInput, Task<TResult>> taskFactory, int maxConcurrency = 5)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(taskFactory);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxConcurrency, 1);

        TInput[] items = [.. inputs];
        var results = new TResult[items.Length];
        var failures = new List<Exception>();
        int next = 0;

        // As many loops as may be open, each taking the next item: all on the workflow's one thread, so the order is that of the history.
        async Task TakeItemsAsync()
        {
            while (next < items.Length)
            {
                int index = next++;
                try
                {
                    results[index] = await taskFactory(items[index]);
                }
                catch (Exception e)
                {
                    failures.Add(e);
                }
            }
        }

        await Task.WhenAll(Enumerable.Range(0, Math.Min(maxConcurrency, items.Length)).Select(_ => TakeItemsAsync()).ToList());
        return failures.Count == 0 ? results : throw new AggregateException($"{failures.Count} of {items.Length} tasks failed.", failures);
    }
}
