using System.Globalization;
using System.Text.Json;

namespace Danube.Dapr.Contracts.Tests;

/// <summary>Reports that refer to the names of an earlier one.</summary>
public sealed class LoadReportWriterTests
{
    private readonly LoadReport _report = LoadReports.Busy(1000, LoadReports.RandomName);
    private readonly LoadReportWriter _writer = new(10);
    private readonly LoadReportReader _reader = new();

    [Theory]
    [InlineData("random")]
    [InlineData("numbered")]
    [InlineData("services")]
    public void Encode_ThousandTopicsWithAnyNamesAndNewRates_IsOneMessageOfAtMostTenKilobytes(string names)
    {
        var first = names == "random" ? _report : LoadReports.Busy(1000, (i, random) => names == "numbered" ? $"/default/orders-{i}" : $"/tenant-{i % 7}/service{random.Next(20)}-{i}");
        Deliver(first);
        for (var interval = 1; interval < 10; interval++)
        {
            var later = LoadReports.Later(first, interval);

            var messages = Deliver(later);

            var wire = JsonSerializer.SerializeToUtf8Bytes(Assert.Single(messages), ContractsJson.Default.LoadReportMessage).Length;
            Assert.True(wire <= 10_240, string.Create(CultureInfo.InvariantCulture, $"{wire} bytes"));
            var back = _reader.Decode(messages);
            Assert.Equal(later.Topics.Select(t => (t.Name, t.Producers, t.Consumers)), back.Topics.Select(t => (t.Name, t.Producers, t.Consumers)));
            Assert.All(later.Topics.Zip(back.Topics), p => Assert.Equal(p.First.MessagesInPerSecond, p.Second.MessagesInPerSecond, 0.01 * p.First.MessagesInPerSecond));
        }
    }

    [Fact]
    public void Encode_FirstAndEveryTenthReport_HasItsNames()
    {
        var full = new List<int>();
        for (var interval = 0; interval < 25; interval++)
        {
            if (HasNames(Deliver(LoadReports.Later(_report, interval))))
                full.Add(interval);
        }

        Assert.Equal([0, 10, 20], full);
    }

    [Fact]
    public void Encode_WhenAsked_HasItsNamesOnce()
    {
        Deliver(_report);
        _writer.AskFull();

        Assert.True(HasNames(Deliver(LoadReports.Later(_report, 1))));
        Assert.False(HasNames(Deliver(LoadReports.Later(_report, 2))));
    }

    [Fact]
    public void Encode_AfterNamesThatWereNotDelivered_HasThemAgain()
    {
        Assert.True(HasNames(_writer.Encode(_report)));

        Assert.True(HasNames(_writer.Encode(LoadReports.Later(_report, 1))));
        _writer.Delivered();
        Assert.False(HasNames(_writer.Encode(LoadReports.Later(_report, 2))));
        // One that only refers is needed by no other.
        Assert.False(HasNames(_writer.Encode(LoadReports.Later(_report, 3))));
    }

    [Fact]
    public void Encode_ReportThatFitsIntoOneMessage_AlwaysHasItsNames()
    {
        var small = LoadReports.Busy(100, LoadReports.RandomName);

        Assert.All(Enumerable.Range(0, 5), i => Assert.True(HasNames(Deliver(LoadReports.Later(small, i)))));
    }

    [Fact]
    public void Encode_TopicsThatCameWentAndReturned_AreReadRight()
    {
        Deliver(_report);
        var random = new Random(1);
        for (var interval = 1; interval < 10; interval++)
        {
            var kept = _report.Topics.Where(_ => random.Next(20) > 0);
            var come = LoadReports.Busy(random.Next(20), (_, r) => "/new" + LoadReports.RandomName(0, random)).Topics;
            var later = LoadReports.Later(_report with { Topics = [.. kept.Concat(come).OrderBy(t => t.Name, StringComparer.Ordinal)] }, interval);

            var messages = Deliver(later);

            Assert.False(HasNames(messages));
            Assert.Equal(later.Topics.Select(t => t.Name), _reader.Decode(messages).Topics.Select(t => t.Name));
        }
    }

    [Fact]
    public void Encode_NoTopicLeft_IsReadAsNone()
    {
        Deliver(_report);

        Assert.Empty(_reader.Decode(Deliver(_report with { Sequence = _report.Sequence + 1, Topics = [] })).Topics);
    }

