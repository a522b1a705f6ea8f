using System.Globalization;
using System.IO.Compression;
using System.Text;
using System.Text.Json;

namespace Danube.Dapr.Contracts.Tests;

public sealed class LoadReportCodecTests
{
    private static readonly string[] Words = ["orders", "payments", "audit", "telemetry", "mail"];

    [Fact]
    public void Decode_EncodedReport_GivesExactCountsAndRatesWithinTheirSteps()
    {
        var report = LoadReports.Busy(1000, (i, _) => $"/default/orders-{i}");

        var back = LoadReportCodec.Decode(LoadReportCodec.Encode(report));

        Assert.Equal(report.Topics.Count, back.Topics.Count);
        foreach (var (sent, got) in report.Topics.Zip(back.Topics))
        {
            Assert.Equal(
                (sent.Name, sent.Reliable, sent.RatesKnown, sent.Producers, sent.Consumers, sent.Subscriptions),
                (got.Name, got.Reliable, got.RatesKnown, got.Producers, got.Consumers, got.Subscriptions));
            Within(0.01, sent.MessagesInPerSecond, got.MessagesInPerSecond);
            Within(0.02, sent.BytesInPerSecond, got.BytesInPerSecond);
            Within(0.01, sent.MessagesOutPerSecond, got.MessagesOutPerSecond);
            Within(0.02, sent.BytesOutPerSecond, got.BytesOutPerSecond);
            Within(0.025, sent.PublishLatencyP99Ms!.Value, got.PublishLatencyP99Ms!.Value);
            Assert.Equal(sent.OldestUnackedSeconds!.Value, got.OldestUnackedSeconds!.Value, 0.1 + (0.05 * sent.OldestUnackedSeconds.Value));
            Assert.Equal(sent.BacklogMessages!.Value, got.BacklogMessages!.Value, 0.5 + (0.01 * sent.BacklogMessages.Value));
        }

        Within(0.002, report.TotalBytesPerSecond(), back.TotalBytesPerSecond());
    }

    [Fact]
    public void Decode_HeadWithGapsAndMissingFigures_ComesBackAsItWas()
    {
        var report = LoadReports.Small();

        var back = LoadReportCodec.Decode(LoadReportCodec.Encode(report));

        Assert.Equal(report.Resources, back.Resources);
        Assert.Equal(report.Gaps, back.Gaps);
        Assert.Equal(
            (report.BrokerId, report.Sequence, report.IntervalStart, report.IntervalEnd, report.OwnedGauge, report.BuiltInMovesTotal, report.RefusedPublishesPerSecond),
            (back.BrokerId, back.Sequence, back.IntervalStart, back.IntervalEnd, back.OwnedGauge, back.BuiltInMovesTotal, back.RefusedPublishesPerSecond));
    }

    [Theory]
    [InlineData(0L)]
    [InlineData(1L)]
    [InlineData(49L)]
    [InlineData(null)]
    public void Decode_SmallBacklog_IsExact(long? backlog)
    {
        var report = LoadReports.Small() with { Topics = [new TopicLoad { Name = "/d/t", BacklogMessages = backlog }] };

        Assert.Equal(backlog, LoadReportCodec.Decode(LoadReportCodec.Encode(report)).Topics[0].BacklogMessages);
    }

    [Theory]
    [InlineData(0, 500, 0, 0)]
    [InlineData(0, 0, 10, 500)]
    [InlineData(1e-9, 1, 0, 0)]
    [InlineData(1e12, 1e15, 1e12, 1e15)]
    [InlineData(double.NaN, -1, 0, 0)]
    public void Decode_OddRates_DoNotFail(double messagesIn, double bytesIn, double messagesOut, double bytesOut)
    {
        var report = LoadReports.Small() with
        {
            Topics = [new TopicLoad { Name = "/d/t", MessagesInPerSecond = messagesIn, BytesInPerSecond = bytesIn, MessagesOutPerSecond = messagesOut, BytesOutPerSecond = bytesOut }],
        };

        var topic = LoadReportCodec.Decode(LoadReportCodec.Encode(report)).Topics[0];

        Within(0.01, messagesIn > 1e-6 ? messagesIn : 0, topic.MessagesInPerSecond);
        Within(0.02, bytesIn > 0 ? bytesIn : 0, topic.BytesInPerSecond);
        Within(0.02, bytesOut, topic.BytesOutPerSecond);
    }

    public static TheoryData<string> NameKinds => ["numbered", "partitions"];

    [Theory]
    [MemberData(nameof(NameKinds))]
    public void Encode_ThousandBusyTopicsWithRegularNames_IsOneMessageOfAtMostTenKilobytes(string kind)
    {
        var messages = LoadReportCodec.Encode(LoadReports.Busy(1000, Name(kind)));

        var wire = JsonSerializer.SerializeToUtf8Bytes(Assert.Single(messages), ContractsJson.Default.LoadReportMessage).Length;
        Assert.True(wire <= 10_240, string.Create(CultureInfo.InvariantCulture, $"{wire} bytes"));
    }

