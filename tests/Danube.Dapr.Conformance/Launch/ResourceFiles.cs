using Danube.Dapr.Conformance.App;

namespace Danube.Dapr.Conformance.Launch;

/// <summary>Writes the resources folder and the Configuration of a sidecar.</summary>
internal static class ResourceFiles
{
    /// <summary>Components for the state store and pub/sub, and a declarative subscription.</summary>
    /// <param name="folder">Where to write, and where SQLite keeps its file.</param>
    /// <param name="store">The state store.</param>
    /// <param name="etcd">host:port, for etcd.</param>
    /// <param name="retries">Also a Resiliency: events that fail are delivered up to 5 times more, 200 ms apart.</param>
    public static string Components(string folder, StoreKind store, string? etcd, bool retries)
    {
        var resources = Directory.CreateDirectory(Path.Combine(folder, "resources")).FullName;
        (string Type, string Version, string Fields) state = store switch
        {
            StoreKind.InMemory => ("state.in-memory", "v1", ""),
            StoreKind.Sqlite => ("state.sqlite", "v1", $"- {{ name: connectionString, value: \"{Path.Combine(folder, "state.db")}\" }}"),
            StoreKind.EtcdV1 => ("state.etcd", "v1", $"- {{ name: endpoints, value: \"{etcd}\" }}\n  - {{ name: keyPrefixPath, value: \"{Path.GetFileName(folder)}\" }}"),
            _ => throw new ArgumentOutOfRangeException(nameof(store), store, "The suite writes components for in-memory, sqlite and etcd."),
        };
        File.WriteAllText(Path.Combine(resources, "statestore.yaml"),
            $$"""
            apiVersion: dapr.io/v1alpha1
            kind: Component
            metadata: { name: statestore }
            spec:
              type: {{state.Type}}
              version: {{state.Version}}
              metadata:
              - { name: actorStateStore, value: "true" }
              {{state.Fields}}

            """);
        File.WriteAllText(Path.Combine(resources, "pubsub.yaml"),
            """
            apiVersion: dapr.io/v1alpha1
            kind: Component
            metadata: { name: pubsub }
            spec:
              type: pubsub.in-memory
              version: v1
              metadata: []

            """);
        File.WriteAllText(Path.Combine(resources, "subscription.yaml"),
            $$"""
            apiVersion: dapr.io/v2alpha1
            kind: Subscription
            metadata: { name: declared }
            spec:
              pubsubname: pubsub
              topic: {{Topics.Declared}}
              routes: { default: /events/declared }

            """);
        if (retries)
            File.WriteAllText(Path.Combine(resources, "resiliency.yaml"),
                """
                apiVersion: dapr.io/v1alpha1
                kind: Resiliency
                metadata: { name: resiliency }
                spec:
                  policies:
                    retries:
                      inbound: { policy: constant, duration: 200ms, maxRetries: 5 }
                  targets:
                    components:
                      pubsub: { inbound: { retry: inbound } }

                """);
        return resources;
    }

    public static string Empty(string folder) => Directory.CreateDirectory(Path.Combine(folder, "resources")).FullName;

    public static string Configuration(string folder, SidecarProgram program)
    {
        var file = Path.Combine(folder, "config.yaml");
        File.WriteAllText(file,
            $$"""
            apiVersion: dapr.io/v1alpha1
            kind: Configuration
            metadata: { name: conformance }
            spec:
              tracing: { samplingRate: "1" }{{program.ConfigurationOf(folder)}}

            """);
        return file;
    }
}
