using System.Diagnostics;
using System.Globalization;
using System.Net;
using Danube.Dapr.LocalSidecar.Api;
using Danube.Dapr.LocalSidecar.Hosting;
using Grpc.Core;
using Microsoft.AspNetCore.Http.Features;

namespace Danube.Dapr.LocalSidecar.Names;

/// <summary>Passes a request on over HTTP/2 and its answer back as it comes, with trailers: gRPC calls and streams as well.</summary>
internal sealed class StreamForwarder : IDisposable
{
    private static readonly HashSet<string> OfOneHop = new(StringComparer.OrdinalIgnoreCase) { "Connection", "Keep-Alive", "Transfer-Encoding", "Upgrade", "Host", "Proxy-Connection", "Expect" };

    private readonly HttpMessageInvoker _client = new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false, UseCookies = false, UseProxy = false, AutomaticDecompression = DecompressionMethods.None, EnableMultipleHttp2Connections = true,
        ActivityHeadersPropagator = DistributedContextPropagator.CreateNoOutputPropagator(), ConnectTimeout = TimeSpan.FromSeconds(5), PooledConnectionIdleTimeout = TimeSpan.FromMinutes(1),
    });

    /// <param name="gone">Is cancelled when the other process is gone.</param>
    /// <returns>False when nobody listens there, so that it can be sent elsewhere.</returns>
    public async Task<bool> SendAsync(HttpContext http, string address, CancellationToken gone)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, gone);
        using var request = Copy(http, address);
        try
        {
            using var response = await _client.SendAsync(request, either.Token);
            await CopyBackAsync(http.Response, response, either.Token);
            return true;
        }
        catch (HttpRequestException e) when (AppChannel.WasRefused(e))
        {
            return false;
        }
        catch (Exception) when (http.RequestAborted.IsCancellationRequested)
        {
            return true;
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException)
        {
            await RefuseAsync(http, "the sidecar that had the workflows is gone");
            return true;
        }
    }

    /// <summary>Says that the caller has to try again, in the way of gRPC where the call is one.</summary>
    public static async Task RefuseAsync(HttpContext http, string problem)
    {
        var isGrpc = http.Request.ContentType?.StartsWith("application/grpc", StringComparison.Ordinal) == true;
        if (!http.Response.HasStarted)
        {
            http.Response.Headers.Clear();
            if (isGrpc) await ApiGuard.RefuseAsync(http.Response, StatusCode.Unavailable, problem);
            else http.Response.StatusCode = 503;
        }
        else if (isGrpc)
        {
            http.Response.AppendTrailer("grpc-status", ((int)StatusCode.Unavailable).ToString(CultureInfo.InvariantCulture));
            http.Response.AppendTrailer("grpc-message", problem);
        }
        else
        {
            http.Abort();
        }
    }

    public void Dispose() => _client.Dispose();

    private static HttpRequestMessage Copy(HttpContext http, string address)
    {
        var uri = new Uri($"http://{address}{http.Request.Path.ToUriComponent()}{http.Request.QueryString.ToUriComponent()}", new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true });
        var request = new HttpRequestMessage(new HttpMethod(http.Request.Method), uri) { Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact };
        if (http.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody == true) request.Content = new StreamContent(http.Request.Body);
        foreach (var (name, values) in http.Request.Headers)
        {
            if (OfOneHop.Contains(name) || name.StartsWith(':')) continue;
            if (!request.Headers.TryAddWithoutValidation(name, (IEnumerable<string?>)values)) request.Content?.Headers.TryAddWithoutValidation(name, (IEnumerable<string?>)values);
        }
        return request;
    }

    private static async Task CopyBackAsync(HttpResponse to, HttpResponseMessage from, CancellationToken cancellationToken)
    {
        to.StatusCode = (int)from.StatusCode;
        foreach (var (name, values) in from.Headers.NonValidated) if (!OfOneHop.Contains(name)) to.Headers[name] = values.ToArray();
        foreach (var (name, values) in from.Content.Headers.NonValidated) to.Headers[name] = values.ToArray();
        var body = await from.Content.ReadAsStreamAsync(cancellationToken);
        var buffer = new byte[16 * 1024];
        int read;
        while ((read = await body.ReadAsync(buffer, cancellationToken)) > 0)
        {
            await to.Body.WriteAsync(buffer.AsMemory(0, read), cancellationToken);
            // A worker waits for its next item, not for a full buffer.
            await to.Body.FlushAsync(cancellationToken);
        }
        foreach (var (name, values) in from.TrailingHeaders.NonValidated) to.AppendTrailer(name, values.ToArray());
    }
}
