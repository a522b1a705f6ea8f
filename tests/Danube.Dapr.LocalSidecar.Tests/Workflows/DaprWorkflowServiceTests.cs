using Dapr.Client.Autogen.Grpc.v1;
using Google.Protobuf;
using Grpc.Core;
using DaprClient = Dapr.Client.Autogen.Grpc.v1.Dapr.DaprClient;

namespace Danube.Dapr.LocalSidecar.Tests.Workflows;

#pragma warning disable CS0612, CS0618 // These methods are deprecated, and still served.
public sealed class DaprWorkflowServiceTests
{
    [Fact]
    public async Task Workflow_OverDaprsOwnService_GoesThroughItsLife()
    {
        await using var host = await EngineHost.StartAsync();
        await host.WorkerAsync();
        var dapr = new DaprClient(host.Channel);

        var started = await dapr.StartWorkflowBeta1Async(new StartWorkflowRequest { InstanceId = "a", WorkflowComponent = "dapr", WorkflowName = "WaitEvent", Input = ByteString.CopyFromUtf8("{\"a\":1}") });
        Assert.Equal("a", started.InstanceId);
        var state = await dapr.GetWorkflowBeta1Async(new GetWorkflowRequest { InstanceId = "a" });
        Assert.Equal(("WaitEvent", "RUNNING"), (state.WorkflowName, state.RuntimeStatus));
        Assert.Equal("{\"a\":1}", Assert.Single(state.Properties).Value);
        await dapr.PauseWorkflowBeta1Async(new PauseWorkflowRequest { InstanceId = "a" });
        Assert.Equal("SUSPENDED", (await dapr.GetWorkflowAlpha1Async(new GetWorkflowRequest { InstanceId = "a" })).RuntimeStatus);
        await dapr.ResumeWorkflowBeta1Async(new ResumeWorkflowRequest { InstanceId = "a" });
        await dapr.RaiseEventWorkflowBeta1Async(new RaiseEventWorkflowRequest { InstanceId = "a", EventName = "go", EventData = ByteString.CopyFromUtf8("\"by grpc\"") });
        await host.CompletionAsync("a");
        Assert.Equal("\"by grpc\"", (await dapr.GetWorkflowBeta1Async(new GetWorkflowRequest { InstanceId = "a" })).Properties["dapr.workflow.output"]);
        await dapr.TerminateWorkflowBeta1Async(new TerminateWorkflowRequest { InstanceId = "a" });
        await dapr.PurgeWorkflowBeta1Async(new PurgeWorkflowRequest { InstanceId = "a" });
        Assert.Equal(new GetWorkflowResponse { InstanceId = "a" }, await dapr.GetWorkflowBeta1Async(new GetWorkflowRequest { InstanceId = "a" }));
    }

    [Fact]
    public async Task Error_OverDaprsOwnService_HasItsStatus()
    {
        await using var host = await EngineHost.StartAsync();
        var dapr = new DaprClient(host.Channel);

        var invalid = await Assert.ThrowsAsync<RpcException>(async () => await dapr.StartWorkflowBeta1Async(new StartWorkflowRequest { InstanceId = "a.b", WorkflowName = "x" }));
        Assert.Equal(StatusCode.InvalidArgument, invalid.StatusCode);
        var missing = await Assert.ThrowsAsync<RpcException>(async () => await dapr.PurgeWorkflowAlpha1Async(new PurgeWorkflowRequest { InstanceId = "a" }));
        Assert.Equal(StatusCode.NotFound, missing.StatusCode);
        var nameless = await Assert.ThrowsAsync<RpcException>(async () => await dapr.StartWorkflowBeta1Async(new StartWorkflowRequest { InstanceId = "a" }));
        Assert.Equal((StatusCode.InvalidArgument, "workflow name is not configured"), (nameless.StatusCode, nameless.Status.Detail));
    }
}
