using Danube.Dapr.Contracts;
using Danube.Dapr.Ranking.View;
using static Danube.Dapr.Ranking.Tests.Reports;

namespace Danube.Dapr.Ranking.Tests;

public sealed class ReportInboxTests
{
    private readonly ReportInbox _inbox = new(TimeSpan.FromSeconds(90));

    [Fact]
    public void Offer_ReportSeenBefore_IsADuplicate()
    {
        var message = Message(Load("1", 7, 0, Topic("/default/a")));

        var first = Offer(message);
        var second = Offer(message);

        Assert.Equal(Intake.Accepted, first.Intake);
        Assert.Equal("/default/a", first.Report!.Topics.Single().Name);
        Assert.Equal(Intake.Duplicate, second.Intake);
        Assert.Null(second.Report);
    }

    [Fact]
    public void Offer_OlderReportAfterNewer_IsLate()
    {
        Offer(Message(Load("1", 8, 10)));

        Assert.Equal(Intake.Late, Offer(Message(Load("1", 7, 0))).Intake);
        Assert.Equal(Intake.Accepted, Offer(Message(Load("2", 7, 0))).Intake);
    }

    [Fact]
    public void Offer_ChunkMissing_WaitsForIt()
    {
        var message = Message(Load("1", 7, 0));

        Assert.Equal(Intake.Partial, Offer(message with { Chunk = 1, Chunks = 2 }).Intake);
        Assert.Equal(Intake.Duplicate, Offer(message with { Chunk = 1, Chunks = 2 }).Intake);
    }

    [Fact]
    public void Offer_ChunksInAnyOrderAndTwice_MakeTheReportOnce()
    {
        var report = Load("1", 7, 0, [.. Enumerable.Range(0, 4_000).Select(i => Topic($"/default/{Guid.NewGuid()}"))]);
        var chunks = LoadReportCodec.Encode(report).Reverse().ToArray();
        Assert.True(chunks.Length > 1, "The report is meant to need several messages.");

        var taken = chunks.SelectMany(c => new[] { c, c }).Select(m => Offer(m)).ToArray();

        var accepted = Assert.Single(taken, t => t.Intake == Intake.Accepted);
        Assert.Equal(report.Topics.Select(t => t.Name).Order(), accepted.Report!.Topics.Select(t => t.Name).Order());
        Assert.Equal(chunks.Length - 1, taken.Count(t => t.Intake == Intake.Partial));
    }

