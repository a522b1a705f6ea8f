using System.Text.Encodings.Web;
using System.Text.Json;
using Danube.Dapr.TaskHub;
using Danube.Dapr.Workflow.Engine;
using Google.Protobuf;

namespace Danube.Dapr.Workflow.Tests;

/// <summary>Every turn that a daprd 1.18.3 handed out, against the answer that it accepted.</summary>
public sealed class RecordedTurnTests
{
    private static readonly Dictionary<string, (string Request, string Response)> Recorded = Load();

    // The recorded worker wrote JSON without escapes.
    private static readonly WorkflowEnvironment Environment = Turns.Environment(options =>
    {
        options.UseJsonSerializerOptions(new JsonSerializerOptions(JsonSerializerOptions.Web) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        RecordedWorkflows.Register(options);
    });

    public static TheoryData<string> RecordedTurns() => [.. Recorded.Keys];

    [Theory]
    [MemberData(nameof(RecordedTurns))]
    public async Task Turn_FromTheRecording_IsAnsweredAsRecorded(string turn)
    {
        (string requestJson, string responseJson) = Recorded[turn];
        WorkflowResponse expected = JsonParser.Default.Parse<WorkflowResponse>(responseJson);

        WorkflowResponse actual = await WorkflowTurn.RunAsync(JsonParser.Default.Parse<WorkflowRequest>(requestJson), Environment);

        Assert.Equal(expected.InstanceId, actual.InstanceId);
        Assert.Equal(expected.CustomStatus, actual.CustomStatus);
        Assert.Equal(Turns.Steps(expected), Turns.Steps(actual));
        Assert.Equal(Carried(expected), Carried(actual));
    }

    private static IEnumerable<HistoryEvent> Carried(WorkflowResponse response) => response.Actions.SelectMany(action => action.CompleteWorkflow?.CarryoverEvents ?? []);

    private static Dictionary<string, (string Request, string Response)> Load()
    {
        var turns = new Dictionary<string, (string Request, string Response)>();
        foreach (string line in File.ReadLines(Path.Combine(AppContext.BaseDirectory, "Histories", "daprd-1.18.3", "turns.jsonl")))
        {
            using JsonDocument turn = JsonDocument.Parse(line);
            turns.Add(
                turn.RootElement.GetProperty("turn").GetString()!,
                (turn.RootElement.GetProperty("request").GetRawText(), turn.RootElement.GetProperty("response").GetRawText()));
        }
        return turns;
    }
}
