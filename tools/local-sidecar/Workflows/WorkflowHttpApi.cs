using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Danube.Dapr.LocalSidecar.Workflows;

/// <summary>The workflow paths of Dapr's HTTP API, under all three of its versions. The component in the path is not looked at, as in daprd.</summary>
internal static class WorkflowHttpApi
{
    public static void MapWorkflowApi(this IEndpointRouteBuilder routes)
    {
        foreach (var version in new[] { "v1.0", "v1.0-beta1", "v1.0-alpha1" })
        {
            var root = $"/{version}/workflows/{{component}}";
            routes.MapPost(root + "/{name}/start", Handle(StartAsync));
            routes.MapGet(root + "/{id}", Handle(GetAsync));
            routes.MapPost(root + "/{id}/terminate", Handle(static (engine, c) => AcceptAsync(c, WorkflowApi.TerminateAsync(engine, Route(c, "id"), c.RequestAborted))));
            routes.MapPost(root + "/{id}/pause", Handle(static (engine, c) => AcceptAsync(c, WorkflowApi.PauseAsync(engine, Route(c, "id"), c.RequestAborted))));
            routes.MapPost(root + "/{id}/resume", Handle(static (engine, c) => AcceptAsync(c, WorkflowApi.ResumeAsync(engine, Route(c, "id"), c.RequestAborted))));
            routes.MapPost(root + "/{id}/purge", Handle(static (engine, c) => AcceptAsync(c, WorkflowApi.PurgeAsync(engine, Route(c, "id"), c.RequestAborted))));
            routes.MapPost(root + "/{id}/raiseEvent/{event}", Handle(static async (engine, c) =>
            {
                var data = await BodyAsync(c);
                await AcceptAsync(c, WorkflowApi.RaiseEventAsync(engine, Route(c, "id"), Route(c, "event"), data.Length == 0 ? null : data, c.RequestAborted));
            }));
        }
    }

    private static async Task StartAsync(WorkflowEngine engine, HttpContext context)
    {
        var options = context.Request.Query.ToDictionary(static q => q.Key, static q => q.Value.ToString(), StringComparer.Ordinal);
        var traceParent = context.Request.Headers.TraceParent.ToString();
        var id = await WorkflowApi.StartAsync(
            engine, Route(context, "name"), context.Request.Query["instanceID"].ToString(), await BodyAsync(context), options, traceParent.Length == 0 ? null : traceParent, context.RequestAborted);
        await WriteAsync(context, 202, new StartedBody(id), WorkflowJson.Plain.StartedBody);
    }

    private static async Task GetAsync(WorkflowEngine engine, HttpContext context)
    {
        var id = Route(context, "id");
        var state = await WorkflowApi.GetAsync(engine, id, context.RequestAborted) ?? throw WorkflowApiException.NotFound(id);
        var properties = WorkflowApi.Properties(state).ToDictionary(StringComparer.Ordinal);
        var body = new StateBody(id, state.Name, Text(state.CreatedTimestamp), Text(state.LastUpdatedTimestamp), WorkflowApi.StatusText(state.WorkflowStatus), properties.Count == 0 ? null : properties);
        await WriteAsync(context, 200, body, WorkflowJson.Plain.StateBody);
    }

    // The protobuf JSON form of a timestamp is a quoted RFC 3339 text.
    private static string Text(Google.Protobuf.WellKnownTypes.Timestamp timestamp) => timestamp.ToString().Trim('"');

    private static string Route(HttpContext context, string name) => context.Request.RouteValues[name]?.ToString() ?? "";

    private static async Task<string> BodyAsync(HttpContext context)
    {
        using var reader = new StreamReader(context.Request.Body, Encoding.UTF8);
        return await reader.ReadToEndAsync(context.RequestAborted);
    }

    private static async Task AcceptAsync(HttpContext context, Task work)
    {
        await work;
        context.Response.StatusCode = 202;
    }

    private static RequestDelegate Handle(Func<WorkflowEngine, HttpContext, Task> handler) => async context =>
    {
        try
        {
            var engine = context.RequestServices.GetRequiredService<WorkflowEngineResolver>()(context.Connection.LocalPort)
                ?? throw WorkflowApiException.Failed("ERR_ACTOR_RUNTIME_NOT_FOUND", "the state store is not configured to use the actor runtime");
            await handler(engine, context);
        }
        catch (WorkflowApiException e)
        {
            await WriteAsync(context, e.HttpStatus, new ErrorBody(e.ErrorCode, e.Message), WorkflowJson.Plain.ErrorBody);
        }
    };

    private static async Task WriteAsync<T>(HttpContext context, int status, T body, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type)
    {
        var bytes = JsonSerializer.SerializeToUtf8Bytes(body, type);
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = bytes.Length;
        await context.Response.Body.WriteAsync(bytes, context.RequestAborted);
    }
}

internal sealed record StartedBody([property: JsonPropertyName("instanceID")] string InstanceId);

internal sealed record StateBody(
    [property: JsonPropertyName("instanceID")] string InstanceId,
    string WorkflowName,
    string CreatedAt,
    string LastUpdatedAt,
    string RuntimeStatus,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] Dictionary<string, string>? Properties);

internal sealed record ErrorBody(string ErrorCode, string Message);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(StartedBody))]
[JsonSerializable(typeof(StateBody))]
[JsonSerializable(typeof(ErrorBody))]
internal sealed partial class WorkflowJson : JsonSerializerContext
{
    /// <summary>Escapes no more than daprd does.</summary>
    public static WorkflowJson Plain { get; } = new(new JsonSerializerOptions { PropertyNamingPolicy = JsonNamingPolicy.CamelCase, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
}
