namespace Danube.Dapr.BrokerClient.Tests;

public sealed class OutcomeTests
{
    [Theory]
    [InlineData("Unable to create the topic /default/orders-1 due to code: '..', message: \"Topic '/default/orders-1' already exists\"", CreateTopicOutcome.AlreadyExists)]
    [InlineData("... message: \"Cannot create topic '/default/order': partitioned topics with this base name already exist (found 6 partitions).\"", CreateTopicOutcome.PrefixOfExisting)]
    [InlineData("... message: \"Unable to find the namespace nope, the topic can be created only for an exisiting namespace\"", CreateTopicOutcome.NamespaceMissing)]
    [InlineData("The topic: x has an invalid format, should be: /namespace_name/topic_name", CreateTopicOutcome.Refused)]
    public void CreateTopic_DanubesWords_AreToldApart(string detail, CreateTopicOutcome expected) =>
        Assert.Equal(expected, DanubeCluster.WhyNotCreated(detail));

    [Theory]
    [InlineData("Unable to delete the topic /default/x-part-1 due to Cannot delete individual partition '/default/x-part-1'.", DeleteTopicOutcome.IsPartition)]
    [InlineData("Unable to delete the topic /default/x due to Unable to find topic", DeleteTopicOutcome.NotFound)]
    [InlineData("something else", DeleteTopicOutcome.Refused)]
    public void DeleteTopic_DanubesWords_AreToldApart(string detail, DeleteTopicOutcome expected) =>
        Assert.Equal(expected, DanubeCluster.WhyNotDeleted(detail));
}