    [Fact]
    public void Encode_AllTopicsOther_HasTheirNames()
    {
        Deliver(_report);
        var other = LoadReports.Busy(1000, (i, random) => "/other" + LoadReports.RandomName(i, random));

        var messages = Deliver(other with { Sequence = _report.Sequence + 1 });

        Assert.True(HasNames(messages));
        Assert.Equal(other.Topics.Select(t => t.Name), _reader.Decode(messages).Topics.Select(t => t.Name));
    }

    [Fact]
    public void Encode_TopicsOutOfOrder_AreNotReferredTo()
    {
        var mixed = _report with { Topics = [.. _report.Topics.Reverse()] };
        Deliver(mixed);

        var messages = Deliver(mixed with { Sequence = mixed.Sequence + 1 });

        Assert.True(HasNames(messages));
        Assert.Equal(mixed.Topics.Select(t => t.Name), _reader.Decode(messages).Topics.Select(t => t.Name));
    }

    [Fact]
    public void Decode_OthersLostDoubledOrLate_NeedsOnlyTheReportWithTheNames()
    {
        var sent = Enumerable.Range(0, 9).Select(i => LoadReports.Later(_report, i)).ToArray();
        var packed = sent.Select(Send).ToArray();
        _reader.Decode(packed[0]);

        foreach (var i in (int[])[8, 3, 3, 5])
            Assert.Equal(sent[i].Topics.Select(t => t.Name), _reader.Decode(packed[i]).Topics.Select(t => t.Name));
    }

    [Fact]
    public void Knows_NamesThatDidNotCome_IsFalseAndDecodeSaysWhich()
    {
        var first = Send(_report);
        var second = Send(LoadReports.Later(_report, 1));

        Assert.False(_reader.Knows(second[0]));
        Assert.Contains($"refers to the names {second[0].Names}", Assert.Throws<InvalidDataException>(() => _reader.Decode(second)).Message, StringComparison.Ordinal);
        _reader.Decode(first);

        Assert.True(_reader.Knows(second[0]));
        Assert.Equal(_report.Topics.Select(t => t.Name), _reader.Decode(second).Topics.Select(t => t.Name));
    }

    [Fact]
    public void Knows_NamesOfAnotherWriterWithTheSameTopics_IsTrue()
    {
        Deliver(_report);
        var restarted = new LoadReportWriter(10);
        restarted.Encode(LoadReports.Later(_report, 1));
        restarted.Delivered();

        Assert.Equal(1000, _reader.Decode(restarted.Encode(LoadReports.Later(_report, 2))).Topics.Count);
    }

    [Fact]
    public void Decode_TwoWritersWithDifferentTopicsInTurn_IsRightForBoth()
    {
        var others = LoadReports.Busy(900, LoadReports.RandomName);
        var second = new LoadReportWriter(10);
        for (var interval = 0; interval < 6; interval++)
        {
            Assert.Equal(1000, _reader.Decode(Send(LoadReports.Later(_report, interval))).Topics.Count);
            var messages = second.Encode(LoadReports.Later(others, interval));
            second.Delivered();
            Assert.Equal(900, _reader.Decode(messages).Topics.Count);
        }
    }

    [Fact]
    public void Decode_DamagedReferences_AreRefusedAndNothingElse()
    {
        var names = LoadReportNames.Of(_report)!;
        var some = _report.Topics.Where((_, i) => i % 7 > 0).Append(new TopicLoad { Name = "/z/new" }).ToArray();
        var plain = names.Refer(some)!;
        Assert.Equal(some.Select(t => t.Name), names.Resolve(plain, some.Length));
        var report = LoadReportColumns.Write(_report with { Topics = some }, plain);
        var random = new Random(3);
        for (var round = 0; round < 2000; round++)
        {
            var damaged = report.ToArray();
            for (var i = 0; i < 5; i++)
                damaged[^(1 + random.Next(random.Next(2) == 0 ? report.Length : plain.Length))] = (byte)random.Next(256);
            try
            {
                LoadReportColumns.Read(damaged, names);
            }
            catch (Exception error) when (error is InvalidDataException or JsonException or InvalidOperationException)
            {
                // Those that the codec turns into the one exception that a reader has to expect.
            }
        }

        Assert.Throws<InvalidDataException>(() => names.Resolve(plain, some.Length + 1));
    }

    private IReadOnlyList<LoadReportMessage> Deliver(LoadReport report)
    {
        var messages = Send(report);
        _reader.Decode(messages);
        return messages;
    }

    private IReadOnlyList<LoadReportMessage> Send(LoadReport report)
    {
        var messages = _writer.Encode(report);
        _writer.Delivered();
        return messages;
    }

    private static bool HasNames(IReadOnlyList<LoadReportMessage> messages) => messages.All(m => m.Names is null);
}
