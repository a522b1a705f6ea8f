using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Danube.Dapr.LocalSidecar.Tests.Workflows;
using Danube.Dapr.LocalSidecar.Tracing;
using Danube.Dapr.Workflow;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Danube.Dapr.LocalSidecar.Tests;

/// <summary>What arrives in Zipkin. In every trace the parent of each span must be there, too.</summary>
public sealed class TracingTests
{
    private const string Caller = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    [Fact]
    public async Task Workflow_WithChildRetryTimerAndNewGeneration_LeavesConnectedTraces()
    {
        await using var zipkin = await ZipkinCollector.StartAsync();
        using var appSpans = new AppSpans();
        await using var sidecar = await StartAsync(zipkin, ("a", null));
        using var app = await AppAsync(sidecar.Apps[0].DaprGrpcPort);
        var client = app.Services.GetRequiredService<DaprWorkflowClient>();
        string trace;
        using (var caller = appSpans.Source.StartActivity("caller")!)
        {
            trace = caller.TraceId.ToHexString();
            await client.ScheduleNewWorkflowAsync(nameof(Parent), "w", 0);
        }

        Assert.Equal(WorkflowRuntimeStatus.Completed, (await client.WaitForWorkflowCompletionAsync("w")).RuntimeStatus);
        await app.StopAsync();
        await TestSidecar.Eventually(() => zipkin.Spans.Count(static s => s.Name == "orchestration||Parent") == 2);

        // The second generation is a trace of its own, as in daprd.
        var first = zipkin.Spans.Where(s => s.TraceId == trace).ToList();
        Assert.Equal(["create_orchestration||Parent", "orchestration||Parent"], first.Select(static s => s.Name).Order(StringComparer.Ordinal));
        var second = zipkin.Spans.Where(s => s.TraceId != trace).ToList();
        Assert.Single(second.Select(static s => s.TraceId).Distinct());
        var count = second.CountBy(static s => s.Name).ToDictionary();
        Assert.Equal(1, count["create_orchestration||Parent"]);
        Assert.Equal(1, count["orchestration||Child"]);
        Assert.Equal(3, count["activity||Flaky"]);
        Assert.Equal(2, second.Count(static s => s.Name == "activity||Flaky" && s.Tags.ContainsKey("error")));
        Assert.True(count["timer"] >= 2);
        Assert.Null(second.Single(static s => s.Name == "create_orchestration||Parent").ParentId);
        AssertConnected([.. zipkin.Spans], appSpans);
        Assert.All(zipkin.Spans, static s => Assert.Equal("a", s.Service));
    }

    [Fact]
    public async Task Workflow_Terminated_StillHasTheSpanOfItsActivity()
    {
        await using var zipkin = await ZipkinCollector.StartAsync();
        await using var exporter = new ZipkinExporter(zipkin.Endpoint, TimeProvider.System, NullLogger.Instance);
        await using var host = await EngineHost.StartAsync(tracer: new Tracer("app", 1, exporter, TimeProvider.System));
        var answer = new TaskCompletionSource<TaskHub.ActivityResponse>(TaskCreationOptions.RunContinuationsAsynchronously);
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var slow = new Dictionary<string, Func<TaskHub.WorkflowRequest, TaskHub.WorkflowResponse>> { ["Slow"] = static r => r.Terminated() ?? Scripts.Schedule((0, "Greet", "1")) };
        await host.WorkerAsync(slow, _ =>
        {
            asked.SetResult();
            return answer.Task;
        });
        await host.Client.StartInstanceAsync(new TaskHub.CreateInstanceRequest { InstanceId = "w", Name = "Slow" });
        await asked.Task;

        await host.Client.TerminateInstanceAsync(new TaskHub.TerminateRequest { InstanceId = "w" });
        await TestSidecar.Eventually(() => zipkin.Spans.Any(static s => s.Name.StartsWith("orchestration||", StringComparison.Ordinal)) && zipkin.Spans.Any(static s => s.Name.StartsWith("activity||", StringComparison.Ordinal)));
        answer.SetResult(new TaskHub.ActivityResponse());

        AssertConnected([.. zipkin.Spans], null);
    }

    [Fact]
    public async Task InvocationAndPublish_FromACaller_AreConnectedDownToTheApp()
    {
        await using var zipkin = await ZipkinCollector.StartAsync();
        await using var app = await new TestApp { Subscriptions = """[{"topic":"t","pubsubName":"pubsub","route":"events"}]""" }.StartAsync();
        await using var sidecar = await StartAsync(zipkin, ("caller", null), ("callee", app.Port));

        await sidecar.SendAsync("GET", "/v1.0/invoke/callee/method/x", null, 0, ("traceparent", Caller));
        await sidecar.SendAsync("POST", "/v1.0/publish/pubsub/t", "1", 0, ("traceparent", Caller));
        await TestSidecar.Eventually(() => app.To("/events").Any() && zipkin.Spans.Count >= 4);

        Assert.All(zipkin.Spans, static s => Assert.Equal("0af7651916cd43dd8448eb211c80319c", s.TraceId));
        Assert.Equal(["/v1.0/invoke/callee/method", "/v1.0/publish/pubsub/t", "CallLocal/callee/x", "pubsub/t"], zipkin.Spans.Select(static s => s.Name).Order(StringComparer.Ordinal));
        AssertConnected([.. zipkin.Spans], null, "b7ad6b7169203331");
        foreach (var (path, name) in new[] { ("/x", "CallLocal/callee/x"), ("/events", "pubsub/t") })
            Assert.Equal(zipkin.Spans.Single(s => s.Name == name).Id, app.To(path).Single().Headers["traceparent"].Split('-')[2]);
    }

