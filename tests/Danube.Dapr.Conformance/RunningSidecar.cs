using System.Text.Json.Nodes;

namespace Danube.Dapr.Conformance;

/// <summary>A sidecar that somebody else started.</summary>
internal static class RunningSidecar
{
    /// <summary>Asks it for its app id and the kind of its state store.</summary>
    public static async Task<LabOptions> DescribeAsync(int httpPort, int grpcPort, int appPort, string stateStore, string pubSub)
    {
        using var http = new HttpClient();
        JsonNode metadata;
        try
        {
            metadata = JsonNode.Parse(await http.GetStringAsync(new Uri($"http://127.0.0.1:{httpPort}/v1.0/metadata")))!;
        }
        catch (HttpRequestException e)
        {
            throw new ArgumentException($"no sidecar answers on --sidecar-http {httpPort}: {e.Message}", e);
        }
        var component = metadata["components"]?.AsArray().FirstOrDefault(c => (string?)c!["name"] == stateStore)
            ?? throw new ArgumentException($"the sidecar has no state store '{stateStore}'; name it with --state-store.");
        var kind = ((string?)component["type"], (string?)component["version"]) switch
        {
            ("state.in-memory", _) => StoreKind.InMemory,
            ("state.sqlite", _) => StoreKind.Sqlite,
            ("state.redis", _) => StoreKind.Redis,
            ("state.etcd", "v2") => StoreKind.EtcdV2,
            ("state.etcd", _) => StoreKind.EtcdV1,
            _ => StoreKind.Other,
        };
        return new LabOptions(kind, Running: new StageOptions((string)metadata["id"]!, httpPort, grpcPort, appPort, stateStore, pubSub));
    }
}