    [Fact]
    public void Encode_MoreThanOneMessageHolds_MakesChunksOfAtMostTenKilobytes()
    {
        var report = LoadReports.Busy(5000, Name("services"));

        var messages = LoadReportCodec.Encode(report);

        Assert.True(messages.Count > 1);
        Assert.Equal(Enumerable.Range(0, messages.Count), messages.Select(m => m.Chunk));
        Assert.All(messages, m => Assert.True(JsonSerializer.SerializeToUtf8Bytes(m, ContractsJson.Default.LoadReportMessage).Length <= 10_240));
        Assert.Equal(report.Topics.Select(t => t.Name), LoadReportCodec.Decode([.. messages.Reverse()]).Topics.Select(t => t.Name));
    }

    [Fact]
    public void Decode_ChunkMissingDoubledOrForeign_IsRefused()
    {
        var messages = LoadReportCodec.Encode(LoadReports.Busy(5000, Name("services")));

        Assert.Throws<InvalidDataException>(() => LoadReportCodec.Decode([]));
        Assert.Contains("messages, but", Assert.Throws<InvalidDataException>(() => LoadReportCodec.Decode([.. messages.Skip(1)])).Message, StringComparison.Ordinal);
        Assert.Throws<InvalidDataException>(() => LoadReportCodec.Decode([.. messages.Skip(1), messages[1]]));
        Assert.Throws<InvalidDataException>(() => LoadReportCodec.Decode([.. messages.Skip(1), messages[0] with { Sequence = 1 }]));
    }

    [Fact]
    public void Decode_UnknownEncoding_NamesTheKnownOnes()
    {
        var message = LoadReportCodec.Encode(LoadReports.Small())[0] with { Encoding = "morse" };

        Assert.Contains("'morse' is not known; known are 'columns-br', 'columns-ref-br' and 'json-br'", Assert.Throws<InvalidDataException>(() => LoadReportCodec.Decode([message])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Decode_DamagedBody_IsRefusedAndNothingElse()
    {
        var random = new Random(3);
        var plain = LoadReportColumns.Write(LoadReports.Busy(50, Name("services")));
        for (var round = 0; round < 2000; round++)
        {
            var damaged = plain[..random.Next(1, plain.Length)].ToArray();
            if (random.Next(2) == 0)
                damaged = plain.ToArray();
            for (var i = 0; i < 5; i++)
                damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
            try
            {
                LoadReportCodec.Decode([Message(damaged, LoadReportCodec.ColumnsBrotli)]);
            }
            catch (InvalidDataException)
            {
                // The one exception that a reader has to expect.
            }
        }
    }

    [Theory]
    [InlineData(LoadReportCodec.ColumnsBrotli)]
    [InlineData(LoadReportCodec.JsonBrotli)]
    public void Decode_BodyThatIsNotCompressed_IsRefused(string encoding) =>
        Assert.Throws<InvalidDataException>(() => LoadReportCodec.Decode([new LoadReportMessage("1", 1, encoding, [1, 2, 3])]));

    [Fact]
    public void Decode_SmallBodyThatUnpacksToVeryMuch_IsRefused()
    {
        using var packed = new MemoryStream();
        using (var brotli = new BrotliStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            var zeros = new byte[1024 * 1024];
            for (var i = 0; i < 260; i++)
                brotli.Write(zeros);
        }

        var error = Assert.Throws<InvalidDataException>(() => LoadReportCodec.Decode([new LoadReportMessage("1", 1, LoadReportCodec.ColumnsBrotli, packed.ToArray())]));

        Assert.Contains("unpacks to more than", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Decode_ReportOfANewerWriter_IsReadWithoutWhatIsNotKnown()
    {
        var plain = LoadReportColumns.Write(LoadReports.Small());
        // A newer writer adds a column; and a member in the head, which JSON passes over by itself.
        var text = Encoding.Latin1.GetString(plain).Replace("\"ownedGauge\":3", "\"newMember\":3", StringComparison.Ordinal);
        byte[] newer = [.. Encoding.Latin1.GetBytes(text), 99, 3, 1, 2, 3];

        var back = LoadReportCodec.Decode([Message(AdjustHead(newer, plain), LoadReportCodec.ColumnsBrotli)]);

        Assert.Equal(3, back.Topics.Count);
        Assert.Null(back.OwnedGauge);
    }

    private static byte[] AdjustHead(byte[] newer, byte[] plain)
    {
        // The replaced member's name is one letter shorter, and the head's length stands in the two bytes after the version.
        var length = ((plain[1] & 0x7F) | (plain[2] << 7)) - ("ownedGauge".Length - "newMember".Length);
        newer[1] = (byte)((length & 0x7F) | 0x80);
        newer[2] = (byte)(length >> 7);
        return newer;
    }

    private static LoadReportMessage Message(byte[] plain, string encoding)
    {
        using var packed = new MemoryStream();
        using (var brotli = new BrotliStream(packed, CompressionLevel.Fastest, leaveOpen: true))
            brotli.Write(plain);
        return new LoadReportMessage("17293822569102704640", 1, encoding, packed.ToArray());
    }

    private static Func<int, Random, string> Name(string kind) => kind switch
    {
        "numbered" => (i, _) => $"/default/orders-{i}",
        "partitions" => (i, _) => $"/default/topic-{i / 10}-part-{i % 10}",
        _ => (i, random) => $"/tenant-{i % 7}/{Words[random.Next(Words.Length)]}-{i}",
    };

    private static void Within(double share, double expected, double actual) =>
        Assert.True(Math.Abs(actual - expected) <= share * Math.Abs(expected) + 1e-9, string.Create(CultureInfo.InvariantCulture, $"{actual} is not within {share:P1} of {expected}"));
}
