namespace Danube.Dapr.LocalSidecar.Components;

/// <summary>A resource file cannot be used. The message names file and field.</summary>
public sealed class ResourceException(string file, string field, string problem) : Exception($"{file}: {field}: {problem}");
