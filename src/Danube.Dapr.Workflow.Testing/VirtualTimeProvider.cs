namespace Danube.Dapr.Workflow.Testing;

/// <summary>A clock that stands still until it is set.</summary>
internal sealed class VirtualTimeProvider(DateTimeOffset start) : TimeProvider
{
    private DateTimeOffset _now = start;

    public override DateTimeOffset GetUtcNow() => _now;

    public void Set(DateTimeOffset now) => _now = now;
}
