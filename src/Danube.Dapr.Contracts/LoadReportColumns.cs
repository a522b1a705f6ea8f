using System.Text;
using System.Text.Json;

namespace Danube.Dapr.Contracts;

/// <summary>
/// The plain form of the <c>columns-br</c> encoding: the report without its topics as JSON, then one column after the other. Each column has an id and a length, so a reader
/// passes over one that it does not know, and a missing one leaves its members at their defaults. Values that are similar lie beside each other, and rates are stored by how they
/// differ from what could be expected; that is what compression then feeds on.
/// </summary>
internal static class LoadReportColumns
{
    private const byte FormatVersion = 1;
    private const int MaxTopics = 5_000_000;

    private const int Names = 1;
    private const int Flags = 2;
    private const int MessagesIn = 3;
    private const int SizeIn = 4;
    private const int MessagesOut = 5;
    private const int SizeOut = 6;
    private const int Producers = 7;
    private const int Consumers = 8;
    private const int Subscriptions = 9;
    private const int Backlog = 10;
    private const int Latency = 11;
    private const int References = 12;
    private const int OldestUnacked = 13;

    // Bits of the column of flags.
    private const int ReliableKnown = 1;
    private const int Reliable = 2;
    private const int RatesUnknown = 4;
    private const int OldestUnackedIsAtLeast = 8;

    /// <summary>Rates and sizes: steps of 2 percent, so within 1 percent, from a thousandth upwards.</summary>
    private static readonly LogScale Rate = new(1e-3, 1.02);

    /// <summary>Ages, which are estimates: steps of 10 percent from a tenth of a second upwards.</summary>
    private static readonly LogScale Seconds = new(0.1, 1.1);

    /// <summary>Latencies: steps of 5 percent from a microsecond upwards.</summary>
    private static readonly LogScale Milliseconds = new(1e-3, 1.05);

    /// <param name="report">The report.</param>
    /// <param name="references">What <see cref="LoadReportNames.Refer"/> gives, to stand in for the names; null: the names themselves.</param>
    public static byte[] Write(LoadReport report, byte[]? references = null)
    {
        var topics = report.Topics;
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream, Encoding.UTF8);
        writer.Write(FormatVersion);
        var head = JsonSerializer.SerializeToUtf8Bytes(Rounded(report) with { Topics = [] }, ContractsJson.Default.LoadReport);
        writer.Write7BitEncodedInt(head.Length);
        writer.Write(head);
        writer.Write7BitEncodedInt(topics.Count);

        var n = topics.Count;
        int[] flags = new int[n], messagesIn = new int[n], sizeIn = new int[n], messagesOut = new int[n], sizeOut = new int[n];
        int[] producers = new int[n], consumers = new int[n], subscriptions = new int[n], backlog = new int[n], latency = new int[n], oldest = new int[n];
        for (var i = 0; i < n; i++)
        {
            var t = topics[i];
            flags[i] = (t.Reliable is null ? 0 : ReliableKnown) | (t.Reliable is true ? Reliable : 0) | (t.RatesKnown ? 0 : RatesUnknown) | (t.OldestUnackedIsAtLeast ? OldestUnackedIsAtLeast : 0);
            messagesIn[i] = Rate.Step(t.MessagesInPerSecond);
            sizeIn[i] = Rate.Step(Size(t.BytesInPerSecond, messagesIn[i]));
            messagesOut[i] = Difference(Rate.Step(t.MessagesOutPerSecond), ExpectedOut(messagesIn[i], t.Subscriptions));
            sizeOut[i] = Difference(Rate.Step(Size(t.BytesOutPerSecond, Rate.Step(t.MessagesOutPerSecond))), sizeIn[i]);
            producers[i] = t.Producers;
            consumers[i] = t.Consumers;
            subscriptions[i] = t.Subscriptions;
            backlog[i] = t.BacklogMessages is { } waiting ? 1 + Rate.Step(waiting) : 0;
            oldest[i] = t.OldestUnackedSeconds is { } age ? 1 + Difference(Seconds.Step(age), ExpectedAge(backlog[i], messagesIn[i])) : 0;
            latency[i] = t.PublishLatencyP99Ms is { } ms ? 1 + Milliseconds.Step(ms) : 0;
        }

