using Danube.Dapr.LocalSidecar.CommandLine;
using Danube.Dapr.LocalSidecar.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;

namespace Danube.Dapr.LocalSidecar.Tests.Hosting;

public sealed class SidecarHostTests
{
    [Theory]
    [InlineData("/TaskHubSidecarService/GetWorkItems", "application/grpc", true, false)]
    [InlineData("/dapr.proto.runtime.v1.Dapr/StartWorkflowBeta1", "application/grpc", true, false)]
    [InlineData("/v1.0/workflows/dapr/x/start", "application/json", true, false)]
    [InlineData("/dapr.proto.runtime.v1.Dapr/GetState", "application/grpc", true, true)]
    // daprd's own answer, which says that there never will be workflows.
    [InlineData("/TaskHubSidecarService/GetWorkItems", "application/grpc", false, true)]
    public async Task WorkflowCall_WhileTheSidecarStarts_IsToBeTriedAgain(string path, string contentType, bool hasActorStore, bool goesOn)
    {
        using var folder = new TempFolder();
        folder.Write("store.yaml", $"kind: Component\nmetadata: {{ name: statestore }}\nspec: {{ type: state.in-memory, metadata: [ {{ name: actorStateStore, value: '{hasActorStore}' }} ] }}");
        await using var sidecar = new Sidecar(new SidecarOptions { Apps = [new AppOptions { AppId = "a", DaprHttpPort = 1, DaprGrpcPort = 2 }], ResourcePaths = [folder.Path] }, TimeProvider.System, NullLoggerFactory.Instance);
        var http = new DefaultHttpContext { Connection = { LocalPort = 2 }, Request = { Path = path, ContentType = contentType } };
        var wentOn = false;

        await SidecarHost.RefuseWorkflowAsync(http, sidecar, _ =>
        {
            wentOn = true;
            return Task.CompletedTask;
        });

        Assert.Equal(goesOn, wentOn);
        if (goesOn) return;
        if (contentType == "application/json") Assert.Equal(503, http.Response.StatusCode);
        else Assert.Equal(("14", "the sidecar starts"), (http.Response.Headers["grpc-status"].ToString(), Uri.UnescapeDataString(http.Response.Headers["grpc-message"].ToString())));
    }
}
