using System.Globalization;
using System.Text.RegularExpressions;
using Danube.Dapr.LocalSidecar.Names;
using Danube.Dapr.LocalSidecar.Workflows;

namespace Danube.Dapr.LocalSidecar.Components;

/// <summary>What <c>Configuration</c> files say, as far as it has an effect here.</summary>
/// <param name="SamplingRate">The share of traces that is recorded, 0 to 1, or null when it is not given.</param>
/// <param name="ZipkinEndpoint">Where spans go, or null.</param>
/// <param name="Features">Feature flags by name.</param>
/// <param name="Retention">How long finished workflows stay.</param>
/// <param name="Names">The file in which sidecars find each other, or null when none is given.</param>
internal sealed partial record ConfigurationResource(double? SamplingRate, Uri? ZipkinEndpoint, IReadOnlyDictionary<string, bool> Features, WorkflowRetention Retention, NameResolution? Names)
{
    public bool IsEnabled(string feature) => Features.TryGetValue(feature, out var enabled) && enabled;

    /// <exception cref="ResourceException">A file cannot be used.</exception>
    public static ConfigurationResource Load(IReadOnlyList<string> files)
    {
        double? rate = null;
        Uri? zipkin = null;
        NameResolution? names = null;
        var retention = new WorkflowRetention();
        var features = new Dictionary<string, bool>(StringComparer.Ordinal) { ["HotReload"] = true, ["WorkflowsRemoteActivityReminder"] = true };
        foreach (var file in files)
        {
            if (!File.Exists(file)) throw new ResourceException(file, "config", "this file does not exist");
            var text = Variable().Replace(File.ReadAllText(file), static m => Environment.GetEnvironmentVariable(m.Groups[1].Value) ?? "");
            foreach (var document in YamlFields.Documents(file, text))
            {
                if (document.RequiredText("kind") != "Configuration") throw document.Wrong("kind", "'Configuration' is expected");
                var spec = document.Mapping("spec");
                if (spec?.Mapping("tracing") is { } tracing)
                {
                    if (tracing.Text("samplingRate") is { Length: > 0 } given)
                    {
                        rate = double.TryParse(given, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && value is >= 0 and <= 1
                            ? value : throw tracing.Wrong("samplingRate", $"'{given}' is not a number from 0 to 1");
                    }
                    if (tracing.Mapping("zipkin")?.Text("endpointAddress") is { Length: > 0 } address)
                    {
                        zipkin = Uri.TryCreate(address, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https"
                            ? uri : throw tracing.Wrong("zipkin.endpointAddress", $"'{address}' is not a URL such as http://localhost:9411/api/v2/spans");
                    }
                }
                if (spec?.Mapping("workflow")?.Mapping("stateRetentionPolicy") is { } policy)
                    retention = new WorkflowRetention(policy.Duration("anyTerminal"), policy.Duration("completed"), policy.Duration("failed"), policy.Duration("terminated"));
                if (spec?.Mapping("nameResolution") is { } resolution) names = NameResolution.Read(resolution);
                foreach (var feature in spec?.Mappings("features") ?? []) features[feature.RequiredText("name")] = feature.Boolean("enabled") ?? false;
            }
        }
        return new ConfigurationResource(rate, zipkin, features, retention, names);
    }

    [GeneratedRegex(@"\$\{(\w+)\}")]
    private static partial Regex Variable();
}
