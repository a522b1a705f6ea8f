using Google.Protobuf;
using Grpc.Core;
using Rpc = Dapr.Client.Autogen.Grpc.v1;

namespace Danube.Dapr.Conformance.Areas;

/// <summary>Keys with odd letters.</summary>
internal static class StateKeyBehaviours
{
    private const string Area = "state";

    private static readonly string[] Odd = ["a b", "a/b/c", "ü-€-漢", "100%", "q?x=1&y#f", "\"quoted\"", "a|b", "dots..", "UPPER", "colon:"];

    public static IEnumerable<Behaviour> All() =>
    [
        .. Odd.Select(tail => new Behaviour(Area, $"key '{tail}' works over gRPC and HTTP", async c =>
        {
            var key = Stage.Id("k") + tail;
            await c.Dapr.SaveStateAsync(c.Store, key, 7);
            Check.Equal(7, await c.Dapr.GetStateAsync<int>(c.Store, key));
            Check.Body(200, "7", await c.SendAsync("GET", c.StatePath(key)));
            Check.NoContent(await c.SendAsync("DELETE", c.StatePath(key)));
            Check.Equal(0, await c.Dapr.GetStateAsync<int>(c.Store, key));
        })),
        new(Area, "keys that differ in case are different", async c =>
        {
            var key = Stage.Id("case");
            await c.Dapr.SaveStateAsync(c.Store, key + "a", 1);
            await c.Dapr.SaveStateAsync(c.Store, key + "A", 2);
            Check.Equal(1, await c.Dapr.GetStateAsync<int>(c.Store, key + "a"));
        }),
        new(Area, "a key with '||' is InvalidArgument", c => Check.Rpc(StatusCode.InvalidArgument, "input key/keyPrefix 'a||b' can't contain '||'", () => c.Dapr.SaveStateAsync(c.Store, "a||b", 1))),
        new(Area, "an empty key is InvalidArgument", c => Check.Rpc(StatusCode.InvalidArgument, "state key cannot be empty",
            async () => await c.Grpc.SaveStateAsync(new Rpc.SaveStateRequest { StoreName = c.Store, States = { new Rpc.StateItem { Key = "", Value = ByteString.CopyFromUtf8("1") } } }))),
    ];
}