    [Theory]
    [InlineData("0", "01")]
    [InlineData("1", "00")]
    public async Task Call_ThatIsNotSampled_LeavesNoSpan(string rate, string flags)
    {
        await using var zipkin = await ZipkinCollector.StartAsync();
        await using (var sidecar = await StartAsync(zipkin, rate, ("a", null)))
            Assert.Equal(200, (await sidecar.SendAsync("GET", "/v1.0/metadata", null, 0, ("traceparent", Caller[..^2] + flags))).Status);

        // Stopping sends what there is.
        Assert.Empty(zipkin.Spans);
    }

    [Fact]
    public async Task Zipkin_ThatIsAway_HoldsNothingUp()
    {
        var nobody = new Uri($"http://127.0.0.1:{TestApp.FreePort()}/api/v2/spans");
        await using var exporter = new ZipkinExporter(nobody, TimeProvider.System, NullLogger.Instance);
        var tracer = new Tracer("a", 1, exporter, TimeProvider.System);

        for (var i = 0; i < 20_000; i++) tracer.Start("x", TraceContext.None).Dispose();
    }

    private static void AssertConnected(List<ZipkinSpan> spans, AppSpans? app, params string[] known)
    {
        Assert.Equal(spans.Count, spans.Select(static s => s.Id).Distinct().Count());
        var ids = spans.Select(static s => s.TraceId + s.Id).ToHashSet();
        foreach (var span in app?.Ended ?? []) ids.Add(span.TraceId.ToHexString() + span.SpanId.ToHexString());
        foreach (var span in spans.Where(s => s.ParentId is not null && !known.Contains(s.ParentId)))
            Assert.True(ids.Contains(span.TraceId + span.ParentId), $"The parent of {span.Name} is not in its trace.");
        var traces = spans.Select(static s => s.TraceId).ToHashSet();
        foreach (var span in app?.Ended.Where(s => traces.Contains(s.TraceId.ToHexString()) && s.ParentSpanId != default) ?? [])
            Assert.True(ids.Contains(span.TraceId.ToHexString() + span.ParentSpanId.ToHexString()), $"The parent of the app's {span.DisplayName} is not in its trace.");
    }

    private static Task<TestSidecar> StartAsync(ZipkinCollector zipkin, params (string AppId, int? AppPort)[] apps) => StartAsync(zipkin, "1", apps);

    private static Task<TestSidecar> StartAsync(ZipkinCollector zipkin, string rate, params (string AppId, int? AppPort)[] apps)
    {
        var folder = new TempFolder();
        var config = Path.Combine(Directory.CreateDirectory(Path.Combine(folder.Path, "config")).FullName, "config.yaml");
        File.WriteAllText(config, $"kind: Configuration\nspec: {{ tracing: {{ samplingRate: '{rate}', zipkin: {{ endpointAddress: '{zipkin.Endpoint}' }} }} }}");
        return TestSidecar.StartAsync(folder, true, o => o with { ConfigPaths = [config] }, apps);
    }

    private static async Task<IHost> AppAsync(int port)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration["DAPR_GRPC_ENDPOINT"] = string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}");
        builder.Logging.ClearProviders();
        builder.Services.AddDaprWorkflow(static o =>
        {
            o.RegisterWorkflow<Parent>();
            o.RegisterWorkflow<Child>();
            o.RegisterActivity<Flaky>();
        });
        var app = builder.Build();
        await app.StartAsync();
        return app;
    }

    /// <summary>The app's own exporter: every span of the workflow library that ended in this process.</summary>
    private sealed class AppSpans : IDisposable
    {
        private readonly ActivityListener _listener;

        public AppSpans()
        {
            _listener = new ActivityListener
            {
                ShouldListenTo = s => s == Source || s.Name == "Danube.Dapr.Workflow" || s.Name is "System.Net.Http" or "Grpc.Net.Client",
                Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
                ActivityStopped = Ended.Enqueue,
            };
            ActivitySource.AddActivityListener(_listener);
        }

        public ActivitySource Source { get; } = new("tests");

        public ConcurrentQueue<Activity> Ended { get; } = new();

        public void Dispose()
        {
            _listener.Dispose();
            Source.Dispose();
        }
    }

    internal sealed class Parent : Workflow<int, string>
    {
        public override async Task<string> RunAsync(WorkflowContext context, int input)
        {
            if (input == 0)
            {
                context.ContinueAsNew(1);
                return "";
            }
            await context.CreateTimer(TimeSpan.FromMilliseconds(10));
            return await context.CallChildWorkflowAsync<string>(nameof(Child), context.NewGuid());
        }
    }

    internal sealed class Child : Workflow<Guid, string>
    {
        public override Task<string> RunAsync(WorkflowContext context, Guid input) =>
            context.CallActivityAsync<string>(nameof(Flaky), input, new WorkflowTaskOptions(new WorkflowRetryPolicy(3, TimeSpan.FromMilliseconds(10))));
    }

    internal sealed class Flaky : WorkflowActivity<Guid, string>
    {
        private static readonly ConcurrentDictionary<Guid, int> Tries = new();

        public override Task<string> RunAsync(WorkflowActivityContext context, Guid input) =>
            Tries.AddOrUpdate(input, 1, static (_, n) => n + 1) <= 2 ? throw new InvalidOperationException("not yet") : Task.FromResult("works");
    }
}
