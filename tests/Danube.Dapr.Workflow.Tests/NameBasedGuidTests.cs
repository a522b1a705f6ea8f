using Danube.Dapr.Workflow.Engine;

namespace Danube.Dapr.Workflow.Tests;

public sealed class NameBasedGuidTests
{
    [Fact]
    public void Guid_OfAName_IsVersion5AndNeverChanges()
    {
        Guid guid = NameBasedGuid.Create("a");

        Assert.Equal(5, guid.Version);
        Assert.InRange(guid.Variant, 8, 11);
        Assert.Equal(guid, NameBasedGuid.Create("a"));
        Assert.NotEqual(guid, NameBasedGuid.Create("b"));
    }
}
