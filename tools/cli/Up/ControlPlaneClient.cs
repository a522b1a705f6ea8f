using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Danube.Dapr.Contracts;

namespace Danube.Dapr.Cli.Up;

/// <summary>Reads the services' endpoints.</summary>
internal sealed class ControlPlaneClient(HttpClient http)
{
    /// <summary>GET of <paramref name="uri"/>; null when the service does not answer (yet) or refuses.</summary>
    public async Task<T?> TryGetAsync<T>(Uri uri, CancellationToken cancellation)
        where T : class
    {
        try
        {
            using var response = await http.GetAsync(uri, cancellation);
            return response.IsSuccessStatusCode
                ? await response.Content.ReadFromJsonAsync((JsonTypeInfo<T>)ContractsJson.Wire.GetTypeInfo(typeof(T)), cancellation)
                : null;
        }
        catch (Exception e) when (e is HttpRequestException or JsonException || (e is TaskCanceledException && !cancellation.IsCancellationRequested))
        {
            return null;
        }
    }

    /// <summary>True when GET answers with success.</summary>
    public async Task<bool> IsHealthyAsync(Uri uri, CancellationToken cancellation)
    {
        try
        {
            using var response = await http.GetAsync(uri, cancellation);
            return response.IsSuccessStatusCode;
        }
        catch (Exception e) when (e is HttpRequestException || (e is TaskCanceledException && !cancellation.IsCancellationRequested))
        {
            return false;
        }
    }
}
