using System.Text.Json.Nodes;
using Google.Protobuf;
using Rpc = Dapr.Client.Autogen.Grpc.v1;

namespace Danube.Dapr.Conformance.Areas;

/// <summary>The workflow API of the sidecar itself, over HTTP and gRPC.</summary>
internal static class WorkflowApiBehaviours
{
    private const string Area = "workflow";

    public static IEnumerable<Behaviour> All() =>
    [
        .. new[] { "v1.0", "v1.0-beta1", "v1.0-alpha1" }.Select(version => new Behaviour(Area, $"HTTP {version}: start is 202 with the id, get tells name, status, input and output", async c =>
        {
            var id = Stage.Id("http");
            var path = $"/{version}/workflows/dapr";
            var started = Check.Status(202, await c.SendAsync("POST", $"{path}/Nothing/start?instanceID={id}", "\"in\""));
            Check.Json($$"""{"instanceID":"{{id}}"}""", started.Body);
            JsonNode state = new JsonObject();
            await Stage.UntilAsync(async () => (string?)(state = JsonNode.Parse((await c.SendAsync("GET", $"{path}/{id}")).Body)!)["runtimeStatus"] == "COMPLETED", () => "COMPLETED, not " + state.ToJsonString());
            Check.Equal((id, "Nothing"), ((string?)state["instanceID"], (string?)state["workflowName"]));
            Check.Equal(("\"in\"", "\"nothing: in\""), ((string?)state["properties"]!["dapr.workflow.input"], (string?)state["properties"]!["dapr.workflow.output"]));
        })),
        new(Area, "HTTP start without an id makes one", async c =>
        {
            var answer = Check.Status(202, await c.SendAsync("POST", "/v1.0/workflows/dapr/Nothing/start", "\"in\""));
            Check.True(Guid.TryParse((string?)JsonNode.Parse(answer.Body)!["instanceID"], out _), "a uuid", answer.Body);
        }),
        new(Area, "HTTP start with a dot in the id is 400 ERR_INSTANCE_ID_INVALID", async c => Check.Error(400, "ERR_INSTANCE_ID_INVALID",
            "workflow instance ID 'a.b' is invalid: only alphanumeric and underscore characters are allowed", await c.SendAsync("POST", "/v1.0/workflows/dapr/Nothing/start?instanceID=a.b", "1"))),
        new(Area, "HTTP pause, raiseEvent, resume and purge are 202", async c =>
        {
            var id = Stage.Id("http");
            var path = $"/v1.0/workflows/dapr/{id}";
            Check.Status(202, await c.SendAsync("POST", $"/v1.0/workflows/dapr/WaitEvent/start?instanceID={id}"));
            Check.Status(202, await c.SendAsync("POST", path + "/pause"));
            await StatusAsync(c, path, "SUSPENDED");
            Check.Status(202, await c.SendAsync("POST", path + "/raiseEvent/go", "\"by http\""));
            Check.Status(202, await c.SendAsync("POST", path + "/resume"));
            Check.Equal("\"by http\"", (string?)(await StatusAsync(c, path, "COMPLETED"))["properties"]!["dapr.workflow.output"]);
            Check.Status(202, await c.SendAsync("POST", path + "/purge"));
            Check.Status(404, await c.SendAsync("GET", path));
        }),
        new(Area, "HTTP terminate is 202", async c =>
        {
            var id = Stage.Id("http");
            Check.Status(202, await c.SendAsync("POST", $"/v1.0/workflows/dapr/WaitEvent/start?instanceID={id}"));
            Check.Status(202, await c.SendAsync("POST", $"/v1.0/workflows/dapr/{id}/terminate"));
            await StatusAsync(c, $"/v1.0/workflows/dapr/{id}", "TERMINATED");
        }),
        new(Area, "HTTP get of a failed instance tells error type and message", async c =>
        {
            var id = Stage.Id("http");
            Check.Status(202, await c.SendAsync("POST", $"/v1.0/workflows/dapr/Fail/start?instanceID={id}", "\"x\""));
            var properties = (await StatusAsync(c, $"/v1.0/workflows/dapr/{id}", "FAILED"))["properties"]!;
            Check.Equal(("System.InvalidOperationException", "fails: x"), ((string?)properties["dapr.workflow.failure.error_type"], (string?)properties["dapr.workflow.failure.error_message"]));
        }),
        Unknown("get", "GET", "", 404, "ERR_INSTANCE_ID_NOT_FOUND", id => $"unable to find workflow with the provided instance ID: {id}"),
        Unknown("pause", "POST", "/pause", 500, "ERR_PAUSE_WORKFLOW", id => $"error pausing workflow {id}: failed to pause workflow {id}: failed to suspend workflow: no such instance exists"),
        Unknown("resume", "POST", "/resume", 500, "ERR_RESUME_WORKFLOW", id => $"error resuming workflow {id}: failed to resume workflow {id}: failed to resume workflow: no such instance exists"),
        Unknown("raiseEvent", "POST", "/raiseEvent/go", 500, "ERR_RAISE_EVENT_WORKFLOW", id => $"error raising event on workflow '{id}': failed to raise event go on workflow {id}: failed to raise event: no such instance exists"),
        Unknown("terminate", "POST", "/terminate", 404, "ERR_INSTANCE_ID_NOT_FOUND", null),
        Unknown("purge", "POST", "/purge", 404, "ERR_INSTANCE_ID_NOT_FOUND", null),
        new(Area, "gRPC beta1: start, get, pause, resume, raise, purge", async c =>
        {
            var id = Stage.Id("grpc");
            Check.Equal(id, (await c.Grpc.StartWorkflowBeta1Async(new Rpc.StartWorkflowRequest { InstanceId = id, WorkflowComponent = "dapr", WorkflowName = "WaitEvent", Input = ByteString.CopyFromUtf8("\"in\"") })).InstanceId);
            await c.Grpc.PauseWorkflowBeta1Async(new Rpc.PauseWorkflowRequest { InstanceId = id, WorkflowComponent = "dapr" });
            await RpcStatusAsync(c, id, "SUSPENDED");
            await c.Grpc.ResumeWorkflowBeta1Async(new Rpc.ResumeWorkflowRequest { InstanceId = id, WorkflowComponent = "dapr" });
            await c.Grpc.RaiseEventWorkflowBeta1Async(new Rpc.RaiseEventWorkflowRequest { InstanceId = id, WorkflowComponent = "dapr", EventName = "go", EventData = ByteString.CopyFromUtf8("\"by grpc\"") });
            var done = await RpcStatusAsync(c, id, "COMPLETED");
            Check.Equal(("WaitEvent", "\"in\"", "\"by grpc\""), (done.WorkflowName, done.Properties["dapr.workflow.input"], done.Properties["dapr.workflow.output"]));
            await c.Grpc.PurgeWorkflowBeta1Async(new Rpc.PurgeWorkflowRequest { InstanceId = id, WorkflowComponent = "dapr" });
            var gone = await c.Grpc.GetWorkflowBeta1Async(new Rpc.GetWorkflowRequest { InstanceId = id, WorkflowComponent = "dapr" });
            Check.Equal((id, ""), (gone.InstanceId, gone.RuntimeStatus), "after the purge only the id:");
        }),
        new(Area, "gRPC beta1: terminate", async c =>
        {
            var id = Stage.Id("grpc");
            await c.Grpc.StartWorkflowBeta1Async(new Rpc.StartWorkflowRequest { InstanceId = id, WorkflowComponent = "dapr", WorkflowName = "WaitEvent" });
            await c.Grpc.TerminateWorkflowBeta1Async(new Rpc.TerminateWorkflowRequest { InstanceId = id, WorkflowComponent = "dapr" });
            await RpcStatusAsync(c, id, "TERMINATED");
        }),
    ];

