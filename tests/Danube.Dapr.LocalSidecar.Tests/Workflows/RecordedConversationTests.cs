using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Danube.Dapr.TaskHub;
using Google.Protobuf;
using Grpc.Core;

namespace Danube.Dapr.LocalSidecar.Tests.Workflows;

/// <summary>
/// What daprd 1.18.3, its clients and a worker said to each other, once more with this engine in daprd's place: the same calls and the same answers
/// of the worker, in the same order. What the engine says must have the same form: every field, with times, random ids and traces left out.
/// </summary>
public sealed partial class RecordedConversationTests
{
    private static readonly JsonParser Parser = new(JsonParser.Settings.Default.WithIgnoreUnknownFields(true));

    public static TheoryData<string> Conversations() => [.. Lines().Select(static l => (string)l["conversation"]!).Distinct()];

    [Theory]
    [MemberData(nameof(Conversations))]
    public async Task Conversation_WithTheEngine_HasTheRecordedForm(string conversation)
    {
        var lines = Lines().Where(l => (string)l["conversation"]! == conversation).ToList();
        await using var host = await EngineHost.StartAsync();
        using var call = host.Client.GetWorkItems(new GetWorkItemsRequest());
        await Eventually.TrueAsync(() => host.Engine.ConnectedWorkers == 1, "the worker is connected");
        var worker = new RecordedWorker(host.Client, lines);
        var reading = worker.RunAsync(call.ResponseStream);

        foreach (var line in lines.Where(static l => l["call"] is not null))
        {
            // A call that was made when the worker had seen something comes after it here, too.
            var before = lines.Count(l => l["item"] is not null && (int)l["seq"]! < (int)line["seq"]!);
            await Eventually.TrueAsync(() => worker.Answered >= before, $"the worker has answered {before} items");
            await CallAsync(host.Client, line);
        }
        await Eventually.TrueAsync(() => worker.Answered >= lines.Count(static l => l["item"] is not null), "all recorded items have come");

        Assert.Empty(worker.Unexpected);
        var expected = lines.Where(static l => l["item"] is not null).GroupBy(static l => Instance(l["item"]!)).ToDictionary(static g => g.Key, static g => g.Select(static l => Form(l["item"]!)).ToList());
        foreach (var (instance, items) in expected) Assert.Equal(items, worker.Items[instance].Select(Form));
    }

    private static async Task CallAsync(TaskHubSidecarService.TaskHubSidecarServiceClient client, JsonNode line)
    {
        var request = line["request"]!.ToJsonString();
        Task<IMessage> made = (string)line["call"]! switch
        {
            "StartInstance" => Send<CreateInstanceRequest, CreateInstanceResponse>(client.StartInstanceAsync, request),
            "GetInstance" => Send<GetInstanceRequest, GetInstanceResponse>(client.GetInstanceAsync, request),
            "WaitForInstanceCompletion" => Send<GetInstanceRequest, GetInstanceResponse>(client.WaitForInstanceCompletionAsync, request),
            "RaiseEvent" => Send<RaiseEventRequest, RaiseEventResponse>(client.RaiseEventAsync, request),
            "TerminateInstance" => Send<TerminateRequest, TerminateResponse>(client.TerminateInstanceAsync, request),
            "PurgeInstances" => Send<PurgeInstancesRequest, PurgeInstancesResponse>(client.PurgeInstancesAsync, request),
            "GetInstanceHistory" => Send<GetInstanceHistoryRequest, GetInstanceHistoryResponse>(client.GetInstanceHistoryAsync, request),
            var other => throw new InvalidOperationException($"call {other} is not known here"),
        };
        try
        {
            var response = await made;
            Assert.Equal("OK", (string)line["status"]!);
            Assert.Equal(Form(line["response"]!), Form(Json(response)));
        }
        catch (RpcException e)
        {
            Assert.Equal((string)line["status"]!, e.StatusCode.ToString());
            Assert.Equal((string)line["detail"]!, e.Status.Detail);
        }
    }

    private static async Task<IMessage> Send<TRequest, TResponse>(Func<TRequest, CallOptions, AsyncUnaryCall<TResponse>> call, string request)
        where TRequest : IMessage, new()
        where TResponse : IMessage => await call(Parser.Parse<TRequest>(request), new CallOptions(deadline: DateTime.UtcNow.AddSeconds(60)));

