using Danube.Dapr.LocalSidecar.Actors;
using Danube.Dapr.LocalSidecar.Hosting;
using Dapr.Client.Autogen.Grpc.v1;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.AspNetCore.Server.Model;
using Grpc.Core;

namespace Danube.Dapr.LocalSidecar.Api;

/// <summary>The rpcs of <c>dapr.proto.runtime.v1.Dapr</c>, except those of workflows.</summary>
internal sealed class GrpcMethods(Sidecar sidecar, ActorApi actors, InvokeApi invoke, MetadataApi metadata, TopicStreams topics, IHostApplicationLifetime lifetime, ApiSettings settings) : IServiceMethodProvider<DaprGrpcService>
{
    public void OnServiceMethodDiscovery(ServiceMethodProviderContext<DaprGrpcService> context)
    {
        var rpc = new GrpcBinder(context, sidecar, settings.MaxBodyBytes);
        AddState(rpc);
        AddPublish(rpc);
        AddActors(rpc);
        rpc.Unary<InvokeServiceRequest, InvokeResponse>("InvokeService", invoke.InvokeServiceAsync);
        rpc.Unary<GetMetadataRequest, GetMetadataResponse>("GetMetadata", (call, _) => Task.FromResult(metadata.ToProto(call.App)));
        rpc.Unary<SetMetadataRequest, Empty>("SetMetadata", (call, request) =>
        {
            call.App.ExtendedMetadata[request.Key] = request.Value;
            return Task.FromResult(new Empty());
        });
        rpc.Unary<ShutdownRequest, Empty>("Shutdown", (_, _) =>
        {
            lifetime.StopApplication();
            return Task.FromResult(new Empty());
        });
        Unconfigured.Add(rpc);
    }

    private static void AddState(GrpcBinder rpc)
    {
        rpc.Unary<GetStateRequest, GetStateResponse>("GetState", static async (call, request) =>
        {
            var store = StateApi.Store(call.App, request.StoreName);
            var entry = await StateApi.GetAsync(call.App, store, request.Key, call.Cancelled);
            var response = new GetStateResponse();
            if (entry is null) return response;
            response.Data = UnsafeByteOperations.UnsafeWrap(entry.Value);
            response.Etag = entry.ETag;
            if (StateApi.ExpiryText(store, entry) is { } expiry) response.Metadata["ttlExpireTime"] = expiry;
            return response;
        });
        rpc.Unary<GetBulkStateRequest, GetBulkStateResponse>("GetBulkState", static async (call, request) =>
        {
            var store = StateApi.Store(call.App, request.StoreName);
            var items = await Task.WhenAll(request.Keys.Select(async key =>
            {
                var item = new BulkStateItem { Key = key };
                try
                {
                    if (await StateApi.GetAsync(call.App, store, key, call.Cancelled) is not { } entry) return item;
                    (item.Data, item.Etag) = (UnsafeByteOperations.UnsafeWrap(entry.Value), entry.ETag);
                    if (StateApi.ExpiryText(store, entry) is { } expiry) item.Metadata["ttlExpireTime"] = expiry;
                }
                catch (DaprError e)
                {
                    item.Error = e.Message;
                }
                return item;
            }));
            return new GetBulkStateResponse { Items = { StateApi.BulkOrder(store, items, static i => i.Etag.Length > 0, static i => i.Key) } };
        });
        rpc.Unary<SaveStateRequest, Empty>("SaveState", static async (call, request) =>
        {
            await StateApi.SaveAsync(call.App, StateApi.Store(call.App, request.StoreName), [.. request.States.Select(static s => Write(s, false))], call.Cancelled);
            return new Empty();
        });
        rpc.Unary<DeleteStateRequest, Empty>("DeleteState", static async (call, request) =>
        {
            var write = new StateWrite(request.Key, null, request.Etag?.Value, false, request.Metadata);
            await StateApi.DeleteAsync(call.App, StateApi.Store(call.App, request.StoreName), [write], call.Cancelled);
            return new Empty();
        });
        rpc.Unary<DeleteBulkStateRequest, Empty>("DeleteBulkState", static async (call, request) =>
        {
            await StateApi.DeleteAsync(call.App, StateApi.Store(call.App, request.StoreName), [.. request.States.Select(static s => Write(s, true))], call.Cancelled);
            return new Empty();
        });
        rpc.Unary<ExecuteStateTransactionRequest, Empty>("ExecuteStateTransaction", static async (call, request) =>
        {
            var store = StateApi.Store(call.App, request.StoreName);
            if (request.Operations.FirstOrDefault(static o => o.OperationType is not ("upsert" or "delete")) is { } odd)
                throw new DaprError("ERR_NOT_SUPPORTED_STATE_OPERATION", 400, StatusCode.Unimplemented, $"operation type {odd.OperationType} not supported");
            await StateApi.TransactAsync(call.App, store, [.. request.Operations.Select(static o => Write(o.Request, o.OperationType == "delete"))], call.Cancelled);
            return new Empty();
        });
        rpc.Unary<QueryStateRequest, QueryStateResponse>("QueryStateAlpha1", static (call, request) => throw StateApi.QueryUnsupported(StateApi.Store(call.App, request.StoreName)));
    }

    private static StateWrite Write(StateItem item, bool delete) =>
        new(item.Key, delete ? null : item.Value.ToByteArray(), item.Etag?.Value, item.Options?.Concurrency == StateOptions.Types.StateConcurrency.ConcurrencyFirstWrite, item.Metadata);