    [Fact]
    public void Offer_NewerReportWhileChunksWait_MakesTheRestLate()
    {
        var chunk = Message(Load("1", 7, 0)) with { Chunks = 2 };
        Offer(chunk);
        Offer(Message(Load("1", 8, 10)));

        Assert.Equal(Intake.Late, Offer(chunk with { Chunk = 1 }).Intake);
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

        var taken = Offer(message);

        Assert.Equal(Intake.Invalid, taken.Intake);
        Assert.Contains(fault, taken.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void Offer_BodyOfAnotherBroker_IsInvalid()
    {
        var taken = Offer(Message(Load("2", 7, 0)) with { BrokerId = "1" });

        Assert.Equal(Intake.Invalid, taken.Intake);
        Assert.Contains("broker 2", taken.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void Offer_UnreadableBody_IsInvalidAndTheNextReportIsTaken()
    {
        var broken = Message(Load("1", 7, 0)) with { Body = [1, 2, 3] };

        Assert.Equal(Intake.Invalid, Offer(broken).Intake);
        Assert.Equal(Intake.Accepted, Offer(Message(Load("1", 7, 0))).Intake);
    }

    [Fact]
    public void Offer_ReportWhoseNamesDidNotCome_IsLeftOutUntilAFullOne()
    {
        var writer = new LoadReportWriter(10);
        var full = Send(writer, Large(1, 0));
        var second = Send(writer, Large(2, 30)).Single();
        var fourth = Send(writer, Large(4, 90)).Single();

        Assert.Equal(Intake.UnknownNames, Offer(second).Intake);
        Assert.Equal(Intake.UnknownNames, Offer(second).Intake);
        Assert.Contains("topic names of broker 1", _inbox.Lack(), StringComparison.Ordinal);
        writer.AskFull();
        var asked = Send(writer, Large(3, 60));
        Assert.Equal([Intake.Partial, Intake.Accepted], asked.Select(m => Offer(m, 0).Intake));

        Assert.Null(_inbox.Lack());
        Assert.Equal(1_500, Offer(fourth).Report!.Topics.Count);
        Assert.Equal(Intake.Late, Offer(second).Intake);
        Assert.All(full, m => Assert.Equal(Intake.Late, Offer(m).Intake));
    }

    [Fact]
    public void Offer_FullReportAfterOneThatRefersToIt_IsTaken()
    {
        var writer = new LoadReportWriter(10);
        var full = Send(writer, Large(1, 0));
        var second = Send(writer, Large(2, 30)).Single();
        Assert.Equal(Intake.UnknownNames, Offer(second).Intake);

        Assert.Equal([Intake.Partial, Intake.Accepted], full.Select(m => Offer(m, 0).Intake));

        Assert.Null(_inbox.Lack());
        Assert.Equal(Intake.Accepted, Offer(second).Intake);
    }

    [Fact]
    public void Offer_TwoLiveCollectorsOfOneBroker_TakesTheOneThatStartedLast()
    {
        var taken = new List<long>();
        for (var i = 0; i < 20; i++)
        {
            // Their numbers are made of the time: each one's next is above the other's last.
            if (Offer(Message(By(100, 1_000 + (20 * i), 30 * i)), 30 * i).Report is { } first)
                taken.Add(first.Collector);
            if (i >= 5 && Offer(Message(By(200, 1_010 + (20 * i), (30 * i) + 15)), (30 * i) + 15).Report is { } second)
                taken.Add(second.Collector);
        }

        Assert.Equal([.. Enumerable.Repeat(100L, 6), .. Enumerable.Repeat(200L, 15)], taken);
    }

    [Fact]
    public void Offer_CollectorThatMeasuresTheBroker_IsTakenBeforeOneThatDoesNotHoweverLateThatStarted()
    {
        var taken = new List<long>();
        for (var i = 0; i < 10; i++)
        {
            foreach (var (collector, source, fallback) in ((long, string, bool)[])[(300, "none", false), (200, "host", true), (100, "cgroup-v2", false)])
            {
                var report = By(collector, (1_000 * i) + collector, 30 * i) with { Resources = new ResourceUsage { Source = source, Fallback = fallback } };
                if (Offer(Message(report), 30 * i).Report is not null)
                    taken.Add(collector);
            }
        }

        Assert.Equal([300, 200, .. Enumerable.Repeat(100L, 10)], taken);
    }

    [Fact]
    public void Offer_ElectedCollectorFallsSilent_AnotherIsTakenAfterTheLimitWhateverItsNumbers()
    {
        Assert.Equal(Intake.Accepted, Offer(Message(By(200, 9_000_000, 0)), 0).Intake);
        Assert.Equal(Intake.Outranked, Offer(Message(By(100, 1, 90)), 90).Intake);
        Assert.Equal(Intake.Accepted, Offer(Message(By(100, 2, 91)), 91).Intake);

        // What the silent one had sent and came late wins nothing back; a report of now does.
        Assert.Equal(Intake.Outranked, Offer(Message(By(200, 9_000_001, 5)), 100).Intake);
        Assert.Equal(Intake.Accepted, Offer(Message(By(100, 3, 121)), 121).Intake);
        Assert.Equal(Intake.Accepted, Offer(Message(By(200, 9_000_002, 130)), 130).Intake);
        Assert.Equal(Intake.Outranked, Offer(Message(By(100, 4, 151)), 151).Intake);
        Assert.Equal(Intake.Duplicate, Offer(Message(By(100, 4, 151)), 152).Intake);
    }

    [Fact]
    public void Offer_NewerCollectorSendsWhatCannotBeUsed_KeepsNoOtherOut()
    {
        var bad = By(200, 2_000, 0) with { Topics = [Topic("/default/a"), Topic("/default/a")] };

        Assert.Equal(Intake.Accepted, Offer(Message(By(100, 1_000, 0)), 0).Intake);
        Assert.Equal(Intake.Invalid, Offer(Message(bad), 1).Intake);
        Assert.Equal(Intake.Accepted, Offer(Message(By(100, 1_001, 30)), 30).Intake);
    }

    [Fact]
    public void Lack_NewerCollectorDiedInTheMiddleOfAReport_IsNothing()
    {
        Assert.Equal(Intake.Accepted, Offer(Message(By(100, 1_000, 0)), 0).Intake);
        Assert.Equal(Intake.Partial, Offer(Message(By(200, 2_000, 0)) with { Chunks = 2 }, 1).Intake);

        Assert.Null(_inbox.Lack());
        Assert.Equal(Intake.Partial, Offer(Message(By(100, 1_001, 30)) with { Chunks = 2 }, 30).Intake);
        Assert.NotNull(_inbox.Lack());
    }

    [Fact]
    public void Offer_ClockSetBackWhileTheCollectorRuns_StillKnowsDuplicatesAndLateOnes()
    {
        var ahead = At(3600).ToUnixTimeMilliseconds() * LoadReport.SequencesPerMillisecond;

        Assert.Equal(Intake.Accepted, Offer(Message(By(100, ahead + 2, 0)), 0).Intake);
        Assert.Equal(Intake.Late, Offer(Message(By(100, ahead + 1, 0)), 1).Intake);
        Assert.Equal(Intake.Duplicate, Offer(Message(By(100, ahead + 2, 0)), 1).Intake);
        Assert.Equal(Intake.Accepted, Offer(Message(By(100, ahead + 3, 30)), 30).Intake);
    }

    [Fact]
    public void Offer_ManyRestartsOfACollector_IsTakenAtOnceEachTime()
    {
        for (var i = 1; i <= 30; i++)
            Assert.Equal(Intake.Accepted, Offer(Message(By(i, i, i)), i).Intake);
    }

    [Fact]
    public void Offer_HeadAndBodyOfDifferentCollectors_IsInvalid() =>
        Assert.Contains("collector 8", Offer(Message(By(7, 1, 0)) with { Collector = 8 }).Detail, StringComparison.Ordinal);

    private static LoadReport By(long collector, long sequence, double seconds) => Load("1", sequence, seconds, Topic("/default/a")) with { Collector = collector };

    /// <summary>A report whose names alone need more than one message.</summary>
    private static LoadReport Large(long sequence, double seconds)
    {
        var random = new Random(1);
        return Load("1", sequence, seconds, [.. Enumerable.Range(0, 1_500).Select(_ => Topic($"/default/{random.NextInt64():x16}")).OrderBy(t => t.Name, StringComparer.Ordinal)]);
    }

    private static IReadOnlyList<LoadReportMessage> Send(LoadReportWriter writer, LoadReport report)
    {
        var messages = writer.Encode(report);
        writer.Delivered();
        return messages;
    }

    private (Intake Intake, LoadReport? Report, string Detail) Offer(LoadReportMessage message) => Offer(message, 0);

    private (Intake Intake, LoadReport? Report, string Detail) Offer(LoadReportMessage message, double seconds) => _inbox.Offer(message, At(seconds));
}
