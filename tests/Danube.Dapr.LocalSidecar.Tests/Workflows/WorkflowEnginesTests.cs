using Danube.Dapr.LocalSidecar.State;
using Danube.Dapr.LocalSidecar.Workflows;
using Microsoft.Extensions.Logging.Abstractions;

namespace Danube.Dapr.LocalSidecar.Tests.Workflows;

public sealed class WorkflowEnginesTests
{
    [Fact]
    public async Task Engines_AreOnePerApp_AndFoundByAnyOfItsPorts()
    {
        var store = new InMemoryStateStore(TimeProvider.System);
        var (first, second, without) = (new AppRuntime("a", store, TimeProvider.System), new AppRuntime("b", store, TimeProvider.System), new AppRuntime("c", null, TimeProvider.System));
        var registry = new AppRegistry([new(1, first), new(2, first), new(3, second), new(4, without)]);

        await using var engines = new WorkflowEngines(registry, NullLoggerFactory.Instance);

        Assert.Same(engines.FromPort(1), engines.FromPort(2));
        Assert.Equal("b", engines.FromPort(3)!.AppId);
        Assert.Null(engines.FromPort(4));
        var worker = engines.FromPort(1)!.AttachWorker();
        Assert.Equal((1, 0), (first.ConnectedWorkflowWorkers(), second.ConnectedWorkflowWorkers()));
        engines.FromPort(1)!.DetachWorker(worker);
        Assert.Equal(0, first.ConnectedWorkflowWorkers());
    }
}
