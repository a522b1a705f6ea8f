using Danube.Dapr.Workflow.Abstractions;
using Microsoft.Extensions.DependencyInjection;

namespace Danube.Dapr.Workflow.Engine;

/// <summary>What this app can run, by name. Names are compared as the sidecar does: case matters.</summary>
internal sealed class WorkflowRegistry
{
    private readonly Dictionary<string, Func<IServiceProvider, IWorkflow>> _workflows = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Func<IServiceProvider, IWorkflowActivity>> _activities = new(StringComparer.Ordinal);

    public IEnumerable<string> WorkflowNames => _workflows.Keys.Order(StringComparer.Ordinal);

    public IEnumerable<string> ActivityNames => _activities.Keys.Order(StringComparer.Ordinal);

    public void AddWorkflow<TWorkflow>(string name) where TWorkflow : class, IWorkflow =>
        AddWorkflow(name, ActivatorUtilities.GetServiceOrCreateInstance<TWorkflow>);

    public void AddWorkflow(string name, Func<IServiceProvider, IWorkflow> factory) => Add(_workflows, "workflow", name, factory);

    public void AddActivity<TActivity>(string name) where TActivity : class, IWorkflowActivity =>
        AddActivity(name, ActivatorUtilities.GetServiceOrCreateInstance<TActivity>);

    public void AddActivity(string name, Func<IServiceProvider, IWorkflowActivity> factory) => Add(_activities, "activity", name, factory);

    public Func<IServiceProvider, IWorkflow>? FindWorkflow(string name) => _workflows.GetValueOrDefault(name);

    public Func<IServiceProvider, IWorkflowActivity>? FindActivity(string name) => _activities.GetValueOrDefault(name);

    private static void Add<T>(Dictionary<string, T> registered, string kind, string name, T factory)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        if (!registered.TryAdd(name, factory))
            throw new ArgumentException($"The {kind} name '{name}' is already registered.", nameof(name));
    }
}
