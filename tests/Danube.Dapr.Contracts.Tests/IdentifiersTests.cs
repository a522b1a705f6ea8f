namespace Danube.Dapr.Contracts.Tests;

public sealed class IdentifiersTests
{
    [Theory]
    [InlineData("0", true)]
    [InlineData("18446744073709551615", true)]
    [InlineData("18446744073709551616", false)]
    [InlineData("-1", false)]
    [InlineData(" 1", false)]
    [InlineData("", false)]
    [InlineData(null, false)]
    public void Broker_Id_IsADecimalNumberOf64Bits(string? id, bool expected) => Assert.Equal(expected, Identifiers.IsBroker(id));

    [Theory]
    [InlineData("/default/orders_2-a", true)]
    [InlineData("/münchen/straße", true)]
    [InlineData("/default/orders\n", false)]
    [InlineData("/default/a.b", false)]
    [InlineData("/default", false)]
    [InlineData("default/a", false)]
    [InlineData("/default/a/b", false)]
    [InlineData(null, false)]
    public void Topic_Name_HasTwoParts(string? name, bool expected) => Assert.Equal(expected, Identifiers.IsTopic(name));

    [Theory]
    [InlineData("p-0123456789abcdef", true)]
    [InlineData("operator-0190a5b6c7d87e9fa0b1c2d3e4f50617", true)]
    [InlineData("a/b", false)]
    [InlineData("a:b", false)]
    [InlineData("", false)]
    public void Plan_Id_IsOneWord(string id, bool expected) => Assert.Equal(expected, Identifiers.IsPlan(id));

    [Theory]
    [InlineData("p-1:/default/a")]
    [InlineData("p-1:default/a")]
    [InlineData("p-1:%2Fdefault%2fa")]
    public void Move_Id_IsTakenApartInEveryFormOfItsSlashes(string text)
    {
        Assert.True(MoveRecord.TryParseId(text, out var plan, out var topic));
        Assert.Equal(("p-1", "/default/a", "p-1:/default/a"), (plan, topic, MoveRecord.IdOf(plan, topic)));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("p-1")]
    [InlineData(":/default/a")]
    [InlineData("p-1:/default")]
    public void Move_IdThatIsNone_IsNotTaken(string? text) => Assert.False(MoveRecord.TryParseId(text, out _, out _));
}
