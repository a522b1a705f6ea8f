using Danube.Dapr.Contracts;
using Danube.Dapr.Ranking.View;
using static Danube.Dapr.Ranking.Tests.Reports;

namespace Danube.Dapr.Ranking.Tests;

public sealed class ReportInboxTests
{
    private readonly ReportInbox _inbox = new();

    [Fact]
    public void Offer_ReportSeenBefore_IsADuplicate()
    {
        var message = Message(Load("1", 7, 0, Topic("/default/a")));

        var first = _inbox.Offer(message);
        var second = _inbox.Offer(message);

        Assert.Equal(Intake.Accepted, first.Intake);
        Assert.Equal("/default/a", first.Report!.Topics.Single().Name);
        Assert.Equal(Intake.Duplicate, second.Intake);
        Assert.Null(second.Report);
    }

    [Fact]
    public void Offer_OlderReportAfterNewer_IsLate()
    {
        _inbox.Offer(Message(Load("1", 8, 10)));

        Assert.Equal(Intake.Late, _inbox.Offer(Message(Load("1", 7, 0))).Intake);
        Assert.Equal(Intake.Accepted, _inbox.Offer(Message(Load("2", 7, 0))).Intake);
    }

    [Fact]
    public void Offer_ChunkMissing_WaitsForIt()
    {
        var message = Message(Load("1", 7, 0));

        Assert.Equal(Intake.Partial, _inbox.Offer(message with { Chunk = 1, Chunks = 2 }).Intake);
        Assert.Equal(Intake.Duplicate, _inbox.Offer(message with { Chunk = 1, Chunks = 2 }).Intake);
    }

    [Fact]
    public void Offer_ChunksInAnyOrderAndTwice_MakeTheReportOnce()
    {
        var report = Load("1", 7, 0, [.. Enumerable.Range(0, 4_000).Select(i => Topic($"/default/{Guid.NewGuid()}"))]);
        var chunks = LoadReportCodec.Encode(report).Reverse().ToArray();
        Assert.True(chunks.Length > 1, "The report is meant to need several messages.");

        var taken = chunks.SelectMany(c => new[] { c, c }).Select(_inbox.Offer).ToArray();

        var accepted = Assert.Single(taken, t => t.Intake == Intake.Accepted);
        Assert.Equal(report.Topics.Select(t => t.Name).Order(), accepted.Report!.Topics.Select(t => t.Name).Order());
        Assert.Equal(chunks.Length - 1, taken.Count(t => t.Intake == Intake.Partial));
    }

    [Fact]
    public void Offer_NewerReportWhileChunksWait_MakesTheRestLate()
    {
        var chunk = Message(Load("1", 7, 0)) with { Chunks = 2 };
        _inbox.Offer(chunk);
        _inbox.Offer(Message(Load("1", 8, 10)));

        Assert.Equal(Intake.Late, _inbox.Offer(chunk with { Chunk = 1 }).Intake);
    }

    [Theory]
    [InlineData("", 0, 1, "names no broker")]
    [InlineData("1", 1, 1, "chunk 1 of 1")]
    [InlineData("1", -1, 1, "chunk -1 of 1")]
    [InlineData("1", 0, 0, "chunk 0 of 0")]
    [InlineData("1", 0, 1_001, "chunk 0 of 1001")]
    public void Offer_ContradictoryHead_IsInvalidAndNamed(string broker, int chunk, int chunks, string fault)
    {
        var message = Message(Load("1", 7, 0)) with { BrokerId = broker, Chunk = chunk, Chunks = chunks };

        var taken = _inbox.Offer(message);

        Assert.Equal(Intake.Invalid, taken.Intake);
        Assert.Contains(fault, taken.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void Offer_BodyOfAnotherBroker_IsInvalid()
    {
        var taken = _inbox.Offer(Message(Load("2", 7, 0)) with { BrokerId = "1" });

        Assert.Equal(Intake.Invalid, taken.Intake);
        Assert.Contains("broker 2", taken.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void Offer_UnreadableBody_IsInvalidAndTheNextReportIsTaken()
    {
        var broken = Message(Load("1", 7, 0)) with { Body = [1, 2, 3] };

        Assert.Equal(Intake.Invalid, _inbox.Offer(broken).Intake);
        Assert.Equal(Intake.Accepted, _inbox.Offer(Message(Load("1", 7, 0))).Intake);
    }
}
