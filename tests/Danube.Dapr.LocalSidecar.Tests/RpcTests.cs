using Danube.Dapr.LocalSidecar.CommandLine;
using Danube.Dapr.LocalSidecar.Hosting;
using Dapr.Client.Autogen.Grpc.v1;
using Google.Protobuf.Reflection;
using Grpc.Core;
using Grpc.Net.Client;

namespace Danube.Dapr.LocalSidecar.Tests;

public sealed class RpcTests
{
    // daprd takes an rpc that it does not know for one to be proxied.
    private const string NotServed = "Unknown: failed to proxy request: required metadata dapr-callee-app-id or dapr-app-id not found";
    private const string NoStore = "FailedPrecondition: state store  is not configured";
    private const string NoActors = "Internal: the state store is not configured to use the actor runtime. Have you set the - name: actorStateStore value: \"true\" in your state store component file?";
    private const string NoWorkflows = "Internal: the state store is not configured to use the actor runtime";
    private const string NoConfiguration = "FailedPrecondition: configuration stores not configured";
    private const string NoSecrets = "FailedPrecondition: secret store is not configured";
    private const string NoLock = "FailedPrecondition: lock store is not configured";
    private const string NoCryptography = "Internal: crypto providers not configured";
    private const string NoOptions = "InvalidArgument: invalid request: first message does not contain the required options";
    private const string NoPubSub = "InvalidArgument: pubsub name is empty";

    private static readonly Dictionary<string, string[]> Answers = new()
    {
        ["OK"] = ["GetMetadata", "SetMetadata"],
        [NoStore] = ["GetState", "GetBulkState", "SaveState", "DeleteState", "DeleteBulkState", "ExecuteStateTransaction", "QueryStateAlpha1"],
        [NoPubSub] = ["PublishEvent", "BulkPublishEvent", "BulkPublishEventAlpha1"],
        ["Unknown: initial request is required"] = ["SubscribeTopicEventsAlpha1"],
        ["InvalidArgument: invalid request: message is missing"] = ["InvokeService"],
        [NoActors] = ["InvokeActor", "GetActorState", "ExecuteActorStateTransaction", "RegisterActorReminder", "UnregisterActorReminder", "GetActorReminder", "RegisterActorTimer", "UnregisterActorTimer"],
        [NoWorkflows] = [.. ((string[])["Start", "Get", "Purge", "Terminate", "Pause", "Resume", "RaiseEvent"]).SelectMany(static v => (string[])[$"{v}WorkflowAlpha1", $"{v}WorkflowBeta1"])],
        ["Internal: error invoking output binding : couldn't find output binding "] = ["InvokeBinding"],
        [NoSecrets] = ["GetSecret", "GetBulkSecret"],
        [NoConfiguration] = ["GetConfiguration", "GetConfigurationAlpha1", "SubscribeConfiguration", "SubscribeConfigurationAlpha1", "UnsubscribeConfiguration", "UnsubscribeConfigurationAlpha1"],
        [NoLock] = ["TryLockAlpha1", "UnlockAlpha1"],
        [NoCryptography] = ["SubtleGetKeyAlpha1", "SubtleEncryptAlpha1", "SubtleDecryptAlpha1", "SubtleWrapKeyAlpha1", "SubtleUnwrapKeyAlpha1", "SubtleSignAlpha1", "SubtleVerifyAlpha1"],
        [NoOptions] = ["EncryptAlpha1", "DecryptAlpha1"],
        [NotServed] =
        [
            // Jobs, conversation, what actors have since 1.18, and what came with 1.19.
            "ScheduleJob", "ScheduleJobAlpha1", "GetJob", "GetJobAlpha1", "DeleteJob", "DeleteJobAlpha1", "DeleteJobsByPrefix", "DeleteJobsByPrefixAlpha1", "ListJobs", "ListJobsAlpha1",
            "ConverseAlpha1", "ConverseAlpha2", "SubscribeActorEventsAlpha1", "GetActorTimer", "ListActorReminders", "ListActorTimers", "UnregisterActorRemindersByType",
            "SetBinaryFileAlpha1", "GetBinaryFileAlpha1", "DeleteBinaryFileAlpha1", "CreateCollectionAlpha1", "GetCollectionAlpha1", "ListCollectionsAlpha1", "DeleteCollectionAlpha1", "UpsertVectorsAlpha1",
            "GetVectorsAlpha1", "DeleteVectorsAlpha1", "QueryVectorsAlpha1", "BatchQueryVectorsAlpha1", "CreateIndexAlpha1", "GetIndexAlpha1", "ListIndexesAlpha1", "DeleteIndexAlpha1", "IndexDocumentsAlpha1",
            "GetDocumentsAlpha1", "DeleteDocumentsAlpha1", "SearchAlpha1",
        ],
    };

