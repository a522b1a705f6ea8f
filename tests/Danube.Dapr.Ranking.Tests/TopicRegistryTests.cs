using Danube.Dapr.Ranking.View;
using static Danube.Dapr.Ranking.Tests.Reports;

namespace Danube.Dapr.Ranking.Tests;

public sealed class TopicRegistryTests
{
    [Fact]
    public void See_NewTopicAmongMany_DirtiesOneChunk()
    {
        var topics = new TopicRegistry();
        for (var i = 0; i < 10 * TopicRegistry.ChunkSize; i++)
            topics.See($"/default/t{i}", At(0));
        topics.Saved(topics.Dirty.ToArray());

        topics.See("/default/new", At(5));
        topics.See("/default/t3", At(5));

        Assert.Equal([10], topics.Dirty);
        Assert.Equal("/default/new", topics.Chunk(10).Single().Name);
    }

    [Fact]
    public void Load_StoredChunks_KeepsTheFirstTimes()
    {
        var before = new TopicRegistry();
        before.See("/default/a", At(0));
        var after = new TopicRegistry();
        after.Load(before.Chunk(0), At(100));

        after.See("/default/a", At(100));

        Assert.Equal(At(0), after.FirstSeen("/default/a"));
        Assert.Empty(after.Dirty);
    }

    [Fact]
    public void See_BeforeItWasSeenFirst_IsSeenFirstThen()
    {
        var topics = new TopicRegistry();
        topics.See(Topic("/default/a", bytes: 1), At(3600));
        topics.Saved([0]);

        topics.See(Topic("/default/a", bytes: 2), At(0));

        Assert.Equal(At(0), topics.FirstSeen("/default/a"));
        Assert.Equal(At(0), topics.Chunk(0).Single().FirstSeen);
        Assert.Equal([0], topics.Dirty);
        Assert.Equal(2, topics.Rates("/default/a", At(0))!.BytesInPerSecond);
    }

    [Fact]
    public void Forget_TopicNotSeenAgain_LeavesItsChunk()
    {
        var topics = new TopicRegistry();
        topics.See("/default/old", At(0));
        topics.See("/default/kept", At(0));
        topics.Saved([0]);
        topics.See("/default/kept", At(100));

        topics.Forget(At(50));

        Assert.Null(topics.FirstSeen("/default/old"));
        Assert.Equal("/default/kept", topics.Chunk(0).Single().Name);
        Assert.Equal([0], topics.Dirty);
    }

    [Fact]
    public void See_AfterForgetting_FillsHalfEmptyChunksAgain()
    {
        var topics = new TopicRegistry();
        for (var i = 0; i < 2 * TopicRegistry.ChunkSize; i++)
            topics.See($"/default/t{i}", At(i < TopicRegistry.ChunkSize ? 0 : 100));
        topics.Forget(At(50));

        topics.See("/default/new", At(100));

        Assert.Equal(2, topics.ChunkCount);
        Assert.Equal("/default/new", topics.Chunk(0).Single().Name);
    }

    [Fact]
    public void Rates_OlderThanTheLimit_AreNotGiven()
    {
        var topics = new TopicRegistry();
        topics.See(Topic("/default/a", bytes: 77), At(0));
        topics.See(Topic("/default/a", bytes: 0, ratesKnown: false), At(10));

        Assert.Equal(77, topics.Rates("/default/a", At(-5))!.BytesInPerSecond);
        Assert.Null(topics.Rates("/default/a", At(5)));
    }
}
