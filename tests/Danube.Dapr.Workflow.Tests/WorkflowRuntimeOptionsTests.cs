namespace Danube.Dapr.Workflow.Tests;

public sealed class WorkflowRuntimeOptionsTests
{
    [Fact]
    public void Name_ThatIsTaken_IsRefused()
    {
        var options = new WorkflowRuntimeOptions();
        options.RegisterActivity<string, string>("A", (_, s) => Task.FromResult(s));
        options.RegisterWorkflow<string, string>("A", (_, s) => Task.FromResult(s));

        var e = Assert.Throws<ArgumentException>(() => options.RegisterActivity<string, string>("A", (_, s) => Task.FromResult(s)));
        Assert.Contains("activity name 'A' is already registered", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Limits_OutOfRange_AreRefused()
    {
        var options = new WorkflowRuntimeOptions();

        Assert.Throws<ArgumentOutOfRangeException>(() => options.MaxConcurrentWorkflows = 0);
        Assert.Throws<ArgumentOutOfRangeException>(() => options.MaxConcurrentActivities = 0);
        Assert.Throws<ArgumentOutOfRangeException>(() => options.MaxPayloadBytes = 10);
        Assert.Throws<ArgumentOutOfRangeException>(() => options.MaxTurnBytes = 10);
        Assert.Throws<ArgumentOutOfRangeException>(() => options.DrainTimeout = TimeSpan.FromSeconds(-1));
    }
}
