namespace Danube.Dapr.Workflow.Abstractions;

/// <summary>The name of a workflow or an activity.</summary>
/// <param name="Name">The registered name.</param>
public readonly record struct TaskIdentifier(string Name)
{
    /// <summary>Wraps a name.</summary>
    /// <param name="name">The registered name.</param>
    public static implicit operator TaskIdentifier(string name) => new(name);

    /// <summary>Unwraps the name.</summary>
    /// <param name="identifier">The identifier.</param>
    public static implicit operator string(TaskIdentifier identifier) => identifier.Name;

    /// <summary>Returns the name.</summary>
    public override string ToString() => Name;
}
