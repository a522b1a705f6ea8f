using System.Globalization;
using Danube.Dapr.LocalSidecar.State;
using Danube.Dapr.LocalSidecar.Workflows;
using Danube.Dapr.Workflow;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Danube.Dapr.LocalSidecar.Tests.Workflows;

/// <summary>Workflows written with the library of this repository, on this engine.</summary>
public sealed class WorkflowLibraryTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Workflow_OfTheLibrary_DoesAllItCan(bool duplicateDeliveries)
    {
        await using var host = await EngineHost.StartAsync(options: new WorkflowEngineOptions { DuplicateDeliveries = duplicateDeliveries });
        using var app = await AppAsync(host.Port);
        var client = app.Services.GetRequiredService<DaprWorkflowClient>();

        await client.ScheduleNewWorkflowAsync(nameof(Tour), "tour", 0);
        await client.RaiseEventAsync("tour", "Go", "event");
        var state = await client.WaitForWorkflowCompletionAsync("tour");

        Assert.Equal(WorkflowRuntimeStatus.Completed, state.RuntimeStatus);
        Assert.Equal("event, 45, works at last, child of 1, no event", state.ReadOutputAs<string>());
        Assert.Equal("generation 1", state.ReadCustomStatusAs<string>());
        await app.StopAsync();
    }

    [Fact]
    public async Task App_ThatDies_IsReplacedByAnother()
    {
        await using var host = await EngineHost.StartAsync();
        using var first = await AppAsync(host.Port);
        await first.Services.GetRequiredService<DaprWorkflowClient>().ScheduleNewWorkflowAsync(nameof(Waits), "a", "x");
        await first.StopAsync();
        await Eventually.TrueAsync(() => host.Engine.ConnectedWorkers == 0, "the first app is gone");

        using var second = await AppAsync(host.Port);
        var client = second.Services.GetRequiredService<DaprWorkflowClient>();
        await client.RaiseEventAsync("a", "go", "y");

        Assert.Equal("xy", (await client.WaitForWorkflowCompletionAsync("a")).ReadOutputAs<string>());
        await second.StopAsync();
    }

    [Fact]
    public async Task Sidecar_ThatDies_GoesOnWhereItWas()
    {
        var store = new InMemoryStateStore(TimeProvider.System);
        var first = await EngineHost.StartAsync(store);
        var port = first.Port;
        using var app = await AppAsync(port);
        var client = app.Services.GetRequiredService<DaprWorkflowClient>();
        await client.ScheduleNewWorkflowAsync(nameof(Waits), "a", "x");
        await first.DisposeAsync();

        await using var second = await EngineHost.StartAsync(store, port: port);
        await Eventually.TrueAsync(() => second.Engine.ConnectedWorkers == 1, "the app is connected again");
        await client.RaiseEventAsync("a", "go", "y");

        Assert.Equal("xy", (await client.WaitForWorkflowCompletionAsync("a")).ReadOutputAs<string>());
        await app.StopAsync();
    }

    private static async Task<IHost> AppAsync(int port)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration["DAPR_GRPC_ENDPOINT"] = string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}");
        builder.Logging.ClearProviders();
        builder.Services.AddDaprWorkflow(static o =>
        {
            o.RegisterWorkflow<Tour>();
            o.RegisterWorkflow<Waits>();
            o.RegisterWorkflow<Kid>();
            o.RegisterActivity<Square>();
            o.RegisterActivity<FailsTwice>();
        });
        var app = builder.Build();
        await app.StartAsync();
        return app;
    }

    internal sealed class Tour : Workflow<int, string>
    {
        public override async Task<string> RunAsync(WorkflowContext context, int input)
        {
            context.SetCustomStatus($"generation {input}");
            if (input == 0)
            {
                context.ContinueAsNew(1);
                return "";
            }
            var e = await context.WaitForExternalEventAsync<string>("go");
            var squares = await Task.WhenAll(Enumerable.Range(0, 10).Select(n => context.CallActivityAsync<int>(nameof(Square), n)));
            var retried = await context.CallActivityAsync<string>(nameof(FailsTwice), context.NewGuid(), new WorkflowTaskOptions(new WorkflowRetryPolicy(3, TimeSpan.FromMilliseconds(10))));
            await context.CreateTimer(TimeSpan.FromMilliseconds(20));
            var child = await context.CallChildWorkflowAsync<string>(nameof(Kid), input);
            var none = "";
            try
            {
                none = await context.WaitForExternalEventAsync<string>("never", TimeSpan.FromMilliseconds(20));
            }
            catch (TaskCanceledException)
            {
                none = "no event";
            }
            return $"{e}, {squares.Sum()}, {retried}, {child}, {none}";
        }
    }

    internal sealed class Waits : Workflow<string, string>
    {
        public override async Task<string> RunAsync(WorkflowContext context, string input) => input + await context.WaitForExternalEventAsync<string>("go");
    }

    internal sealed class Kid : Workflow<int, string>
    {
        public override Task<string> RunAsync(WorkflowContext context, int input) => Task.FromResult($"child of {input}");
    }

    internal sealed class Square : WorkflowActivity<int, int>
    {
        public override Task<int> RunAsync(WorkflowActivityContext context, int input) => Task.FromResult(input);
    }

    internal sealed class FailsTwice : WorkflowActivity<Guid, string>
    {
        private static readonly System.Collections.Concurrent.ConcurrentDictionary<Guid, int> Tries = new();

        public override Task<string> RunAsync(WorkflowActivityContext context, Guid input) =>
            Tries.AddOrUpdate(input, 1, static (_, n) => n + 1) <= 2 ? throw new InvalidOperationException("not yet") : Task.FromResult("works at last");
    }
}
