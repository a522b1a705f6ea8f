using Danube.Dapr.LocalSidecar.PubSub;
using Danube.Dapr.LocalSidecar.Resiliency;

namespace Danube.Dapr.LocalSidecar.Components;

/// <summary>Reads the <c>*.yaml</c> and <c>*.yml</c> files of resource folders, not their subfolders.</summary>
internal static partial class ResourceLoader
{
    /// <exception cref="ResourceException">A file cannot be used.</exception>
    public static Resources Load(IReadOnlyList<string> folders, ILogger logger)
    {
        var components = new List<ComponentResource>();
        var resiliencies = new List<ResiliencyResource>();
        var subscriptions = new List<SubscriptionResource>();
        foreach (var folder in folders)
        {
            if (!Directory.Exists(folder)) throw new ResourceException(folder, "resources-path", "this folder does not exist");
            foreach (var file in Directory.EnumerateFiles(folder).Where(static f => f.EndsWith(".yaml", StringComparison.Ordinal) || f.EndsWith(".yml", StringComparison.Ordinal)).Order(StringComparer.Ordinal))
            {
                foreach (var document in YamlFields.Documents(file, File.ReadAllText(file)))
                {
                    switch (document.RequiredText("kind"))
                    {
                        case "Component": components.Add(Component(document)); break;
                        case "Resiliency": resiliencies.Add(ResiliencyReader.Read(document, logger)); break;
                        case "Subscription": subscriptions.Add(Subscription(document)); break;
                        case var kind: Ignored(logger, file, kind); break;
                    }
                }
            }
        }
        foreach (var twice in components.GroupBy(static c => c.Name, StringComparer.Ordinal).Where(static g => g.Count() > 1))
        {
            // Two components may share a name when no app can see both.
            var all = twice.ToList();
            if (all.Any(static c => c.Scopes.Count == 0) || all.SelectMany(static c => c.Scopes).GroupBy(static s => s, StringComparer.Ordinal).Any(static g => g.Count() > 1))
                throw new ResourceException(all[^1].Spec.File, "metadata.name", $"another component of {all[0].Spec.File} has the name '{twice.Key}' too");
        }
        return new Resources(components, resiliencies, subscriptions);
    }

    private static ComponentResource Component(YamlFields document)
    {
        var name = document.RequiredMapping("metadata").RequiredText("name");
        var spec = document.RequiredMapping("spec");
        var fields = new Dictionary<string, ComponentField>(StringComparer.OrdinalIgnoreCase);
        foreach (var item in spec.Mappings("metadata"))
        {
            var field = item.RequiredText("name");
            if (item.Mapping("secretKeyRef") is not null)
                throw item.Wrong("secretKeyRef", "secret stores are not available here; give a value or an envRef");
            var value = item.Text("envRef") is { Length: > 0 } variable
                ? Environment.GetEnvironmentVariable(variable) ?? throw item.Wrong("envRef", $"the environment variable '{variable}' is not set")
                : item.Text("value") ?? "";
            if (!fields.TryAdd(field, new ComponentField(value, item))) throw item.Wrong("name", $"'{field}' is given twice");
        }
        return new ComponentResource(name, spec.RequiredText("type"), spec.Text("version") ?? "v1", spec, fields, spec.Boolean("ignoreErrors") ?? false, document.Texts("scopes"));
    }

    private static SubscriptionResource Subscription(YamlFields document)
    {
        var spec = document.RequiredMapping("spec");
        var rules = new List<RoutingRule>();
        if (spec.Mapping("routes") is { } routes)
        {
            foreach (var rule in routes.Mappings("rules"))
            {
                var match = rule.Text("match") ?? "";
                if (!RouteExpression.TryParse(match, out var expression, out var problem)) throw rule.Wrong("match", problem);
                rules.Add(new RoutingRule(match, expression, rule.RequiredText("path")));
            }
            if (routes.Text("default") is { Length: > 0 } fallback) rules.Add(new RoutingRule("", null, fallback));
        }
        else
        {
            rules.Add(new RoutingRule("", null, spec.Text("route") is { Length: > 0 } route ? route : throw spec.Wrong("routes", "is missing")));
        }
        var bulk = spec.Mapping("bulkSubscribe");
        return new SubscriptionResource(
            new Subscription(spec.RequiredText("pubsubname"), spec.RequiredText("topic"), rules, spec.Text("deadLetterTopic") ?? "", spec.TextMap("metadata"),
                bulk?.Boolean("enabled") == true ? new BulkOptions(bulk.Integer("maxMessagesCount") ?? 100, bulk.Integer("maxAwaitDurationMs") ?? 1000) : null, SubscriptionSource.Declarative),
            document.Texts("scopes"));
    }

    [LoggerMessage(LogLevel.Warning, "{file}: a {kind} has no effect here")]
    private static partial void Ignored(ILogger logger, string file, string kind);
}
