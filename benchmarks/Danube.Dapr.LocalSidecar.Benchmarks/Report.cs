using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Danube.Dapr.LocalSidecar.Benchmarks.Load;

namespace Danube.Dapr.LocalSidecar.Benchmarks;

/// <summary>What a run found, as JSON and Markdown.</summary>
internal sealed class Report(IReadOnlyList<Row> rows, IReadOnlyList<PacedRow> paced, string mode, string loadBefore, DiskFlush flush)
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        // No call may have ended in the time.
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    public void Write(string folder)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "sidecar.json"), JsonSerializer.Serialize(new { machine = Machine(), mode, loadBefore, flush, rows, paced }, Json));
        File.WriteAllText(Path.Combine(folder, "sidecar.md"), Markdown());
    }

    public string Markdown()
    {
        var measured = rows.Any(static r => r.Sidecar == "daprd");
        var text = new StringBuilder();
        text.AppendLine("# Sidecar benchmark").AppendLine();
        text.AppendLine(CultureInfo.InvariantCulture, $"{Machine()}. Mode: {mode}. Load of the machine before the run (1, 5, 15 minutes): {loadBefore}.");
        text.AppendLine(CultureInfo.InvariantCulture, $"One flush of 2 kB to the disk takes {N(flush.MedianMs)} ms (p99 {N(flush.P99Ms)} ms): no durable save, actor state or workflow step can be faster. A save through etcd waits for the flush under way and its own, so that N clients make at most N calls in one and a half of these times; \"put without sidecar\" shows what is left of that when the same saves go straight to etcd.");
        text.AppendLine("Clients, apps, sidecars and etcd (with GOGC=400, as danube-lb up starts it) share the machine; the processor time is that of the sidecars alone. \"Alone/s\" is what the cores have time for at the processor time that one call takes of all these together: on a machine that does other things, too, it says more than the calls/s seen. Each client makes one call after the other: HTTP for state, actors, publish (until the event is delivered) and invocation (with five apps to another app), the workflow library over gRPC for workflows with one activity.");
        text.AppendLine(CultureInfo.InvariantCulture, $"\"Stolen\" is what the machine below this virtual one gave to others meanwhile: above {StolenTime.Bearable} % a measure is made again, {StolenTime.Tries} times at most, and the try with the least counts.");
        text.AppendLine(measured ? "daprd was measured in the same run; MB is all its processes together." : "The daprd column has recorded figures of daprd 1.18.3 with one app, where there are any; its memory was 80 MB for each app.").AppendLine();
        text.AppendLine(measured
            ? "| store | apps | measure | clients | calls/s | p50 ms | p99 ms | CPU µs/call | alone/s | MB | peak MB | stolen, % | daprd calls/s | p99 ms | CPU µs/call | MB | ratio of calls/s |"
            : "| store | apps | measure | clients | calls/s | p50 ms | p99 ms | CPU µs/call | alone/s | MB | peak MB | stolen, % | daprd calls/s | ratio | ratio alone |");
        text.AppendLine(measured ? "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |" : "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
        foreach (var r in rows.Where(static r => r.Sidecar == "local"))
        {
            text.Append(CultureInfo.InvariantCulture, $"| {r.Store} | {r.Apps} | {r.Measure} | {r.Clients} | {N(r.PerSecond)} | {N(r.MedianMs)} | {N(r.P99Ms)} | {N(r.CpuMicrosecondsPerCall)} | {N(Alone(r))} | {N(r.ResidentMb)} | {N(r.PeakMb)} | {r.StolenPercent:0.0} | ");
            if (measured)
            {
                var other = rows.FirstOrDefault(d => d.Sidecar == "daprd" && (d.Store, d.Apps, d.Measure, d.Clients) == (r.Store, r.Apps, r.Measure, r.Clients));
                text.AppendLine(CultureInfo.InvariantCulture, $"{N(other?.PerSecond)} | {N(other?.P99Ms)} | {N(other?.CpuMicrosecondsPerCall)} | {N(other?.ResidentMb)} | {N(r.PerSecond / other?.PerSecond)} |");
            }
            else
            {
                double? recorded = r.Apps == 1 ? Recorded.Find(r.Store, r.Measure) : null;
                text.AppendLine(CultureInfo.InvariantCulture, $"{N(recorded)} | {N(r.PerSecond / recorded)} | {N(Alone(r) / recorded)} |");
            }
        }
        AppendPaced(text);
        return text.ToString();
    }

    private void AppendPaced(StringBuilder text)
    {
        if (paced.Count == 0) return;
        text.AppendLine().AppendLine("## At a set pace").AppendLine();
        text.AppendLine(CultureInfo.InvariantCulture, $"Calls that begin at a set pace, whether earlier ones have ended or not; their time counts from the moment they were due. The clients look once a millisecond what is due, on the same cores: \"begun late\" is what 99 of 100 calls lost before they were sent, and \"echo without sidecar\" the same calls to a process that answers each with nothing. Below saturation 99 % of calls shall take less than {Paced.TargetMs} ms. A durable save waits for the disk (see above); \"put without sidecar\" and \"get without sidecar\" are the same calls straight to etcd. A workflow is no call but four of them and more: its client's, the two turns', the activity's, and four writes, of which two are made beside the turns they cause.").AppendLine();
        text.AppendLine(CultureInfo.InvariantCulture, $"| sidecar | store | apps | measure | asked/s | calls/s | p50 ms | p99 ms | begun late, p99 ms | stolen, % | within {Paced.TargetMs} ms, % |");
        text.AppendLine("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
        foreach (var r in paced)
            text.AppendLine(CultureInfo.InvariantCulture, $"| {r.Sidecar} | {r.Store} | {r.Apps} | {r.Measure} | {N(r.AskedPerSecond)} | {N(r.PerSecond)} | {N(r.MedianMs)} | {N(r.P99Ms)} | {N(r.BegunLateP99Ms)} | {r.StolenPercent:0.0} | {r.WithinTargetPercent:0.0} |");
    }

    private static double Alone(Row row) => Environment.ProcessorCount * 1e6 / row.AllCpuMicrosecondsPerCall;

    private static string Machine()
    {
        var model = "unknown CPU";
        if (File.Exists("/proc/cpuinfo"))
            model = File.ReadLines("/proc/cpuinfo").FirstOrDefault(static l => l.StartsWith("model name", StringComparison.Ordinal))?.Split(':', 2)[1].Trim() ?? model;
        return string.Create(CultureInfo.InvariantCulture, $"{Environment.ProcessorCount} cores, {model}, {GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / (1 << 30)} GiB, {RuntimeInformation.OSArchitecture}, {RuntimeInformation.FrameworkDescription}");
    }

    private static string N(double? value) => value is not { } v || double.IsNaN(v) ? "–" : v.ToString(Math.Abs(v) >= 100 ? "0" : Math.Abs(v) >= 10 ? "0.#" : "0.##", CultureInfo.InvariantCulture);
}
