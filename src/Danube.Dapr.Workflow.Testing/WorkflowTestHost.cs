using Danube.Dapr.TaskHub;
using Danube.Dapr.Workflow.Client;
using Danube.Dapr.Workflow.Engine;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;

namespace Danube.Dapr.Workflow.Testing;

/// <summary>
/// Runs workflows in memory, without a sidecar, under a clock that stands still until the test moves it. The code of the workflow is
/// replayed from its beginning at every turn, as in production, so code that is not deterministic fails here too.
/// </summary>
/// <remarks>
/// Register the workflows under test, and activities either real or, as functions under the same name, fake. Activities run one after
/// the other. Not safe to use from several threads at a time.
/// </remarks>
public sealed class WorkflowTestHost : IAsyncDisposable
{
    private readonly ServiceProvider _services;
    private readonly VirtualTimeProvider _time;
    private readonly InMemoryTaskHub _hub;
    private readonly Payloads _payloads;
    private int _ids;

    /// <summary>Makes a host.</summary>
    /// <param name="configure">Registers workflows and activities.</param>
    /// <param name="services">Registers what they are injected with. <see cref="TimeProvider"/> is the virtual clock.</param>
    /// <param name="startTime">What the clock shows at first, in UTC; default the beginning of 2026.</param>
    public WorkflowTestHost(Action<WorkflowRuntimeOptions> configure, Action<IServiceCollection>? services = null, DateTime? startTime = null)
    {
        ArgumentNullException.ThrowIfNull(configure);
        _time = new VirtualTimeProvider(new DateTimeOffset(startTime ?? new DateTime(2026, 1, 1), TimeSpan.Zero));

        var options = new WorkflowRuntimeOptions();
        configure(options);
        options.RegisterActivity<RaiseEventActivity.Request, bool>(RaiseEventActivity.ReservedName, (_, raise) => Task.FromResult(Raise(raise)));

        var collection = new ServiceCollection();
        collection.AddLogging();
        services?.Invoke(collection);
        collection.TryAddSingleton<TimeProvider>(_time);
        _services = collection.BuildServiceProvider();

        var environment = WorkflowEnvironment.Create(options, _services, _services.GetRequiredService<ILoggerFactory>());
        _payloads = environment.Payloads;
        _hub = new InMemoryTaskHub(environment, _time);
    }

    /// <summary>What the virtual clock shows.</summary>
    public DateTime UtcNow => _time.GetUtcNow().UtcDateTime;

    /// <summary>
    /// Whether every turn's work is started once in vain before the turn is saved, as a sidecar does whose store fails: activities run twice
    /// then, and a workflow whose activities are idempotent ends the same way. Default <see langword="false"/>.
    /// </summary>
    public bool LoseEveryTurnOnce
    {
        get => _hub.LoseEveryTurnOnce;
        set => _hub.LoseEveryTurnOnce = value;
    }

    /// <summary>The activities that were run, in order, retries included.</summary>
    public IReadOnlyList<WorkflowTestActivityCall> ActivityCalls => _hub.Calls;

    /// <summary>Starts an instance and runs it as far as it gets without time passing.</summary>
    /// <param name="name">The name of the workflow.</param>
    /// <param name="input">The input.</param>
    /// <param name="instanceId">The id; default <c>test-1</c>, <c>test-2</c> and so on.</param>
    /// <returns>The id of the instance.</returns>
    public async Task<string> StartAsync(string name, object? input = null, string? instanceId = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        instanceId ??= $"test-{++_ids}";
        InstanceIds.Check(instanceId, nameof(instanceId));
        _hub.Create(instanceId, name, _payloads.Write(input, "input"));
        await _hub.RunUntilIdleAsync();
        return instanceId;
    }

    /// <summary>Starts an instance and runs it to its end; the clock jumps from timer to timer.</summary>
    /// <param name="name">The name of the workflow.</param>
    /// <param name="input">The input.</param>
    /// <returns>The state of the ended instance.</returns>
    /// <exception cref="InvalidOperationException">The instance waits for something that will not come by itself.</exception>
    public async Task<WorkflowState> RunAsync(string name, object? input = null) => await RunToEndAsync(await StartAsync(name, input));

