using Dapr.Client;
using Grpc.Core;
using Rpc = Dapr.Client.Autogen.Grpc.v1;

namespace Danube.Dapr.Conformance.Areas;

/// <summary>Etags, first-write, transactions.</summary>
internal static class StateConcurrencyBehaviours
{
    private const string Area = "state";

    private static readonly StateOptions FirstWrite = new() { Concurrency = ConcurrencyMode.FirstWrite };
    private static readonly StateOptions LastWrite = new() { Concurrency = ConcurrencyMode.LastWrite };

    public static IEnumerable<Behaviour> All() =>
    [
        new(Area, "each save changes the etag", async c =>
        {
            var (key, first) = await SavedAsync(c);
            await c.Dapr.SaveStateAsync(c.Store, key, "again");
            Check.True(await EtagAsync(c, key) != first, "another etag than " + first, first);
        }),
        new(Area, "TrySave with the current etag saves", async c =>
        {
            var (key, etag) = await SavedAsync(c);
            Check.Equal(true, await c.Dapr.TrySaveStateAsync(c.Store, key, "new", etag));
            Check.Equal("new", await c.Dapr.GetStateAsync<string>(c.Store, key));
        }),
        new(Area, "TrySave with a stale etag is false and saves nothing", async c =>
        {
            var (key, etag) = await StaleAsync(c);
            Check.Equal(false, await c.Dapr.TrySaveStateAsync(c.Store, key, "lost", etag));
            Check.Equal("second", await c.Dapr.GetStateAsync<string>(c.Store, key));
        }),
        new(Area, "TryDelete with the current etag deletes", async c =>
        {
            var (key, etag) = await SavedAsync(c);
            Check.Equal(true, await c.Dapr.TryDeleteStateAsync(c.Store, key, etag));
            Check.Equal(null, await c.Dapr.GetStateAsync<string?>(c.Store, key));
        }),
        new(Area, "TryDelete with a stale etag is false and deletes nothing", async c =>
        {
            var (key, etag) = await StaleAsync(c);
            Check.Equal(false, await c.Dapr.TryDeleteStateAsync(c.Store, key, etag));
            Check.Equal("second", await c.Dapr.GetStateAsync<string>(c.Store, key));
        }),
        new(Area, "a stale etag is Aborted with daprd's text on save", async c =>
        {
            var (key, etag) = await StaleAsync(c);
            await Check.Rpc(StatusCode.Aborted, $"failed saving state in state store {c.Store}: possible etag mismatch. error from state store", async () => await c.Grpc.SaveStateAsync(Save(c, key, etag)));
        }),
        new(Area, "a stale etag is Aborted with daprd's text on delete", async c =>
        {
            var (key, etag) = await StaleAsync(c);
            await Check.Rpc(StatusCode.Aborted, $"failed deleting state with key {key}: possible etag mismatch. error from state store",
                async () => await c.Grpc.DeleteStateAsync(new Rpc.DeleteStateRequest { StoreName = c.Store, Key = key, Etag = new Rpc.Etag { Value = etag } }));
        }),
        new(Area, "HTTP save with a stale etag is 409 ERR_STATE_SAVE", async c =>
        {
            var (key, etag) = await StaleAsync(c);
            Check.Error(409, "ERR_STATE_SAVE", $"failed saving state in state store {c.Store}: possible etag mismatch. error from state store",
                await c.SendAsync("POST", $"/v1.0/state/{c.Store}", $$$"""[{"key":"{{{key}}}","value":9,"etag":"{{{etag}}}","options":{"concurrency":"first-write"}}]"""));
        }),
        new(Area, "HTTP delete with a stale If-Match is 409 ERR_STATE_DELETE", async c =>
        {
            var (key, etag) = await StaleAsync(c);
            Check.Error(409, "ERR_STATE_DELETE", $"failed deleting state with key {key}: possible etag mismatch. error from state store",
                await c.SendAsync("DELETE", c.StatePath(key) + "?concurrency=first-write", null, ("If-Match", etag)));
        }),
        new(Area, "HTTP delete with the current If-Match is 204", async c =>
        {
            var (key, etag) = await SavedAsync(c);
            Check.NoContent(await c.SendAsync("DELETE", c.StatePath(key), null, ("If-Match", etag)));
        }),
        new Behaviour(Area, "any etag on a missing key is Aborted and creates nothing", async c =>
        {
            var key = Stage.Id("missing");
            Check.Equal(false, await c.Dapr.TrySaveStateAsync(c.Store, key, "x", "1"));
            Check.Equal(false, await c.Dapr.TryDeleteStateAsync(c.Store, key, "1"));
            Check.Equal(null, await c.Dapr.GetStateAsync<string?>(c.Store, key));
        }).Except("Redis creates the key", StoreKind.Redis),
        new Behaviour(Area, "an etag that the store never made is Aborted", async c =>
        {
            var (key, _) = await SavedAsync(c);
            await Check.Rpc(StatusCode.Aborted, null, async () => await c.Grpc.SaveStateAsync(Save(c, key, "not one of yours")));
        }).Except("InvalidArgument there", StoreKind.Redis),
        new Behaviour(Area, "an empty etag overwrites", async c =>
        {
            var (key, _) = await SavedAsync(c);
            await c.Grpc.SaveStateAsync(Save(c, key, ""));
            Check.Equal(9, await c.Dapr.GetStateAsync<int>(c.Store, key));
        }).ExceptDaprdOnEtcd("answers OK and drops the write"),
        new(Area, "first-write without an etag creates a missing key", async c =>
        {
            var key = Stage.Id("first");
            await c.Dapr.SaveStateAsync(c.Store, key, "created", FirstWrite);
            Check.Equal("created", await c.Dapr.GetStateAsync<string>(c.Store, key));
        }),
        new(Area, "first-write without an etag is refused for an existing key: Aborted (Redis: Internal)", async c =>
        {
            var (key, _) = await SavedAsync(c);
            await Check.Rpc(c.Kind == StoreKind.Redis ? StatusCode.Internal : StatusCode.Aborted, null, () => c.Dapr.SaveStateAsync(c.Store, key, "late", FirstWrite));
            Check.Equal("first", await c.Dapr.GetStateAsync<string>(c.Store, key));
        }),
        new(Area, "last-write without an etag overwrites", async c =>
        {
            var (key, _) = await SavedAsync(c);
            await c.Dapr.SaveStateAsync(c.Store, key, "last", LastWrite);
            Check.Equal("last", await c.Dapr.GetStateAsync<string>(c.Store, key));
        }),
        new Behaviour(Area, "20 compare-and-set increments by 4 writers lose none", async c =>
        {
            var key = Stage.Id("cas");
            await c.Dapr.SaveStateAsync(c.Store, key, 0);
            await Task.WhenAll(Enumerable.Range(0, 4).Select(async _ =>
            {
                for (var done = 0; done < 5;)
                {
                    var (n, etag) = await c.Dapr.GetStateAndETagAsync<int>(c.Store, key);
                    if (await c.Dapr.TrySaveStateAsync(c.Store, key, n + 1, etag))
                        done++;
                }
            }));
            Check.Equal(20, await c.Dapr.GetStateAsync<int>(c.Store, key));
        }).ExceptDaprdOnEtcd("updates are lost"),
        new(Area, "one stale etag in a bulk save is Aborted, the other keys are saved", async c =>
        {
            var (stale, etag) = await StaleAsync(c);
            var fresh = Stage.Id("fresh");
            await Check.Rpc(StatusCode.Aborted, null, async () =>
            {
                var request = Save(c, stale, etag);
                request.States.Insert(0, new Rpc.StateItem { Key = fresh, Value = Google.Protobuf.ByteString.CopyFromUtf8("1") });
                await c.Grpc.SaveStateAsync(request);
            });
            Check.Equal((1, "second"), (await c.Dapr.GetStateAsync<int>(c.Store, fresh), await c.Dapr.GetStateAsync<string>(c.Store, stale)));
        }),
        new(Area, "a transaction upserts and deletes", async c =>
        {
            var (old, _) = await SavedAsync(c);
            var added = Stage.Id("tx");
            await c.Dapr.ExecuteStateTransactionAsync(c.Store, [new(added, "1"u8.ToArray(), StateOperationType.Upsert), new(old, null, StateOperationType.Delete)]);
            Check.Equal((1, null), (await c.Dapr.GetStateAsync<int>(c.Store, added), await c.Dapr.GetStateAsync<string?>(c.Store, old)));
        }),
        new(Area, "a stale etag in a transaction is Internal with daprd's text", async c =>
        {
            var (key, etag) = await StaleAsync(c);
            await Check.Rpc(StatusCode.Internal, "error while executing state transaction: possible etag mismatch. error from state store", () => TransactionAsync(c, Stage.Id("tx"), key, etag));
        }),
        new Behaviour(Area, "nothing of a failed transaction is applied", async c =>
        {
            var (key, etag) = await StaleAsync(c);
            var added = Stage.Id("tx");
            await Check.Rpc(StatusCode.Internal, null, () => TransactionAsync(c, added, key, etag));
            Check.Equal((null, "second"), (await c.Dapr.GetStateAsync<string?>(c.Store, added), await c.Dapr.GetStateAsync<string>(c.Store, key)));
        }).Except("Redis applies the other operations", StoreKind.Redis),
        new(Area, "HTTP transaction is 204", async c =>
        {
            var key = Stage.Id("tx");
            Check.NoContent(await c.SendAsync("POST", $"/v1.0/state/{c.Store}/transaction", $$$$"""{"operations":[{"operation":"upsert","request":{"key":"{{{{key}}}}","value":{"x":1}}},{"operation":"delete","request":{"key":"{{{{key}}}}-none"}}],"metadata":{"a":"b"}}"""));
            Check.Body(200, """{"x":1}""", await c.SendAsync("GET", c.StatePath(key)));
        }),
        new(Area, "HTTP transaction without operations is 204", async c => Check.NoContent(await c.SendAsync("POST", $"/v1.0/state/{c.Store}/transaction", """{"operations":[]}"""))),
        new(Area, "HTTP transaction with another operation is 400 ERR_NOT_SUPPORTED_STATE_OPERATION", async c => Check.Error(400, "ERR_NOT_SUPPORTED_STATE_OPERATION",
            "operation type burn not supported", await c.SendAsync("POST", $"/v1.0/state/{c.Store}/transaction", """{"operations":[{"operation":"burn","request":{"key":"a"}}]}"""))),
    ];

