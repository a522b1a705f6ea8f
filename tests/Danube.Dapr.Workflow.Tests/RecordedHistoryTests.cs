using Danube.Dapr.Workflow.Testing;

namespace Danube.Dapr.Workflow.Tests;

/// <summary>Histories that were recorded with released code must fit the code of today, and code that was changed must not.</summary>
public sealed class RecordedHistoryTests
{
    private static string Folder => Path.Combine(AppContext.BaseDirectory, "Histories");

    public static TheoryData<string> Histories() =>
        [.. Directory.GetFiles(Path.Combine(Folder, "daprd-1.18.3"), "*.json").Select(file => Path.GetFileNameWithoutExtension(file)!).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Histories))]
    public Task History_OfADaprd_FitsTheCode(string name) => WorkflowReplayer.ReplayAsync(Read("daprd-1.18.3", name), RecordedWorkflows.Register);

    [Fact]
    public async Task History_OfAnotherActivity_IsRefused()
    {
        var e = await Assert.ThrowsAsync<NonDeterministicWorkflowException>(() => WorkflowReplayer.ReplayAsync(
            Read("daprd-1.18.3", "sequence"),
            options => options.RegisterWorkflow<string?, string>("Sequence", async (c, _) =>
            {
                await c.CallActivityAsync("Append");
                return await c.CallActivityAsync<string>("Prepend");
            })));
        Assert.Contains("activity 'Append'", e.Message, StringComparison.Ordinal);
        Assert.Contains("activity 'Prepend'", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task History_OfMoreSteps_IsRefused()
    {
        var e = await Assert.ThrowsAsync<NonDeterministicWorkflowException>(() => WorkflowReplayer.ReplayAsync(
            Read("daprd-1.18.3", "sequence"),
            options => options.RegisterWorkflow<string?, string>("Sequence", (c, _) => c.CallActivityAsync<string>("Append"))));
        Assert.Contains("#1", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task History_WithoutAWorkflow_IsRefused()
    {
        var e = await Assert.ThrowsAsync<NonDeterministicWorkflowException>(() => WorkflowReplayer.ReplayAsync(Read("daprd-1.18.3", "hello"), _ => { }));
        Assert.Contains("'Hello' is not registered", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("shipping-v1")]
    [InlineData("shipping-v2")]
    public Task History_OfEachReleasedVersion_FitsThePatchedWorkflow(string name) => WorkflowReplayer.ReplayAsync(Read("shipping", name), Shipping.RegisterV2);

    [Fact]
    public async Task History_OfTheNewVersion_DoesNotFitTheOldCode() =>
        await Assert.ThrowsAsync<NonDeterministicWorkflowException>(() => WorkflowReplayer.ReplayAsync(Read("shipping", "shipping-v2"), Shipping.RegisterV1));

    [Fact]
    public async Task History_OfARunningOldInstance_GoesOnInTheOldWay()
    {
        await using var old = new WorkflowTestHost(Shipping.RegisterV1);
        await old.RunToEndAsync(await StartAndPackAsync(old));
        Assert.Equal(["Reserve", "Ship"], old.ActivityCalls.Select(call => call.Name));

        await using var patched = new WorkflowTestHost(Shipping.RegisterV2);
        await patched.RunToEndAsync(await StartAndPackAsync(patched));
        Assert.Equal(["Reserve", "Weigh", "Ship"], patched.ActivityCalls.Select(call => call.Name));
    }

    [Fact]
    public async Task Replay_OfNoHistory_SaysSo()
    {
        await Assert.ThrowsAsync<ArgumentException>(() => WorkflowReplayer.ReplayAsync("[]", Shipping.RegisterV1));
        await Assert.ThrowsAsync<ArgumentException>(() => WorkflowReplayer.ReplayAsync("{}", Shipping.RegisterV1));
    }

    private static async Task<string> StartAndPackAsync(WorkflowTestHost host)
    {
        string id = await host.StartAsync("Shipping", "order 7");
        await host.RaiseEventAsync(id, "packed");
        return id;
    }

    private static string Read(string folder, string name) => File.ReadAllText(Path.Combine(Folder, folder, name + ".json"));

    /// <summary>A workflow that was released twice; the second release put a step between two that there were.</summary>
    private static class Shipping
    {
        public static void RegisterV1(WorkflowRuntimeOptions options) => Register(options, isV2: false);

        public static void RegisterV2(WorkflowRuntimeOptions options) => Register(options, isV2: true);

        private static void Register(WorkflowRuntimeOptions options, bool isV2)
        {
            options.RegisterWorkflow<string, string>("Shipping", async (context, order) =>
            {
                await context.CallActivityAsync("Reserve", order);
                await context.WaitForExternalEventAsync<object>("packed", TimeSpan.FromHours(1));
                if (isV2 && context.IsPatched("weigh-parcels"))
                    await context.CallActivityAsync("Weigh", order);
                await context.CreateTimer(TimeSpan.FromMinutes(5));
                return await context.CallActivityAsync<string>("Ship", order);
            });
            foreach (string name in new[] { "Reserve", "Weigh", "Ship" })
                options.RegisterActivity<string, string>(name, (_, order) => Task.FromResult($"{name} {order}"));
        }
    }
}
