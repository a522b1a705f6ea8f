using System.Text.Json;
using Danube.Dapr.LocalSidecar.CommandLine;
using Danube.Dapr.LocalSidecar.Hosting;
using Danube.Dapr.LocalSidecar.PubSub;
using Dapr.Client.Autogen.Grpc.v1;

namespace Danube.Dapr.LocalSidecar.Api;

/// <summary>What the sidecar says of itself, in the shapes of both APIs.</summary>
internal sealed class MetadataApi(Sidecar sidecar)
{
    public GetMetadataResponse ToProto(AppInstance app)
    {
        var response = new GetMetadataResponse { Id = app.AppId, RuntimeVersion = CommandLineParser.RuntimeVersion };
        response.EnabledFeatures.AddRange(Features(app));
        var active = Actors(app).Select(static a => new ActiveActorsCount { Type = a.Type, Count = a.Count }).ToList();
#pragma warning disable CS0612 // The SDK of today still reads the old field.
        response.ActiveActorsCount.AddRange(active);
#pragma warning restore CS0612
        foreach (var (name, type, version, capabilities) in Components(app))
            response.RegisteredComponents.Add(new RegisteredComponents { Name = name, Type = type, Version = version, Capabilities = { capabilities } });
        response.ExtendedMetadata.Add(app.ExtendedMetadata);
        foreach (var subscription in app.AllSubscriptions())
        {
            response.Subscriptions.Add(new PubsubSubscription
            {
                PubsubName = subscription.PubSubName, Topic = subscription.Topic, DeadLetterTopic = subscription.DeadLetterTopic,
                Metadata = { subscription.Metadata.ToDictionary() },
                Rules = new PubsubSubscriptionRules { Rules = { subscription.Routes.Select(static r => new PubsubSubscriptionRule { Match = r.Match, Path = r.Path }) } },
                Type = subscription.Source switch
                {
                    SubscriptionSource.Declarative => PubsubSubscriptionType.Declarative, SubscriptionSource.Streaming => PubsubSubscriptionType.Streaming, _ => PubsubSubscriptionType.Programmatic,
                },
            });
        }
        if (app.Options.AppPort is { } port)
            response.AppConnectionProperties = new AppConnectionProperties { Port = port, Protocol = Protocol(app), ChannelAddress = app.Options.AppChannelAddress, MaxConcurrency = app.Options.AppMaxConcurrency ?? 0 };
        response.ActorRuntime = new ActorRuntime
        {
            RuntimeStatus = Status(app) switch
            {
                "RUNNING" => ActorRuntime.Types.ActorRuntimeStatus.Running, "DISABLED" => ActorRuntime.Types.ActorRuntimeStatus.Disabled, _ => ActorRuntime.Types.ActorRuntimeStatus.Initializing,
            },
            HostReady = Status(app) == "RUNNING", Placement = Placement(app),
        };
        response.ActorRuntime.ActiveActors.AddRange(active);
        response.Scheduler = new MetadataScheduler { ConnectedAddresses = { Scheduler(app) } };
        if (app.App.ConnectedWorkflowWorkers() is > 0 and var workers) response.Workflows = new MetadataWorkflows { ConnectedWorkers = workers };
        return response;
    }