    /// <summary>Every rpc of Dapr's service, asked with an empty message, of a sidecar that has an app-id and nothing else.</summary>
    [Fact]
    public async Task EveryRpc_NothingIsConfigured_AnswersAsDaprd()
    {
        var ports = new AppOptions { AppId = "a", DaprHttpPort = TestApp.FreePort(), DaprGrpcPort = TestApp.FreePort() };
        await using var sidecar = await SidecarHost.StartAsync(new SidecarOptions { Apps = [ports], LogLevel = Microsoft.Extensions.Logging.LogLevel.None });
        using var channel = GrpcChannel.ForAddress($"http://127.0.0.1:{ports.DaprGrpcPort}");
        var expected = new SortedDictionary<string, string>(Answers.SelectMany(static a => a.Value.Select(name => (name, a.Key))).ToDictionary(static a => a.name, static a => a.Key), StringComparer.Ordinal);
        var seen = new SortedDictionary<string, string>(StringComparer.Ordinal);

        // The last of them ends the sidecar.
        foreach (var method in DaprReflection.Descriptor.Services.Single(static s => s.Name == "Dapr").Methods.Where(static m => m.Name != "Shutdown"))
            seen[method.Name] = await AnswerAsync(channel.CreateCallInvoker(), method);

        Assert.Equal(expected.Select(static a => $"{a.Key} -> {a.Value}"), seen.Select(static a => $"{a.Key} -> {a.Value}"));
    }

    private static async Task<string> AnswerAsync(CallInvoker calls, MethodDescriptor method)
    {
        var bytes = Marshallers.Create(static (byte[] b) => b, static b => b);
        var type = (method.IsClientStreaming, method.IsServerStreaming) switch { (false, false) => MethodType.Unary, (false, true) => MethodType.ServerStreaming, (true, false) => MethodType.ClientStreaming, _ => MethodType.DuplexStreaming };
        var rpc = new Method<byte[], byte[]>(type, method.Service.FullName, method.Name, bytes, bytes);
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        var options = new CallOptions(cancellationToken: limit.Token);
        try
        {
            switch (type)
            {
                case MethodType.Unary:
                    await calls.AsyncUnaryCall(rpc, null, options, []);
                    break;
                case MethodType.ServerStreaming:
                    using (var call = calls.AsyncServerStreamingCall(rpc, null, options, [])) await call.ResponseStream.MoveNext(limit.Token);
                    break;
                case MethodType.ClientStreaming:
                    using (var call = calls.AsyncClientStreamingCall(rpc, null, options)) await call;
                    break;
                default:
                    using (var call = calls.AsyncDuplexStreamingCall(rpc, null, options))
                    {
                        await call.RequestStream.WriteAsync([], limit.Token);
                        await call.ResponseStream.MoveNext(limit.Token);
                    }
                    break;
            }
            return "OK";
        }
        catch (RpcException e)
        {
            return $"{e.StatusCode}: {e.Status.Detail}";
        }
    }
}
