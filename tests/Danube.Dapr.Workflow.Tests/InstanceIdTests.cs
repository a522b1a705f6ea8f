using Danube.Dapr.Workflow.Engine;

namespace Danube.Dapr.Workflow.Tests;

public sealed class InstanceIdTests
{
    [Theory]
    [InlineData("plan-2026-03-01_7")]
    [InlineData("a")]
    [InlineData("parent:0001")]
    [InlineData("v1.2")]
    public void Id_OfSafeCharacters_IsTaken(string id) => InstanceIds.Check(id, "id");

    [Theory]
    [InlineData("")]
    [InlineData("a/b")]
    [InlineData("a\\b")]
    [InlineData("a#b")]
    [InlineData("a?b")]
    [InlineData("a||b")]
    [InlineData("a::b")]
    [InlineData("a b")]
    [InlineData("ä")]
    [InlineData("a@b")]
    public void Id_ThatWouldPoisonTheSidecar_IsRefused(string id) => Assert.Throws<ArgumentException>(() => InstanceIds.Check(id, "id"));

    [Fact]
    public void Id_OfTooManyCharacters_IsRefused()
    {
        InstanceIds.Check(new string('a', InstanceIds.MaxLength), "id");
        Assert.Throws<ArgumentException>(() => InstanceIds.Check(new string('a', InstanceIds.MaxLength + 1), "id"));
    }
}
