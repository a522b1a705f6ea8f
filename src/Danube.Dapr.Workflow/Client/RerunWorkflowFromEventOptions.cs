namespace Danube.Dapr.Workflow.Client;

/// <summary>How an instance is run again from one of its steps.</summary>
public sealed class RerunWorkflowFromEventOptions
{
    /// <summary>The id of the new instance; default a new one.</summary>
    public string? NewInstanceId { get; set; }

    /// <summary>Another input for that step; needs <see cref="OverwriteInput"/>.</summary>
    public object? Input { get; set; }

    /// <summary>Whether <see cref="Input"/> replaces the input of that step.</summary>
    public bool OverwriteInput { get; set; }
}