    private static Behaviour Unknown(string what, string verb, string tail, int status, string code, Func<string, string>? message) => new(Area, $"HTTP {what} of an unknown instance is {status} {code}", async c =>
    {
        var id = Stage.Id("unknown");
        var answer = await c.SendAsync(verb, $"/v1.0/workflows/dapr/{id}{tail}", verb == "POST" ? "1" : null);
        if (message is not null && what != "get")
            Check.Error(status, code, message(id), answer);
        else
            Check.Contains($$"""{"errorCode":"{{code}}","message":"unable to find workflow with the provided instance ID: {{id}}""", Check.Status(status, answer).Body);
    });

    private static async Task<JsonNode> StatusAsync(Stage c, string path, string status)
    {
        JsonNode state = new JsonObject();
        await Stage.UntilAsync(async () => (string?)(state = JsonNode.Parse((await c.SendAsync("GET", path)).Body)!)["runtimeStatus"] == status, () => $"{status}, not {state.ToJsonString()}");
        return state;
    }

    private static async Task<Rpc.GetWorkflowResponse> RpcStatusAsync(Stage c, string id, string status)
    {
        var state = new Rpc.GetWorkflowResponse();
        await Stage.UntilAsync(async () => (state = await c.Grpc.GetWorkflowBeta1Async(new Rpc.GetWorkflowRequest { InstanceId = id, WorkflowComponent = "dapr" })).RuntimeStatus == status, () => $"{status}, not {state}");
        return state;
    }
}
