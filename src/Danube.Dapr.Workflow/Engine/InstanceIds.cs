using System.Buffers;

namespace Danube.Dapr.Workflow.Engine;

/// <summary>
/// Which instance ids are safe. The sidecar takes any, but an empty one runs as such, '/', '\', '#' and '?' fail in its scheduler, and
/// '||' or '::' corrupt the keys that it builds from them.
/// </summary>
internal static class InstanceIds
{
    public const int MaxLength = 128;

    private static readonly SearchValues<char> Allowed =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.:");

    public static void Check(string instanceId, string parameterName)
    {
        ArgumentException.ThrowIfNullOrEmpty(instanceId, parameterName);
        if (instanceId.Length > MaxLength || instanceId.AsSpan().ContainsAnyExcept(Allowed) || instanceId.Contains("::", StringComparison.Ordinal))
        {
            throw new ArgumentException(
                $"The workflow instance id '{instanceId}' is not allowed: 1 to {MaxLength} letters (A-Z, a-z), digits, '_', '-', '.' or ':', without '::'.",
                parameterName);
        }
    }
}
