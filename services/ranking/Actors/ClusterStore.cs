using System.Text.Json;
using Dapr.Actors.Runtime;
using Danube.Dapr.Ranking.View;

namespace Danube.Dapr.Ranking.Actors;

/// <summary>What the actor keeps in its state: one small value for what was told, and the topics' first times in chunks.</summary>
internal static class ClusterStore
{
    private const string MemoryKey = "memory";
    private const string ChunkCountKey = "topic-chunks";

    /// <summary>Chunks that are written in one transaction; stores limit its operations and bytes.</summary>
    private const int ChunksPerSave = 20;

    internal static async Task<(ClusterMemory Memory, TopicRegistry Topics)> LoadAsync(IActorStateManager state, DateTimeOffset now)
    {
        var memory = await state.TryGetStateAsync<JsonElement>(MemoryKey);
        var count = await state.TryGetStateAsync<int>(ChunkCountKey);
        var topics = new TopicRegistry();
        for (var i = 0; i < (count.HasValue ? count.Value : 0); i++)
        {
            var chunk = await state.TryGetStateAsync<JsonElement>(ChunkKey(i));
            topics.Load(chunk.HasValue ? chunk.Value.Deserialize(RankingJson.Default.IReadOnlyListTopicSeen) ?? [] : [], now);
        }

        return (memory.HasValue ? memory.Value.Deserialize(RankingJson.Default.ClusterMemory) ?? new ClusterMemory() : new ClusterMemory(), topics);
    }

    internal static async Task SaveAsync(IActorStateManager state, ClusterMemory memory)
    {
        await state.SetStateAsync(MemoryKey, JsonSerializer.SerializeToElement(memory, RankingJson.Default.ClusterMemory));
        await state.SaveStateAsync();
    }

    internal static async Task SaveAsync(IActorStateManager state, TopicRegistry topics)
    {
        foreach (var batch in topics.Dirty.Order().Chunk(ChunksPerSave))
        {
            foreach (var number in batch)
                await state.SetStateAsync(ChunkKey(number), JsonSerializer.SerializeToElement(topics.Chunk(number), RankingJson.Default.IReadOnlyListTopicSeen));
            await state.SetStateAsync(ChunkCountKey, topics.ChunkCount);
            await state.SaveStateAsync();
            topics.Saved(batch);
        }
    }

    private static string ChunkKey(int number) => $"topics-{number}";
}
