using System.Diagnostics;
using Danube.Dapr.TaskHub;
using Danube.Dapr.Workflow.Worker;
using static Danube.Dapr.Workflow.Tests.Turns;

namespace Danube.Dapr.Workflow.Tests;

/// <summary>Spans join the trace that scheduled the workflow, and each thing that happened has one.</summary>
public sealed class TracingTests : IDisposable
{
    private readonly List<Activity> _spans = [];
    private readonly ActivityListener _listener;
    private readonly ActivityTraceId _trace = ActivityTraceId.CreateRandom();

    public TracingTests()
    {
        _listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "Danube.Dapr.Workflow",
            Sample = (ref ActivityCreationOptions<ActivityContext> options) =>
                options.Parent.TraceId == _trace ? ActivitySamplingResult.AllDataAndRecorded : ActivitySamplingResult.None,
            ActivityStopped = span =>
            {
                lock (_spans)
                    _spans.Add(span);
            },
        };
        ActivitySource.AddActivityListener(_listener);
    }

    public void Dispose() => _listener.Dispose();

    private TraceContext Parent => new() { TraceParent = $"00-{_trace}-{ActivitySpanId.CreateRandom()}-01" };

    private HistoryEvent[] BeginTraced()
    {
        HistoryEvent[] begin = Begin();
        begin[1].ExecutionStarted.ParentTraceContext = Parent;
        return begin;
    }

    [Fact]
    public async Task Workflow_OfManyTurns_HasOneSpanFromItsBeginToItsEnd()
    {
        static async Task<string> Workflow(WorkflowContext context, string? input) => await context.CallActivityAsync<string>("A");
        HistoryEvent[] begin = BeginTraced();

        await RunAsync<string>(Workflow, [], begin);
        Assert.Empty(_spans);
        await RunAsync<string>(Workflow, [.. begin, Scheduled(0, "A")], TurnStarted(1), Completed(0, "x"));

        Activity span = Assert.Single(_spans);
        Assert.Equal(("workflow Test", begin[1].Timestamp.ToDateTime()), (span.DisplayName, span.StartTimeUtc));
        Assert.Equal(("Completed", InstanceId), (span.GetTagItem("dapr.workflow.status"), span.GetTagItem("dapr.workflow.instance_id")));
    }

    [Fact]
    public async Task WorkflowCode_InEveryTurn_LogsUnderTheTrace()
    {
        var traces = new List<ActivityTraceId?>();
        async Task<string> Workflow(WorkflowContext context, string? input)
        {
            traces.Add(Activity.Current?.TraceId);
            string result = await context.CallActivityAsync<string>("A");
            traces.Add(Activity.Current?.TraceId);
            return result;
        }
        HistoryEvent[] begin = BeginTraced();

        await RunAsync<string>(Workflow, [.. begin, Scheduled(0, "A")], TurnStarted(1), Completed(0, "x"));

        Assert.Equal([_trace, _trace], traces);
        Assert.NotEqual(_trace, Activity.Current?.TraceId ?? default);
    }

    [Fact]
    public async Task Workflow_ThatFails_HasAnErrorSpan()
    {
        await RunAsync<string>((_, _) => throw new InvalidOperationException("bad"), [], BeginTraced());

        Activity span = Assert.Single(_spans);
        Assert.Equal((ActivityStatusCode.Error, "System.InvalidOperationException: bad"), (span.Status, span.StatusDescription));
    }

    [Fact]
    public async Task Retry_OfAnActivity_HasASpanOnceAndNotAtReplay()
    {
        var options = new WorkflowTaskOptions(new WorkflowRetryPolicy(3, TimeSpan.FromSeconds(5)));
        Task<string> Workflow(WorkflowContext context, string? input) => context.CallActivityAsync<string>("A", null, options);
        HistoryEvent[] failed = [.. BeginTraced(), Scheduled(0, "A"), TurnStarted(1), Failed(0, new TaskFailureDetails { ErrorType = "E", ErrorMessage = "m" }), TimerCreated(1, 6)];

        await RunAsync<string>(Workflow, failed, TurnStarted(6), TimerFired(1, 6));
        await RunAsync<string>(Workflow, [.. failed, TurnStarted(6), TimerFired(1, 6), Scheduled(2, "A")], TurnStarted(7), Raised("x"));

        Activity span = Assert.Single(_spans);
        Assert.Equal(("retry activity 'A'", 2, "E: m"), (span.DisplayName, span.GetTagItem("dapr.workflow.attempt"), span.GetTagItem("dapr.workflow.retried_error")));
    }

    [Fact]
    public async Task Activity_UnderATrace_RunsInsideItsSpan()
    {
        ActivityTraceId? inside = null;
        var runner = new ActivityRunner(Environment(options => options.RegisterActivity<string?, string>("A", (_, _) =>
        {
            inside = Activity.Current?.TraceId;
            throw new TimeoutException("slow");
        })));

        await runner.RunAsync(new ActivityRequest { Name = "A", TaskId = 4, WorkflowInstance = new WorkflowInstance { InstanceId = "wf" }, ParentTraceContext = Parent });

        Activity span = Assert.Single(_spans);
        Assert.Equal(_trace, inside);
        Assert.Equal(("activity A", 4, ActivityStatusCode.Error), (span.DisplayName, span.GetTagItem("dapr.workflow.task_id"), span.Status));
    }

    [Fact]
    public async Task Schedule_UnderATrace_PassesItOn()
    {
        await using ScriptedSidecar sidecar = await ScriptedSidecar.StartAsync();
        using var app = sidecar.CreateApp(_ => { });
        CreateInstanceRequest? sent = null;
        sidecar.OnStart = request =>
        {
            sent = request;
            return Task.FromResult(new CreateInstanceResponse());
        };
        using Activity caller = new Activity("caller").SetParentId(_trace, ActivitySpanId.CreateRandom(), ActivityTraceFlags.Recorded).Start();

        var client = (DaprWorkflowClient)app.Services.GetService(typeof(DaprWorkflowClient))!;
        await client.ScheduleNewWorkflowAsync("Test", "wf-traced");

        Activity span = Assert.Single(_spans);
        Assert.Equal("schedule Test", span.DisplayName);
        Assert.Equal(span.Id, sent!.ParentTraceContext.TraceParent);
    }
}
