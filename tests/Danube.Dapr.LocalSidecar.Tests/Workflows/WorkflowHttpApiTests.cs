using System.Net;
using System.Text;
using System.Text.Json.Nodes;

namespace Danube.Dapr.LocalSidecar.Tests.Workflows;

public sealed class WorkflowHttpApiTests
{
    [Theory]
    [InlineData("v1.0")]
    [InlineData("v1.0-beta1")]
    [InlineData("v1.0-alpha1")]
    public async Task Workflow_OverHttp_GoesThroughItsLife(string version)
    {
        await using var host = await EngineHost.StartAsync();
        await host.WorkerAsync();
        using var http = host.Http();
        var root = $"/{version}/workflows/dapr";

        var (status, body) = await CallAsync(http, HttpMethod.Post, $"{root}/WaitEvent/start?instanceID=a_1-b", "{\"n\":1}");
        Assert.Equal((HttpStatusCode.Accepted, "{\"instanceID\":\"a_1-b\"}"), (status, body));
        var state = JsonNode.Parse((await CallAsync(http, HttpMethod.Get, $"{root}/a_1-b")).Body)!;
        Assert.Equal("RUNNING", (string)state["runtimeStatus"]!);
        Assert.Equal("WaitEvent", (string)state["workflowName"]!);
        Assert.Equal("{\"n\":1}", (string)state["properties"]!["dapr.workflow.input"]!);
        Assert.Equal((HttpStatusCode.Accepted, ""), await CallAsync(http, HttpMethod.Post, $"{root}/a_1-b/pause"));
        Assert.Equal("SUSPENDED", (string)JsonNode.Parse((await CallAsync(http, HttpMethod.Get, $"{root}/a_1-b")).Body)!["runtimeStatus"]!);
        Assert.Equal((HttpStatusCode.Accepted, ""), await CallAsync(http, HttpMethod.Post, $"{root}/a_1-b/resume"));
        Assert.Equal((HttpStatusCode.Accepted, ""), await CallAsync(http, HttpMethod.Post, $"{root}/a_1-b/raiseEvent/go", "\"by http\""));
        await host.CompletionAsync("a_1-b");
        state = JsonNode.Parse((await CallAsync(http, HttpMethod.Get, $"{root}/a_1-b")).Body)!;
        Assert.Equal("COMPLETED", (string)state["runtimeStatus"]!);
        Assert.Equal("\"by http\"", (string)state["properties"]!["dapr.workflow.output"]!);
        Assert.Equal((HttpStatusCode.Accepted, ""), await CallAsync(http, HttpMethod.Post, $"{root}/a_1-b/terminate"));
        Assert.Equal((HttpStatusCode.Accepted, ""), await CallAsync(http, HttpMethod.Post, $"{root}/a_1-b/purge"));
        Assert.Equal(HttpStatusCode.NotFound, (await CallAsync(http, HttpMethod.Get, $"{root}/a_1-b")).Status);
    }

    [Theory]
    [InlineData("POST", "/WaitEvent/start?instanceID=a.b", 400, "ERR_INSTANCE_ID_INVALID", "workflow instance ID 'a.b' is invalid: only alphanumeric and underscore characters are allowed")]
    [InlineData("POST", "/WaitEvent/start?instanceID=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 400, "ERR_INSTANCE_ID_TOO_LONG", "workflow instance ID exceeds the max length of 64 characters")]
    [InlineData("GET", "/x", 404, "ERR_INSTANCE_ID_NOT_FOUND", "unable to find workflow with the provided instance ID: x")]
    [InlineData("POST", "/x/pause", 500, "ERR_PAUSE_WORKFLOW", "error pausing workflow x: failed to pause workflow x: failed to suspend workflow: no such instance exists")]
    [InlineData("POST", "/x/resume", 500, "ERR_RESUME_WORKFLOW", "error resuming workflow x: failed to resume workflow x: failed to resume workflow: no such instance exists")]
    [InlineData("POST", "/x/raiseEvent/go", 500, "ERR_RAISE_EVENT_WORKFLOW", "error raising event on workflow 'x': failed to raise event go on workflow x: failed to raise event: no such instance exists")]
    [InlineData("POST", "/x/purge", 404, "ERR_INSTANCE_ID_NOT_FOUND", "unable to find workflow with the provided instance ID: x%!(EXTRA *fmt.wrapError=failed to purge workflow state: failed to fetch workflow state: no such instance exists)")]
    [InlineData("POST", "/x/terminate", 404, "ERR_INSTANCE_ID_NOT_FOUND", "unable to find workflow with the provided instance ID: x%!(EXTRA *fmt.wrapError=failed to submit termination request:: no such instance exists)")]
    public async Task Error_OverHttp_HasDaprdsWords(string method, string path, int status, string errorCode, string message)
    {
        await using var host = await EngineHost.StartAsync();
        using var http = host.Http();

        var answer = await CallAsync(http, new HttpMethod(method), "/v1.0/workflows/dapr" + path);

        Assert.Equal(((HttpStatusCode)status, $"{{\"errorCode\":\"{errorCode}\",\"message\":\"{message}\"}}"), answer);
    }

    [Fact]
    public async Task Start_WithoutId_MakesOne()
    {
        await using var host = await EngineHost.StartAsync();
        await host.WorkerAsync();
        using var http = host.Http();

        var (_, body) = await CallAsync(http, HttpMethod.Post, "/v1.0/workflows/dapr/NoTasks/start", "\"x\"");

        var id = (string)JsonNode.Parse(body)!["instanceID"]!;
        Assert.True(Guid.TryParse(id, out _));
        Assert.Equal("done \"x\"", (await host.CompletionAsync(id)).Output);
    }

    private static async Task<(HttpStatusCode Status, string Body)> CallAsync(HttpClient http, HttpMethod method, string path, string? body = null)
    {
        using var request = new HttpRequestMessage(method, path) { Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact };
        if (body is not null) request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        using var response = await http.SendAsync(request);
        return (response.StatusCode, await response.Content.ReadAsStringAsync());
    }
}
