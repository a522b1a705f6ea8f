using System.Globalization;
using Danube.Dapr.Cli.Up;
using Danube.Dapr.Contracts;

namespace Danube.Dapr.Architecture.Tests;

/// <summary>Services, ports and component names are the same in the code and in every file that starts them.</summary>
public sealed partial class TopologyTests
{
    private const int PortBase = 5100;

    /// <summary>What <c>./run</c> starts, with its ports.</summary>
    private static IReadOnlyList<ServiceEndpoint> Started => Topology.WithoutCheck(PortBase).Services;

    [Fact]
    public void Topology_Services_AreTheFoldersUnderServices() =>
        Assert.Equal(
            Directory.EnumerateDirectories(Path.Combine(Repository.Root, "services")).Select(Path.GetFileName).Order(StringComparer.Ordinal),
            Started.Select(s => s.AppId).Order(StringComparer.Ordinal));

    [Fact]
    public void Topology_Services_AreTheAppIdsOfTheContracts() =>
        Assert.Equal(DaprNames.Apps.All.Order(StringComparer.Ordinal), Started.Select(s => s.AppId).Order(StringComparer.Ordinal));

    [Fact]
    public void DaprYaml_Apps_AreThoseThatRunStarts()
    {
        var apps = Repository.Yaml("dapr.yaml")[0].At("apps").Items();
        Assert.Equal(Started.Count, apps.Count);
        foreach (var service in Started)
        {
            var app = Assert.Single(apps, a => a.Text("appID") == service.AppId);
            Assert.Equal($"./services/{service.AppId}", app.Text("appDirPath"));
            Assert.Equal(Text(service.AppPort), app.Text("appPort"));
            Assert.Equal(Text(service.DaprHttpPort), app.Text("daprHTTPPort"));
            Assert.Equal(Text(service.DaprGrpcPort), app.Text("daprGRPCPort"));
            Assert.Equal($"http://127.0.0.1:{service.AppPort}", app.Text("env", "ASPNETCORE_URLS"));
        }
    }

    [Fact]
    public void TyeYaml_Services_AreThoseThatRunStarts()
    {
        var tye = Repository.Yaml("tye.yaml")[0];
        var services = tye.At("services").Items();
        var extension = Assert.Single(tye.At("extensions").Items());
        Assert.Equal(Started.Count, services.Count);
        foreach (var service in Started)
        {
            var entry = Assert.Single(services, s => s.Text("name") == service.AppId);
            Assert.True(File.Exists(Path.Combine(Repository.Root, entry.Text("project")!)), entry.Text("project"));
            Assert.Equal(Text(service.AppPort), Assert.Single(entry.At("bindings").Items()).Text("port"));
            Assert.Equal(service.AppId, extension.Text("services", service.AppId, "app-id"));
            Assert.Equal(Text(service.DaprHttpPort), extension.Text("services", service.AppId, "http-port"));
            Assert.Equal(Text(service.DaprGrpcPort), extension.Text("services", service.AppId, "grpc-port"));
        }
        Assert.True(Directory.Exists(Path.Combine(Repository.Root, extension.Text("components-path")!)));
    }

    [Fact]
    public void DaprYaml_ResourceFolders_Exist()
    {
        var common = Repository.Yaml("dapr.yaml")[0].At("common")!;
        Assert.All(common.At("resourcesPaths").Items(), p => Assert.True(Directory.Exists(Path.Combine(Repository.Root, ((YamlDotNet.RepresentationModel.YamlScalarNode)p).Value!))));
        Assert.True(File.Exists(Path.Combine(Repository.Root, common.Text("configFilePath")!)));
    }

    [Theory]
    [InlineData("local")]
    [InlineData("memory")]
    [InlineData("etcd")]
    [InlineData("dapr")]
    public void ComponentSet_Names_AreThoseOfTheContracts(string set)
    {
        var store = Assert.Single(Repository.Yaml($"components/{set}/statestore.yaml"));
        var pubsub = Assert.Single(Repository.Yaml($"components/{set}/pubsub.yaml"));
        Assert.Equal(DaprNames.StateStore, store.Text("metadata", "name"));
        Assert.Equal(DaprNames.PubSub, pubsub.Text("metadata", "name"));
        Assert.Contains(store.At("spec", "metadata").Items(), m => m.Text("name") == "actorStateStore" && m.Text("value") == "true");
        foreach (var component in new[] { store, pubsub })
            Assert.All(component.At("scopes").Items(), s => Assert.Contains(((YamlDotNet.RepresentationModel.YamlScalarNode)s).Value!, DaprNames.Apps.All));
    }

    [Fact]
    public void ComponentSets_Resiliency_IsTheSameInAll()
    {
        var copies = Repository.Files("components", "resiliency.yaml").Select(File.ReadAllText).ToArray();
        Assert.Equal(4, copies.Length);
        Assert.Single(copies.Distinct());
    }