    private static async Task<(string Key, string Etag)> SavedAsync(Stage c)
    {
        var key = Stage.Id("etag");
        await c.Dapr.SaveStateAsync(c.Store, key, "first");
        return (key, await EtagAsync(c, key));
    }

    /// <summary>A key that was saved twice, and the etag of the first time.</summary>
    private static async Task<(string Key, string Etag)> StaleAsync(Stage c)
    {
        var saved = await SavedAsync(c);
        await c.Dapr.SaveStateAsync(c.Store, saved.Key, "second");
        return saved;
    }

    private static async Task<string> EtagAsync(Stage c, string key) => (await c.Dapr.GetStateAndETagAsync<string>(c.Store, key)).Item2;

    private static Rpc.SaveStateRequest Save(Stage c, string key, string etag) => new()
    {
        StoreName = c.Store,
        States = { new Rpc.StateItem { Key = key, Value = Google.Protobuf.ByteString.CopyFromUtf8("9"), Etag = new Rpc.Etag { Value = etag } } },
    };

    private static Task TransactionAsync(Stage c, string added, string stale, string etag) => c.Dapr.ExecuteStateTransactionAsync(
        c.Store,
        [new(added, "7"u8.ToArray(), StateOperationType.Upsert), new(stale, "8"u8.ToArray(), StateOperationType.Upsert, etag, options: FirstWrite)]);
}
