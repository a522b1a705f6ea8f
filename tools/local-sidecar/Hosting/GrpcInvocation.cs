using Dapr.Client.Autogen.Grpc.v1;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Grpc.Core;
using Verb = Dapr.Client.Autogen.Grpc.v1.HTTPExtension.Types.Verb;

namespace Danube.Dapr.LocalSidecar.Hosting;

/// <summary>An invocation over HTTP as <c>OnInvoke</c> of an app that speaks gRPC, and its answer as one of HTTP.</summary>
internal static class GrpcInvocation
{
    /// <summary>Headers of HTTP that must not be taken for those of a gRPC call: they get a prefix, as in daprd.</summary>
    public static readonly HashSet<string> HttpOnly = new(StringComparer.OrdinalIgnoreCase)
    {
        "Accept", "Accept-Charset", "Accept-Language", "Accept-Ranges", "Authorization", "Cache-Control", "Content-Type", "Cookie", "Date", "Expect", "From", "If-Match", "If-Modified-Since",
        "If-None-Match", "If-Schedule-Tag-Match", "If-Unmodified-Since", "Max-Forwards", "Origin", "Pragma", "Referer", "User-Agent", "Via", "Warning",
    };

    private static readonly JsonFormatter Json = new(new JsonFormatter.Settings(false, TypeRegistry.FromFiles(ErrorDetailsReflection.Descriptor)));

    /// <summary>Calls the app. What it refuses with is an answer, too.</summary>
    public static async Task<HttpResponseMessage> SendAsync(GrpcAppChannel app, HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var target = request.RequestUri!;
        var message = new InvokeRequest
        {
            Method = Uri.UnescapeDataString(target.AbsolutePath.TrimStart('/')),
            ContentType = request.Content?.Headers.NonValidated.TryGetValues("Content-Type", out var type) == true ? type.ToString() : "application/json",
            HttpExtension = new HTTPExtension { Verb = System.Enum.TryParse<Verb>(request.Method.Method, ignoreCase: true, out var verb) ? verb : Verb.Post, Querystring = target.Query.TrimStart('?') },
            Data = new Any { Value = request.Content is null ? ByteString.Empty : UnsafeByteOperations.UnsafeWrap(await request.Content.ReadAsByteArrayAsync(cancellationToken)) },
        };
        var trace = request.Headers.NonValidated.TryGetValues("traceparent", out var parent) ? Tracing.TraceContext.Parse(parent.ToString(), null) : default;
        try
        {
            var (response, headers) = await app.CallWithHeadersAsync(GrpcAppChannel.OnInvoke, message, app.Headers(trace, Metadata(request)), cancellationToken);
            return Answer(200, (response.Data?.Value ?? ByteString.Empty).ToByteArray(), response.ContentType, headers);
        }
        catch (RpcException e)
        {
            return Answer(HttpStatus(e.StatusCode), System.Text.Encoding.UTF8.GetBytes(Body(e)), "application/json", []);
        }
    }

    private static IEnumerable<KeyValuePair<string, string>> Metadata(HttpRequestMessage request)
    {
        foreach (var (name, values) in request.Headers.NonValidated)
            foreach (var value in values) yield return new((HttpOnly.Contains(name) ? "dapr-" : "") + name.ToLowerInvariant(), value);
    }

    private static HttpResponseMessage Answer(int status, byte[] body, string contentType, Metadata headers)
    {
        var answer = new HttpResponseMessage((System.Net.HttpStatusCode)status) { Content = AppChannel.Content(body, contentType.Length > 0 ? contentType : "application/json") };
        foreach (var header in headers)
        {
            if (header.IsBinary || header.Key == "content-type") continue;
            answer.Headers.TryAddWithoutValidation((header.Key.StartsWith("grpc-", StringComparison.Ordinal) ? "dapr-" : "") + header.Key, header.Value);
        }
        return answer;
    }

    // daprd answers with the status of gRPC, as JSON.
    private static string Body(RpcException e)
    {
        var plain = new Google.Rpc.Status { Code = (int)e.StatusCode, Message = e.Status.Detail };
        if (e.Trailers.GetValueBytes("grpc-status-details-bin") is not { } details) return Json.Format(plain);
        try
        {
            return Json.Format(Google.Rpc.Status.Parser.ParseFrom(details));
        }
        catch (Exception failure) when (failure is InvalidProtocolBufferException or InvalidOperationException)
        {
            // Details of a type that only the app knows.
            return Json.Format(plain);
        }
    }

    private static int HttpStatus(StatusCode code) => code switch
    {
        StatusCode.OK => 200, StatusCode.Cancelled => 408, StatusCode.InvalidArgument or StatusCode.FailedPrecondition or StatusCode.OutOfRange => 400, StatusCode.DeadlineExceeded => 504,
        StatusCode.NotFound => 404, StatusCode.AlreadyExists or StatusCode.Aborted => 409, StatusCode.PermissionDenied => 403, StatusCode.Unauthenticated => 401, StatusCode.ResourceExhausted => 429,
        StatusCode.Unimplemented => 501, StatusCode.Unavailable => 503, _ => 500,
    };
}