    private void AddPublish(GrpcBinder rpc)
    {
        rpc.Unary<PublishEventRequest, Empty>("PublishEvent", async (call, request) =>
        {
            await PublishApi.PublishAsync(call.App, request.PubsubName, request.Topic, request.Data.Memory, request.DataContentType, request.Metadata, call.Trace, true, sidecar.Time, call.Cancelled);
            return new Empty();
        });
        rpc.Duplex<SubscribeTopicEventsRequestAlpha1, SubscribeTopicEventsResponseAlpha1>("SubscribeTopicEventsAlpha1", topics.SubscribeAsync);
        // Two names: the SDK falls back to the older one.
        foreach (var name in (string[])["BulkPublishEvent", "BulkPublishEventAlpha1"])
        {
            rpc.Unary<BulkPublishRequest, BulkPublishResponse>(name, async (call, request) =>
            {
                var entries = request.Entries.Select(static e => new BulkEntry(e.EntryId, e.Event.ToByteArray(), e.ContentType, e.Metadata)).ToList();
                var failed = await PublishApi.PublishBulkAsync(call.App, request.PubsubName, request.Topic, entries, request.Metadata, call.Trace, true, sidecar.Time, call.Cancelled);
                return new BulkPublishResponse { FailedEntries = { failed.Select(static f => new BulkPublishResponseFailedEntry { EntryId = f.EntryId, Error = f.Error }) } };
            });
        }
    }

    private void AddActors(GrpcBinder rpc)
    {
        rpc.Unary<InvokeActorRequest, InvokeActorResponse>("InvokeActor", async (call, request) =>
        {
            var answer = await sidecar.Actors.InvokeAsync(call.App, new ActorAddress(request.ActorType, request.ActorId), request.Method, request.Metadata, request.Data.ToByteArray(), null, call.Trace, call.Cancelled);
            return new InvokeActorResponse { Data = UnsafeByteOperations.UnsafeWrap(answer.Body) };
        });
        rpc.Unary<GetActorStateRequest, GetActorStateResponse>("GetActorState", static async (call, request) =>
        {
            var response = new GetActorStateResponse();
            if (await ActorApi.GetStateAsync(call.App, new ActorAddress(request.ActorType, request.ActorId), request.Key, call.Cancelled) is not { } entry) return response;
            response.Data = UnsafeByteOperations.UnsafeWrap(entry.Value);
            if (StateApi.ExpiryText(call.App.Components.ActorStore!, entry) is { } expiry) response.Metadata["ttlExpireTime"] = expiry;
            return response;
        });
        rpc.Unary<ExecuteActorStateTransactionRequest, Empty>("ExecuteActorStateTransaction", async (call, request) =>
        {
            await actors.SaveStateAsync(call.App, new ActorAddress(request.ActorType, request.ActorId),
                [.. request.Operations.Select(static o => new ActorStateWrite(o.OperationType, o.Key, o.Value?.Value.ToByteArray(), o.Metadata))]);
            return new Empty();
        });
        rpc.Unary<RegisterActorReminderRequest, Empty>("RegisterActorReminder", async (call, request) =>
        {
            await actors.RegisterReminderAsync(call.App, new ActorAddress(request.ActorType, request.ActorId), request.Name, request.DueTime, request.Period, request.Ttl, Json(request.Data), true, call.Cancelled);
            return new Empty();
        });
        rpc.Unary<UnregisterActorReminderRequest, Empty>("UnregisterActorReminder", async (call, request) =>
        {
            await actors.UnregisterReminderAsync(call.App, new ActorAddress(request.ActorType, request.ActorId), request.Name, call.Cancelled);
            return new Empty();
        });
        rpc.Unary<GetActorReminderRequest, GetActorReminderResponse>("GetActorReminder", async (call, request) =>
        {
            var reminder = await actors.GetReminderAsync(call.App, new ActorAddress(request.ActorType, request.ActorId), request.Name, call.Cancelled);
            return new GetActorReminderResponse
            {
                ActorType = request.ActorType, ActorId = request.ActorId, DueTime = reminder.DueTime,
                Period = reminder.Ticks.Period is { } period ? "@every " + Scheduling.Durations.ToGo(period) : "",
                Data = new Any { Value = ByteString.CopyFromUtf8(reminder.Data ?? "") },
            };
        });
        rpc.Unary<RegisterActorTimerRequest, Empty>("RegisterActorTimer", (call, request) =>
        {
            actors.RegisterTimer(call.App, new ActorAddress(request.ActorType, request.ActorId), request.Name, request.DueTime, request.Period, request.Ttl, request.Callback, Json(request.Data));
            return Task.FromResult(new Empty());
        });
        rpc.Unary<UnregisterActorTimerRequest, Empty>("UnregisterActorTimer", (call, request) =>
        {
            actors.UnregisterTimer(call.App, new ActorAddress(request.ActorType, request.ActorId), request.Name);
            return Task.FromResult(new Empty());
        });
    }

    // Data that is no JSON goes as base64 text.
    private static string? Json(ByteString data)
    {
        if (data.IsEmpty) return null;
        try
        {
            using var document = System.Text.Json.JsonDocument.Parse(data.Memory);
            return document.RootElement.GetRawText();
        }
        catch (System.Text.Json.JsonException)
        {
            return $"\"{data.ToBase64()}\"";
        }
    }
}