    [Fact]
    public void Kubernetes_Deployments_AreThoseThatRunStarts()
    {
        foreach (var service in Started)
        {
            var deployment = Repository.Yaml($"k8s/base/{service.AppId}.yaml")[0];
            Assert.Equal(service.AppId, deployment.Text("metadata", "name"));
            Assert.Equal(service.AppId, deployment.Text("spec", "template", "metadata", "annotations", "dapr.io/app-id"));
            // A token that only one of the two knows would refuse every call.
            var pod = deployment.At("spec", "template", "spec")!;
            var asks = pod.At("containers").Items().Single().At("env").Items().Any(e => e.Text("name") == "APP_API_TOKEN");
            Assert.Equal(asks, deployment.At("spec", "template", "metadata", "annotations", "dapr.io/app-token-secret") is not null);
            Assert.Equal("danube-dapr", pod.Text("serviceAccountName"));
        }
        Assert.Equal(DaprNames.StateStore, Repository.Yaml("k8s/dapr/statestore.yaml")[0].Text("metadata", "name"));
        Assert.Equal(DaprNames.PubSub, Repository.Yaml("k8s/dapr/pubsub.yaml")[0].Text("metadata", "name"));
        Assert.Equal(Repository.Read("components/dapr/resiliency.yaml"), Repository.Read("k8s/dapr/resiliency.yaml"));
    }

    [Fact]
    public void Kubernetes_NodeAgents_MeasureTheirNodeAndLeaveTheRestToTheCentralCollector()
    {
        var agent = Assert.Single(Repository.Yaml("k8s/node-agents/metrics-agent.yaml"));
        var pod = agent.At("spec", "template", "spec")!;
        var container = Assert.Single(pod.At("containers").Items());
        Assert.Equal(("true", "danube-dapr"), (pod.Text("hostPID"), pod.Text("serviceAccountName")));
        Assert.Equal(("local", "false", "/host"), (Setting(container, "Collector__Scope"), Setting(container, "Collector__ClusterReports"), Setting(container, "Collector__HostRoot")));
        Assert.All(container.At("volumeMounts").Items().Where(m => m.Text("name") != "tmp"), m => Assert.Equal(($"/host/{m.Text("name")}", "true"), (m.Text("mountPath"), m.Text("readOnly"))));

        // Calls of metrics-collector must not end at an agent, and the agent must be allowed to publish.
        var appId = agent.Text("spec", "template", "metadata", "annotations", "dapr.io/app-id")!;
        Assert.DoesNotContain(appId, DaprNames.Apps.All);
        var patches = Repository.Yaml("k8s/node-agents/kustomization.yaml")[0].At("patches").Items();
        Assert.Contains(patches, p => p.Text("target", "name") == DaprNames.Apps.MetricsCollector && p.Text("patch")!.Contains("{ name: Collector__Scope, value: none }", StringComparison.Ordinal));
        Assert.Contains(patches, p => p.Text("target", "name") == DaprNames.PubSub && p.Text("patch")!.Contains($"value: {appId}", StringComparison.Ordinal));

        // Whatever the services' pods have besides, the same image needs here too.
        var central = Repository.Yaml("k8s/base/metrics-collector.yaml")[0].At("spec", "template", "spec", "containers").Items().Single();
        Assert.Equal(central.Text("image"), container.Text("image"));
        Assert.Subset(container.At("env").Items().Select(e => e.Text("name")).ToHashSet(), central.At("env").Items().Select(e => e.Text("name")).ToHashSet());
    }

    private static string? Setting(YamlDotNet.RepresentationModel.YamlNode container, string name) =>
        container.At("env").Items().Single(e => e.Text("name") == name).Text("value");

    [Fact]
    public void EtcdComponent_Schema_IsTheOneThatActorsCanRead() =>
        Assert.All((string[])["components/etcd/statestore.yaml", "k8s/dapr/statestore.yaml"], file => Assert.Equal("v1", Repository.Yaml(file)[0].Text("spec", "version")));

    [Fact]
    public void Kubernetes_Secrets_AreThoseThatTheAccountMayRead()
    {
        var role = Repository.Yaml("k8s/base/access.yaml").Single(d => d.Text("kind") == "Role");
        var allowed = role.At("rules").Items().SelectMany(r => r.At("resourceNames").Items()).Select(n => ((YamlDotNet.RepresentationModel.YamlScalarNode)n).Value);
        var named = Repository.Files("k8s", "*.yaml").SelectMany(f => SecretName().Matches(File.ReadAllText(f))).Select(m => m.Groups[1].Value).Distinct();
        Assert.Equal(named.Order(StringComparer.Ordinal), allowed.Order(StringComparer.Ordinal));
    }

    [System.Text.RegularExpressions.GeneratedRegex(@"(?:secretKeyRef: \{ name: |dapr\.io/app-token-secret: )([\w-]+)")]
    private static partial System.Text.RegularExpressions.Regex SecretName();

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