    private static List<JsonNode> Lines() => [.. File.ReadLines(Path.Combine(AppContext.BaseDirectory, "Workflows", "recorded-conversations.jsonl")).Select(static l => JsonNode.Parse(l)!)];

    private static JsonNode Json(IMessage message) => JsonNode.Parse(JsonFormatter.Default.Format(message))!;

    private static string Instance(JsonNode item) => (string?)(item["workflowRequest"]?["instanceId"] ?? item["activityRequest"]?["workflowInstance"]?["instanceId"]) ?? "";

    /// <summary>The text of a message without what differs from run to run.</summary>
    private static string Form(JsonNode node)
    {
        var text = Sorted(node)!.ToJsonString();
        text = Times().Replace(text, "\"(time)\"");
        text = Traces().Replace(text, "\"(trace)\"");
        text = Spans().Replace(text, "\"workflowSpanID\":\"(span)\"");
        return Uuids().Replace(text, "\"(uuid)\"");
    }

    private static JsonNode? Sorted(JsonNode? node) => node switch
    {
        JsonObject o => new JsonObject(o.OrderBy(static p => p.Key, StringComparer.Ordinal).Select(static p => KeyValuePair.Create(p.Key, Sorted(p.Value)))),
        JsonArray a => new JsonArray([.. a.Select(Sorted)]),
        _ => node?.DeepClone(),
    };

    [GeneratedRegex("\"20\\d\\d-\\d\\d-\\d\\dT[0-9:.]+Z\"")]
    private static partial Regex Times();

    [GeneratedRegex("\"00-[0-9a-f]{32}-[0-9a-f]{16}-01\"")]
    private static partial Regex Traces();

    [GeneratedRegex("\"workflowSpanID\":\"[0-9a-f]{16}\"")]
    private static partial Regex Spans();

    [GeneratedRegex("\"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\"")]
    private static partial Regex Uuids();

    /// <summary>Answers the n-th turn of an instance, and its activities by task, as the recorded worker did.</summary>
    private sealed class RecordedWorker(TaskHubSidecarService.TaskHubSidecarServiceClient client, List<JsonNode> lines)
    {
        private readonly Dictionary<string, Queue<JsonNode>> _turns = Answers(lines, static a => a != "CompleteActivityTask");
        private readonly Dictionary<string, Queue<JsonNode>> _activities = Answers(lines, static a => a == "CompleteActivityTask");
        private int _answered;

        public int Answered => Volatile.Read(ref _answered);

        public ConcurrentDictionary<string, ConcurrentQueue<JsonNode>> Items { get; } = [];

        public ConcurrentQueue<string> Unexpected { get; } = [];

        public async Task RunAsync(IAsyncStreamReader<WorkItem> stream)
        {
            try
            {
                await foreach (var item in stream.ReadAllAsync()) await AnswerAsync(item);
            }
            catch (RpcException)
            {
                // The test is over.
            }
        }

        private async Task AnswerAsync(WorkItem item)
        {
            var json = Json(item);
            var instance = Instance(json);
            Items.GetOrAdd(instance, static _ => []).Enqueue(json);
            var answers = item.WorkflowRequest is not null ? _turns : _activities;
            if (!answers.TryGetValue(instance, out var queue) || !queue.TryDequeue(out var answer))
            {
                Unexpected.Enqueue(json.ToJsonString());
                return;
            }
            var message = answer["message"]!.ToJsonString();
            if (item.WorkflowRequest is not null) await client.CompleteOrchestratorTaskAsync(Parser.Parse<WorkflowResponse>(message));
            else await client.CompleteActivityTaskAsync(Parser.Parse<ActivityResponse>(message));
            Interlocked.Increment(ref _answered);
        }

        private static Dictionary<string, Queue<JsonNode>> Answers(List<JsonNode> lines, Func<string, bool> which) => lines
            .Where(l => (string?)l["answer"] is { } rpc && which(rpc))
            .GroupBy(static l => (string?)l["message"]!["instanceId"] ?? "")
            .ToDictionary(static g => g.Key, static g => new Queue<JsonNode>(g));
    }
}
