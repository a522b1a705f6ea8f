using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Danube.Dapr.MetricsCollector.Benchmarks.Suites;

namespace Danube.Dapr.MetricsCollector.Benchmarks;

/// <summary>Everything that one run found, as JSON and Markdown.</summary>
internal sealed class Report
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    public required string Mode { get; init; }

    public required string LoadBefore { get; init; }

    public IReadOnlyList<RoundRow>? Rounds { get; set; }

    public IReadOnlyList<TextRow>? Texts { get; set; }

    public IReadOnlyList<SizeRow>? Sizes { get; set; }

    public IReadOnlyList<DayRow>? Day { get; set; }

    public IReadOnlyList<ResourceRow>? Resources { get; set; }

    public void Write(string folder)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllText(
            Path.Combine(folder, "collect.json"),
            JsonSerializer.Serialize(new { machine = Machine(), Mode, LoadBefore, Rounds, Texts, Sizes, Day, Resources }, Json) + "\n");
        File.WriteAllText(Path.Combine(folder, "collect.md"), Markdown());
    }

    public string Markdown()
    {
        var text = new StringBuilder();
        text.AppendLine("# Collector benchmark").AppendLine();
        text.AppendLine($"{Machine()}. Mode: {Mode}. Load of the machine before the run (1, 5, 15 minutes): {LoadBefore}.");
        if (Rounds is { } rounds)
        {
            Head(text, "Rounds", "Whole rounds over the network: discovery, ownership and cluster questions, scrapes, load reports, encoding. The brokers are simulated in another process on the same cores; the time that it takes to write a metrics text is part of the latency, not of the processor time. CPU is that of the collector, as a share of one core with a round every 30 s.",
                "brokers | topics each | rounds | latency ms: median | worst | CPU ms a round | CPU % of a core | MB allocated a round | MB working set | bytes a report: mean | largest | messages a report | gaps");
            foreach (var r in rounds)
                text.AppendLine($"| {r.Brokers} | {r.TopicsPerBroker} | {r.Rounds} | {N(r.MedianMs)} | {N(r.WorstMs)} | {N(r.CpuMsPerRound)} | {N(r.CpuPercentOfOneCore)} | {N(r.AllocatedMbPerRound)} | {N(r.WorkingSetMb)} | {N(r.ReportBytes)} | {r.LargestReportBytes} | {N(r.MessagesPerReport)} | {r.Gaps} |");
        }

        if (Texts is { } texts)
        {
            Head(text, "From a text to messages", "One broker's metrics text, in memory. `parse` reads every sample, `take` also finds its series and takes the differences; best of the repeats. The time is from the text to the encoded messages.",
                "topics | MB of text | parse MB/s | take MB/s | text to messages ms: median | p95 | messages | bytes packed | decode ms");
            foreach (var r in texts)
                text.AppendLine($"| {r.Topics} | {N(r.TextMb)} | {N(r.ParseMbPerSecond)} | {N(r.TakeMbPerSecond)} | {N(r.TextToMessagesMs)} | {N(r.TextToMessagesP95Ms)} | {r.Messages} | {r.BodyBytes} | {N(r.DecodeMs)} |");
        }

        if (Sizes is { } sizes)
        {
            Head(text, "Size of a report", "All topics busy, each with rates of its own over four decades. Bytes are those of the messages' JSON. The first report and every refresh have all names; steady is the largest of ten later ones with the same topics and every figure new.",
                "topics | names | first: messages | bytes | largest message | steady: messages | bytes | as plain JSON | encode first ms");
            foreach (var r in sizes)
                text.AppendLine($"| {r.Topics} | {r.Names} | {r.Messages} | {r.WireBytes} | {r.LargestMessageBytes} | {r.SteadyMessages} | {r.SteadyWireBytes} | {r.JsonBytes} | {N(r.EncodeMs)} |");
        }

        if (Day is { } day)
        {
            Head(text, "A day", "One broker with 1,000 topics, a round every 30 s and a sample of the host every second, on a clock that runs fast. Live memory is after a full collection.", "hours | MB live | MB allocated a round");
            foreach (var r in day)
                text.AppendLine($"| {N(r.Hours)} | {N(r.LiveMb)} | {N(r.AllocatedMbPerRound)} |");
        }

        if (Resources is { } resources)
        {
            Head(text, "One sample of the resources", "node_exporter runs with the collectors cpu, meminfo, diskstats, netdev and pressure only, which read the files that a host sample reads. The difference is between its CPU percent and ours over the same five seconds with one busy core.",
                "reader | ms: median | p99 | CPU ms | KB allocated | difference in points | note");
            foreach (var r in resources)
                text.AppendLine($"| {r.Reader} | {N(r.MedianMs)} | {N(r.P99Ms)} | {N(r.CpuMs)} | {(r.AllocatedKb > 0 ? N(r.AllocatedKb) : "–")} | {(r.CpuDifferencePoints is { } points ? N(points) : "–")} | {r.Note} |");
        }

        return text.ToString();
    }

    private static void Head(StringBuilder text, string title, string about, string columns)
    {
        text.AppendLine().AppendLine($"## {title}").AppendLine().AppendLine(about).AppendLine();
        text.AppendLine($"| {columns} |").AppendLine("|" + string.Concat(Enumerable.Repeat(" --- |", columns.Count(c => c == '|') + 1)));
    }

    private static string Machine()
    {
        var cpu = !File.Exists("/proc/cpuinfo") ? null : File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal))?.Split(':', 2)[1].Trim();
        return $"{Environment.ProcessorCount} cores, {cpu ?? "unknown CPU"}, {GC.GetGCMemoryInfo().TotalAvailableMemoryBytes >> 30} GiB, {RuntimeInformation.OSArchitecture}, {RuntimeInformation.FrameworkDescription}";
    }

    private static string N(double value) =>
        double.IsNaN(value) ? "–" : value.ToString(Math.Abs(value) >= 100 ? "0" : Math.Abs(value) >= 10 ? "0.#" : "0.###", CultureInfo.InvariantCulture);
}
