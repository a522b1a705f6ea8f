using System.Text.Json;
using Danube.Dapr.Workflow.Abstractions;
using Danube.Dapr.Workflow.Engine;
using Grpc.Net.Client;

namespace Danube.Dapr.Workflow;

/// <summary>Which workflows and activities an app runs, and how many at a time.</summary>
public sealed class WorkflowRuntimeOptions
{
    /// <summary>How many turns of workflows run at the same time; default 100, at least 1.</summary>
    public int MaxConcurrentWorkflows
    {
        get;
        set => field = AtLeast(1, value, nameof(MaxConcurrentWorkflows));
    } = 100;

    /// <summary>How many activities run at the same time; default 100, at least 1.</summary>
    public int MaxConcurrentActivities
    {
        get;
        set => field = AtLeast(1, value, nameof(MaxConcurrentActivities));
    } = 100;

    /// <summary>
    /// The largest input, result, event or status, in bytes of JSON; default 1 MiB, at least 1 KiB. The sidecar keeps every payload in the
    /// history and sends all of it with each turn; a turn of more than 95 % of its <c>--max-body-size</c> (4 MiB) stalls the instance.
    /// </summary>
    public int MaxPayloadBytes
    {
        get;
        set => field = AtLeast(1024, value, nameof(MaxPayloadBytes));
    } = 1024 * 1024;

    /// <summary>
    /// The largest answer to one turn, in bytes; default 3.8 MiB (95 % of the sidecar's default <c>--max-body-size</c>), at least 64 KiB.
    /// </summary>
    public int MaxTurnBytes
    {
        get;
        set => field = AtLeast(64 * 1024, value, nameof(MaxTurnBytes));
    } = 4 * 1024 * 1024 / 100 * 95;

    /// <summary>
    /// How long a stopping app goes on with the turns and activities that it has begun; default 20 seconds, at least zero. The host's own
    /// shutdown timeout bounds it too. What is not done then runs again elsewhere.
    /// </summary>
    public TimeSpan DrainTimeout
    {
        get;
        set => field = value >= TimeSpan.Zero
            ? value
            : throw new ArgumentOutOfRangeException(nameof(DrainTimeout), value, "DrainTimeout must not be negative.");
    } = TimeSpan.FromSeconds(20);

    /// <summary>The options of the gRPC channel to the sidecar, if they were set.</summary>
    public GrpcChannelOptions? GrpcChannelOptions { get; private set; }

    /// <summary>How payloads become JSON; default <see cref="JsonSerializerOptions.Web"/>.</summary>
    public JsonSerializerOptions JsonSerializerOptions { get; private set; } = JsonSerializerOptions.Web;

    internal int? MaxReceiveMessageSize { get; set; }

    internal int? MaxSendMessageSize { get; set; }

    internal WorkflowRegistry Registry { get; } = new();

    /// <summary>Takes these options for the gRPC channel to the sidecar instead of the built-in ones.</summary>
    /// <param name="grpcChannelOptions">The options; message sizes are best left unlimited.</param>
    public void UseGrpcChannelOptions(GrpcChannelOptions grpcChannelOptions)
    {
        ArgumentNullException.ThrowIfNull(grpcChannelOptions);
        GrpcChannelOptions = grpcChannelOptions;
    }

    /// <summary>Takes these options for the JSON of payloads. Running instances must be able to read what they wrote before.</summary>
    /// <param name="jsonSerializerOptions">The options.</param>
    public void UseJsonSerializerOptions(JsonSerializerOptions jsonSerializerOptions)
    {
        ArgumentNullException.ThrowIfNull(jsonSerializerOptions);
        JsonSerializerOptions = jsonSerializerOptions;
    }

    /// <summary>Registers a workflow that is a function.</summary>
    /// <typeparam name="TInput">The type of the input.</typeparam>
    /// <typeparam name="TOutput">The type of the result.</typeparam>
    /// <param name="name">The name that it is started by.</param>
    /// <param name="implementation">The workflow's code.</param>
    /// <exception cref="ArgumentException">The name is empty or taken.</exception>
    public void RegisterWorkflow<TInput, TOutput>(string name, Func<WorkflowContext, TInput, Task<TOutput>> implementation)
    {
        ArgumentNullException.ThrowIfNull(implementation);
        var workflow = new DelegateWorkflow<TInput, TOutput>(implementation);
        Registry.AddWorkflow(name, _ => workflow);
    }

    /// <summary>Registers a workflow class. Dependency injection makes a new one for each turn.</summary>
    /// <typeparam name="TWorkflow">The class.</typeparam>
    /// <param name="name">The name that it is started by; default the name of the class.</param>
    /// <exception cref="ArgumentException">The name is empty or taken.</exception>
    public void RegisterWorkflow<TWorkflow>(string? name = null) where TWorkflow : class, IWorkflow =>
        Registry.AddWorkflow<TWorkflow>(name ?? typeof(TWorkflow).Name);

    /// <summary>Registers an activity that is a function.</summary>
    /// <typeparam name="TInput">The type of the input.</typeparam>
    /// <typeparam name="TOutput">The type of the result.</typeparam>
    /// <param name="name">The name that it is called by.</param>
    /// <param name="implementation">The activity's code.</param>
    /// <exception cref="ArgumentException">The name is empty or taken.</exception>
    public void RegisterActivity<TInput, TOutput>(string name, Func<WorkflowActivityContext, TInput, Task<TOutput>> implementation)
    {
        ArgumentNullException.ThrowIfNull(implementation);
        var activity = new DelegateActivity<TInput, TOutput>(implementation);
        Registry.AddActivity(name, _ => activity);
    }

    /// <summary>Registers an activity class. Dependency injection makes a new one, in a scope of its own, for each run.</summary>
    /// <typeparam name="TActivity">The class.</typeparam>
    /// <param name="name">The name that it is called by; default the name of the class.</param>
    /// <exception cref="ArgumentException">The name is empty or taken.</exception>
    public void RegisterActivity<TActivity>(string? name = null) where TActivity : class, IWorkflowActivity =>
        Registry.AddActivity<TActivity>(name ?? typeof(TActivity).Name);

    private static int AtLeast(int minimum, int value, string name) => value >= minimum
        ? value
        : throw new ArgumentOutOfRangeException(name, value, $"{name} must be at least {minimum}.");
}