    /// <summary>Runs an instance to its end; the clock jumps from timer to timer.</summary>
    /// <param name="instanceId">The instance.</param>
    /// <returns>The state of the ended instance.</returns>
    /// <exception cref="InvalidOperationException">The instance waits for something that will not come by itself.</exception>
    public async Task<WorkflowState> RunToEndAsync(string instanceId)
    {
        TestInstance instance = _hub.Get(instanceId);
        await _hub.RunUntilIdleAsync();
        while (instance.End is null)
        {
            if (_hub.NextTimer is not { } next)
                throw new InvalidOperationException($"Workflow instance '{instanceId}' waits for an event, or is suspended, and no timer is left that would let it go on.");
            await AdvanceToAsync(next > UtcNow ? next : UtcNow);
        }
        return GetState(instanceId);
    }

    /// <summary>Lets time pass. Every timer fires at its own time, in order.</summary>
    /// <param name="time">How much; not negative.</param>
    public async Task AdvanceAsync(TimeSpan time)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(time, TimeSpan.Zero);
        DateTime end = UtcNow + time;
        await _hub.RunUntilIdleAsync();
        while (_hub.NextTimer is { } next && next <= end)
            await AdvanceToAsync(next > UtcNow ? next : UtcNow);
        _time.Set(end);
    }

    /// <summary>Raises an event to an instance.</summary>
    /// <param name="instanceId">The instance.</param>
    /// <param name="eventName">The event's name.</param>
    /// <param name="eventPayload">The event's data.</param>
    public Task RaiseEventAsync(string instanceId, string eventName, object? eventPayload = null) =>
        DeliverAsync(instanceId, e => e.EventRaised = new EventRaisedEvent { Name = eventName, Input = _payloads.Write(eventPayload, $"event '{eventName}'") });

    /// <summary>Suspends an instance.</summary>
    /// <param name="instanceId">The instance.</param>
    public Task SuspendAsync(string instanceId) => DeliverAsync(instanceId, e => e.ExecutionSuspended = new ExecutionSuspendedEvent());

    /// <summary>Resumes an instance.</summary>
    /// <param name="instanceId">The instance.</param>
    public Task ResumeAsync(string instanceId) => DeliverAsync(instanceId, e => e.ExecutionResumed = new ExecutionResumedEvent());

    /// <summary>Ends an instance and its children from outside.</summary>
    /// <param name="instanceId">The instance.</param>
    /// <param name="output">What becomes its result.</param>
    public Task TerminateAsync(string instanceId, object? output = null) =>
        DeliverAsync(instanceId, e => e.ExecutionTerminated = new ExecutionTerminatedEvent { Input = _payloads.Write(output, "output"), Recurse = true });

    /// <summary>The state of an instance.</summary>
    /// <param name="instanceId">The instance.</param>
    /// <returns>The state; if there is no such instance, its <see cref="WorkflowState.Exists"/> is <see langword="false"/>.</returns>
    public WorkflowState GetState(string instanceId) => new(_hub.Find(instanceId)?.ToWire(), _payloads);

    /// <summary>The history of an instance's present run.</summary>
    /// <param name="instanceId">The instance.</param>
    /// <returns>The events, oldest first.</returns>
    /// <exception cref="WorkflowInstanceNotFoundException">There is no such instance.</exception>
    public IReadOnlyList<WorkflowHistoryEvent> GetHistory(string instanceId) => [.. _hub.Get(instanceId).History.Select(HistoryEvents.ToPublic)];

    /// <summary>The history of an instance's present run, for <see cref="WorkflowReplayer"/>.</summary>
    /// <param name="instanceId">The instance.</param>
    /// <returns>JSON, to be kept beside a test.</returns>
    /// <exception cref="WorkflowInstanceNotFoundException">There is no such instance.</exception>
    public string GetHistoryJson(string instanceId) => HistoryEvents.ToJson(_hub.Get(instanceId).History);

    /// <summary>Disposes what was injected.</summary>
    public ValueTask DisposeAsync() => _services.DisposeAsync();

    private async Task AdvanceToAsync(DateTime now)
    {
        _time.Set(new DateTimeOffset(now, TimeSpan.Zero));
        _hub.FireTimers();
        await _hub.RunUntilIdleAsync();
    }

    private Task DeliverAsync(string instanceId, Action<HistoryEvent> fill)
    {
        _hub.Deliver(instanceId, fill);
        return _hub.RunUntilIdleAsync();
    }

    private bool Raise(RaiseEventActivity.Request raise)
    {
        if (_hub.Find(raise.InstanceId) is null)
            return false;
        _hub.Deliver(raise.InstanceId, e => e.EventRaised = new EventRaisedEvent { Name = raise.EventName, Input = raise.Data });
        return true;
    }
}
