namespace Danube.Dapr.Workflow.Tests.Shape;

/// <summary>Changing to or from Dapr's own package is a change of one reference as long as this library has its shape.</summary>
public sealed class PublicShapeTests
{
    [Fact]
    public void PublicShape_BesideDaprWorkflow_DiffersOnlyAsListed()
    {
        string[] listed = File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "Shape", "dapr-workflow-1.19.0.txt"));
        string[] expected = [.. listed.Where(line => line.StartsWith("  ", StringComparison.Ordinal) || line.StartsWith("+ ", StringComparison.Ordinal)).Select(line => line[2..])];

        string[] actual = [.. PublicShape.Of(typeof(WorkflowContext).Assembly)];

        Assert.True(expected.Length > 150, "the list is not empty");
        Assert.True(
            expected.ToHashSet().SetEquals(actual),
            $"Not in the list: {string.Join("; ", actual.Except(expected))}. Only in the list: {string.Join("; ", expected.Except(actual))}.");
    }
}
