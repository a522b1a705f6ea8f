using Dapr.Client.Autogen.Grpc.v1;
using Google.Protobuf;
using Grpc.Core;

namespace Danube.Dapr.LocalSidecar.Api;

/// <summary>The answers of building blocks that have no component here, as daprd words them.</summary>
internal static class Unconfigured
{
    public static DaprError Secrets() => new("ERR_SECRET_STORES_NOT_CONFIGURED", 500, StatusCode.FailedPrecondition, "secret store is not configured");

    public static DaprError Configuration() => new("ERR_CONFIGURATION_STORE_NOT_CONFIGURED", 500, StatusCode.FailedPrecondition, "configuration stores not configured");

    public static DaprError Lock() => new("ERR_LOCK_STORE_NOT_CONFIGURED", 500, StatusCode.FailedPrecondition, "lock store is not configured");

    public static DaprError Binding(string name) => new("ERR_INVOKE_OUTPUT_BINDING", 500, StatusCode.Internal, $"error invoking output binding {name}: couldn't find output binding {name}");

    public static DaprError Cryptography() => new("ERR_CRYPTO_PROVIDERS_NOT_CONFIGURED", 500, StatusCode.Internal, "crypto providers not configured");

    /// <summary>The rpcs of these blocks.</summary>
    public static void Add(GrpcBinder rpc)
    {
        rpc.Unary<InvokeBindingRequest, InvokeBindingResponse>("InvokeBinding", static (_, request) => throw Binding(request.Name));
        rpc.Unary<GetSecretRequest, GetSecretResponse>("GetSecret", static (_, _) => throw Secrets());
        rpc.Unary<GetBulkSecretRequest, GetBulkSecretResponse>("GetBulkSecret", static (_, _) => throw Secrets());
        foreach (var suffix in (string[])["", "Alpha1"])
        {
            rpc.Unary<GetConfigurationRequest, GetConfigurationResponse>("GetConfiguration" + suffix, static (_, _) => throw Configuration());
            rpc.Unary<SubscribeConfigurationRequest, SubscribeConfigurationResponse>("SubscribeConfiguration" + suffix, static (_, _) => throw Configuration());
            rpc.Unary<UnsubscribeConfigurationRequest, UnsubscribeConfigurationResponse>("UnsubscribeConfiguration" + suffix, static (_, _) => throw Configuration());
        }
        rpc.Unary<TryLockRequest, TryLockResponse>("TryLockAlpha1", static (_, _) => throw Lock());
        rpc.Unary<UnlockRequest, UnlockResponse>("UnlockAlpha1", static (_, _) => throw Lock());
        rpc.Unary<SubtleGetKeyRequest, SubtleGetKeyResponse>("SubtleGetKeyAlpha1", static (_, _) => throw Cryptography());
        rpc.Unary<SubtleEncryptRequest, SubtleEncryptResponse>("SubtleEncryptAlpha1", static (_, _) => throw Cryptography());
        rpc.Unary<SubtleDecryptRequest, SubtleDecryptResponse>("SubtleDecryptAlpha1", static (_, _) => throw Cryptography());
        rpc.Unary<SubtleWrapKeyRequest, SubtleWrapKeyResponse>("SubtleWrapKeyAlpha1", static (_, _) => throw Cryptography());
        rpc.Unary<SubtleUnwrapKeyRequest, SubtleUnwrapKeyResponse>("SubtleUnwrapKeyAlpha1", static (_, _) => throw Cryptography());
        rpc.Unary<SubtleSignRequest, SubtleSignResponse>("SubtleSignAlpha1", static (_, _) => throw Cryptography());
        rpc.Unary<SubtleVerifyRequest, SubtleVerifyResponse>("SubtleVerifyAlpha1", static (_, _) => throw Cryptography());
        rpc.Duplex<EncryptRequest, EncryptResponse>("EncryptAlpha1", static (call, requests, _) => RefuseAsync(call, requests, static r =>
            r.Options is not { } options ? "first message does not contain the required options"
            : options.KeyName.Length == 0 ? "missing property 'keyName' in the options message"
            : options.KeyWrapAlgorithm.Length == 0 ? "missing property 'keyWrapAlgorithm' in the options message" : null));
        rpc.Duplex<DecryptRequest, DecryptResponse>("DecryptAlpha1", static (call, requests, _) => RefuseAsync(call, requests, static r =>
            r.Options is null ? "first message does not contain the required options" : null));
    }

    // What is asked for is checked before who could do it.
    private static async Task RefuseAsync<T>(GrpcCall call, IAsyncStreamReader<T> requests, Func<T, string?> fault) where T : IMessage
    {
        if (!await requests.MoveNext(call.Cancelled)) throw new DaprError("ERR_CRYPTO", 500, StatusCode.Internal, "failed to perform operation: error receiving the first message: EOF");
        if (fault(requests.Current) is { } problem) throw new DaprError("ERR_BAD_REQUEST", 400, StatusCode.InvalidArgument, $"invalid request: {problem}");
        throw Cryptography();
    }
}