        if (references is null)
            Column(writer, Names, ColumnBytes.OfNames(topics.Select(t => t.Name)));
        else
            Column(writer, References, references);
        Column(writer, Flags, ColumnBytes.OfNumbers(flags));
        Column(writer, MessagesIn, ColumnBytes.OfNumbers(messagesIn));
        Column(writer, SizeIn, ColumnBytes.OfNumbers(sizeIn));
        Column(writer, MessagesOut, ColumnBytes.OfNumbers(messagesOut));
        Column(writer, SizeOut, ColumnBytes.OfNumbers(sizeOut));
        Column(writer, Producers, ColumnBytes.OfNumbers(producers));
        Column(writer, Consumers, ColumnBytes.OfNumbers(consumers));
        Column(writer, Subscriptions, ColumnBytes.OfNumbers(subscriptions));
        Column(writer, Backlog, ColumnBytes.OfNumbers(backlog));
        Column(writer, Latency, ColumnBytes.OfNumbers(latency));
        Column(writer, OldestUnacked, ColumnBytes.OfNumbers(oldest));
        writer.Flush();
        return stream.ToArray();
    }

    /// <exception cref="InvalidDataException">It is no report in this form.</exception>
    public static LoadReport Read(byte[] plain, LoadReportNames? names = null)
    {
        using var reader = new BinaryReader(new MemoryStream(plain), Encoding.UTF8);
        try
        {
            var version = reader.ReadByte();
            if (version != FormatVersion)
                throw new InvalidDataException($"its format version is {version}, known is {FormatVersion}");
            var head = JsonSerializer.Deserialize(Exactly(reader, reader.Read7BitEncodedInt()), ContractsJson.Default.LoadReport)
                ?? throw new InvalidDataException("its head is empty");
            var n = reader.Read7BitEncodedInt();
            if (n is < 0 or > MaxTopics)
                throw new InvalidDataException($"it claims {n} topics; allowed are 0 to {MaxTopics}");
            var columns = new Dictionary<int, byte[]>();
            while (reader.BaseStream.Position < reader.BaseStream.Length)
            {
                var id = reader.Read7BitEncodedInt();
                columns[id] = Exactly(reader, reader.Read7BitEncodedInt());
            }

            return head with { Topics = Topics(columns, n, names) };
        }
        catch (Exception e) when (e is EndOfStreamException or FormatException or DecoderFallbackException)
        {
            throw new InvalidDataException("it ends too early or is damaged", e);
        }
    }

    private static TopicLoad[] Topics(Dictionary<int, byte[]> columns, int n, LoadReportNames? known)
    {
        int[] Numbers(int id) => columns.TryGetValue(id, out var bytes) ? ColumnBytes.ToNumbers(bytes, n) : new int[n];
        var column = columns.GetValueOrDefault(known is null ? Names : References);
        if (n > 0 && column is null)
            throw new InvalidDataException("the column of names is missing");
        var names = n == 0 ? [] : known is null ? ColumnBytes.ToNames(column!, n) : known.Resolve(column!, n);
        int[] flags = Numbers(Flags), messagesIn = Numbers(MessagesIn), sizeIn = Numbers(SizeIn), messagesOut = Numbers(MessagesOut), sizeOut = Numbers(SizeOut);
        int[] producers = Numbers(Producers), consumers = Numbers(Consumers), subscriptions = Numbers(Subscriptions), backlog = Numbers(Backlog), latency = Numbers(Latency), oldest = Numbers(OldestUnacked);
        var topics = new TopicLoad[n];
        for (var i = 0; i < n; i++)
        {
            var inPerSecond = Rate.Value(messagesIn[i]);
            var outPerSecond = Rate.Value(Sum(messagesOut[i], ExpectedOut(messagesIn[i], subscriptions[i])));
            topics[i] = new TopicLoad
            {
                Name = names[i],
                Reliable = (flags[i] & ReliableKnown) == 0 ? null : (flags[i] & Reliable) != 0,
                RatesKnown = (flags[i] & RatesUnknown) == 0,
                MessagesInPerSecond = inPerSecond,
                BytesInPerSecond = Bytes(inPerSecond, Rate.Value(sizeIn[i])),
                MessagesOutPerSecond = outPerSecond,
                BytesOutPerSecond = Bytes(outPerSecond, Rate.Value(Sum(sizeOut[i], sizeIn[i]))),
                Producers = producers[i],
                Consumers = consumers[i],
                Subscriptions = subscriptions[i],
                BacklogMessages = backlog[i] == 0 ? null : (long)Math.Round(Rate.Value(backlog[i] - 1)),
                OldestUnackedSeconds = oldest[i] == 0 ? null : Seconds.Value(Sum(oldest[i] - 1, ExpectedAge(backlog[i], messagesIn[i]))),
                OldestUnackedIsAtLeast = (flags[i] & OldestUnackedIsAtLeast) != 0,
                PublishLatencyP99Ms = latency[i] == 0 ? null : Milliseconds.Value(latency[i] - 1),
            };
        }

        return topics;
    }

    /// <summary>What is stored of bytes: the mean size of a message, by the rate of messages as the reader will see it. Bytes without messages are stored as they are.</summary>
    private static double Size(double bytes, int messagesStep) => messagesStep == 0 ? bytes : bytes / Rate.Value(messagesStep);

    private static double Bytes(double messages, double size) => messages == 0 ? size : messages * size;

    /// <summary>Every subscription gets every message.</summary>
    private static int ExpectedOut(int messagesInStep, int subscriptions) => Rate.Step(Rate.Value(messagesInStep) * Math.Max(1, subscriptions));

    /// <summary>With steady traffic the oldest message of a backlog is as old as the backlog took to come.</summary>
    private static int ExpectedAge(int backlogStored, int messagesInStep) =>
        backlogStored <= 1 || messagesInStep == 0 ? 0 : Seconds.Step(Rate.Value(backlogStored - 1) / Rate.Value(messagesInStep));

    /// <summary>0 stays 0; anything else is its difference from what was expected, folded to be positive, and above 0.</summary>
    private static int Difference(int step, int expected)
    {
        if (step == 0)
            return 0;
        var difference = step - expected;
        return 1 + (difference >= 0 ? 2 * difference : (-2 * difference) - 1);
    }

    private static int Sum(int stored, int expected)
    {
        if (stored == 0)
            return 0;
        var folded = stored - 1;
        return expected + ((folded & 1) == 0 ? folded / 2 : -((folded + 1) / 2));
    }

    private static LoadReport Rounded(LoadReport report) => report with
    {
        RefusedPublishesPerSecond = Round(report.RefusedPublishesPerSecond),
        RedirectsPerSecond = Round(report.RedirectsPerSecond),
        Resources = report.Resources with
        {
            CpuPercent = Round(report.Resources.CpuPercent),
            CpuThrottledPercent = Round(report.Resources.CpuThrottledPercent),
            MemoryPercent = Round(report.Resources.MemoryPercent),
            DiskReadBytesPerSecond = Round(report.Resources.DiskReadBytesPerSecond),
            DiskWriteBytesPerSecond = Round(report.Resources.DiskWriteBytesPerSecond),
            DiskBusyPercent = Round(report.Resources.DiskBusyPercent),
            DiskUsedPercent = Round(report.Resources.DiskUsedPercent),
            NetworkInBytesPerSecond = Round(report.Resources.NetworkInBytesPerSecond),
            NetworkOutBytesPerSecond = Round(report.Resources.NetworkOutBytesPerSecond),
        },
    };

    private static Figure? Round(Figure? figure) => figure is null ? null : new Figure(Round(figure.Mean), Round(figure.P95), Round(figure.Max));

    /// <summary>Five digits: far more than any of these figures is good for.</summary>
    private static double Round(double value)
    {
        if (value == 0 || !double.IsFinite(value))
            return 0;
        var scale = Math.Pow(10, 4 - Math.Floor(Math.Log10(Math.Abs(value))));
        return double.IsFinite(scale) && scale > 0 ? Math.Round(value * scale) / scale : value;
    }

    private static void Column(BinaryWriter writer, int id, byte[] bytes)
    {
        writer.Write7BitEncodedInt(id);
        writer.Write7BitEncodedInt(bytes.Length);
        writer.Write(bytes);
    }

    private static byte[] Exactly(BinaryReader reader, int length)
    {
        if (length < 0 || length > reader.BaseStream.Length - reader.BaseStream.Position)
            throw new InvalidDataException("a length in it is beyond its end");
        return reader.ReadBytes(length);
    }
}