    public void ToJson(AppInstance app, Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("id", app.AppId);
        json.WriteString("runtimeVersion", CommandLineParser.RuntimeVersion);
        Texts(json, "enabledFeatures", Features(app));
        WriteActors(json, "actors", app);
        json.WriteStartArray("components");
        foreach (var (name, type, version, capabilities) in Components(app))
        {
            json.WriteStartObject();
            json.WriteString("name", name);
            json.WriteString("type", type);
            json.WriteString("version", version);
            Texts(json, "capabilities", capabilities);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        TextMap(json, "extended", app.ExtendedMetadata);
        WriteSubscriptions(json, app);
        if (app.Options.AppPort is { } port)
        {
            json.WriteStartObject("appConnectionProperties");
            json.WriteNumber("port", port);
            json.WriteString("protocol", Protocol(app));
            json.WriteString("channelAddress", app.Options.AppChannelAddress);
            if (app.Options.AppMaxConcurrency is { } most) json.WriteNumber("maxConcurrency", most);
            json.WriteEndObject();
        }
        json.WriteStartObject("actorRuntime");
        json.WriteString("runtimeStatus", Status(app));
        WriteActors(json, "activeActors", app);
        if (Status(app) == "RUNNING") json.WriteBoolean("hostReady", true);
        json.WriteString("placement", Placement(app));
        json.WriteEndObject();
        json.WriteStartObject("scheduler");
        Texts(json, "connected_addresses", Scheduler(app));
        json.WriteEndObject();
        if (app.App.ConnectedWorkflowWorkers() is > 0 and var workers)
        {
            json.WriteStartObject("workflows");
            json.WriteNumber("connectedWorkers", workers);
            json.WriteEndObject();
        }
        json.WriteEndObject();
    }

    private static void WriteSubscriptions(Utf8JsonWriter json, AppInstance app)
    {
        var subscriptions = app.AllSubscriptions().ToList();
        if (subscriptions.Count == 0) return;
        json.WriteStartArray("subscriptions");
        foreach (var subscription in subscriptions)
        {
            json.WriteStartObject();
            json.WriteString("pubsubname", subscription.PubSubName);
            json.WriteString("topic", subscription.Topic);
            if (subscription.Metadata.Count > 0) TextMap(json, "metadata", subscription.Metadata);
            json.WriteStartArray("rules");
            foreach (var rule in subscription.Routes)
            {
                json.WriteStartObject();
                if (rule.Match.Length > 0) json.WriteString("match", rule.Match);
                json.WriteString("path", rule.Path);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteString("deadLetterTopic", subscription.DeadLetterTopic);
            json.WriteString("type", subscription.Source.ToString().ToUpperInvariant());
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    private void WriteActors(Utf8JsonWriter json, string name, AppInstance app)
    {
        var actors = Actors(app).ToList();
        if (actors.Count == 0) return;
        json.WriteStartArray(name);
        foreach (var (type, count) in actors)
        {
            json.WriteStartObject();
            json.WriteString("type", type);
            if (count > 0) json.WriteNumber("count", count);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    private IEnumerable<(string Type, int Count)> Actors(AppInstance app)
    {
        foreach (var type in app.Actors.Types.Keys.Order(StringComparer.Ordinal)) yield return (type, sidecar.Actors.ActiveCount(app, type));
        if (app.App.ConnectedWorkflowWorkers() == 0) yield break;
        foreach (var kind in (string[])["activity", "retentioner", "workflow"]) yield return ($"dapr.internal.{app.App.Namespace}.{app.AppId}.{kind}", 0);
    }

    private static IEnumerable<(string Name, string Type, string Version, IReadOnlyList<string> Capabilities)> Components(AppInstance app) =>
        app.Components.PubSubs.Values.Select(static b => (b.Name, "pubsub.in-memory", "v1", (IReadOnlyList<string>)["SUBSCRIBE_WILDCARDS"]))
            .Concat(app.Components.StateStores.Values.Select(static s => (s.Name, s.Resource.Type, s.Resource.Version, s.Capabilities)))
            .OrderBy(static c => c.Item1, StringComparer.Ordinal);

    private static IEnumerable<string> Features(AppInstance app) => app.Components.Configuration.Features.Where(static f => f.Value).Select(static f => f.Key);

    private static string Status(AppInstance app) => app.Components.ActorStore is null ? "DISABLED" : app.IsReady ? "RUNNING" : "INITIALIZING";

    private static string Placement(AppInstance app) => app.Components.ActorStore is null ? "placement: disconnected" : "placement: connected";

    // The reminders are kept by this process.
    private static IEnumerable<string> Scheduler(AppInstance app) => app.Components.ActorStore is null ? [] : [$"127.0.0.1:{app.Options.DaprGrpcPort}"];

    private static string Protocol(AppInstance app) => app.Options.AppProtocol == AppProtocol.Grpc ? "grpc" : "http";

    private static void Texts(Utf8JsonWriter json, string name, IEnumerable<string> values)
    {
        json.WriteStartArray(name);
        foreach (var value in values) json.WriteStringValue(value);
        json.WriteEndArray();
    }

    private static void TextMap(Utf8JsonWriter json, string name, IEnumerable<KeyValuePair<string, string>> values)
    {
        json.WriteStartObject(name);
        foreach (var (key, value) in values) json.WriteString(key, value);
        json.WriteEndObject();
    }
}
