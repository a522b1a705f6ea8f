using Danube.Dapr.LocalSidecar.Resiliency;

namespace Danube.Dapr.LocalSidecar.Components;

/// <summary>What the files of the resource folders say.</summary>
internal sealed record Resources(
    IReadOnlyList<ComponentResource> Components,
    IReadOnlyList<ResiliencyResource> Resiliencies,
    IReadOnlyList<SubscriptionResource> Subscriptions);

/// <summary>A <c>Component</c>.</summary>
/// <param name="Spec">The file's <c>spec</c>, for complaints that name a field.</param>
/// <param name="Metadata">The items of <c>spec.metadata</c>; names are not case-sensitive.</param>
internal sealed record ComponentResource(string Name, string Type, string Version, YamlFields Spec, IReadOnlyDictionary<string, ComponentField> Metadata, bool IgnoreErrors, IReadOnlyList<string> Scopes)
{
    public bool MayBeUsedBy(string appId) => Scopes.Count == 0 || Scopes.Contains(appId, StringComparer.Ordinal);
}

/// <summary>One item of <c>spec.metadata</c>.</summary>
internal sealed record ComponentField(string Value, YamlFields Fields);

/// <summary>A <c>Subscription</c>, both versions.</summary>
internal sealed record SubscriptionResource(PubSub.Subscription Subscription, IReadOnlyList<string> Scopes)
{
    public bool MayBeUsedBy(string appId) => Scopes.Count == 0 || Scopes.Contains(appId, StringComparer.Ordinal);
}
