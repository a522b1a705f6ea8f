using System.Globalization;
using System.Text.Json.Nodes;

namespace Danube.Dapr.Conformance;

/// <summary>Runs behaviours and prints how they came out.</summary>
internal static class Report
{
    private const int AtATime = 4;

    /// <returns>The exit code: 0, 1 when any behaviour failed, 2 when nothing could be tried.</returns>
    public static async Task<int> RunAsync(LabOptions options, IReadOnlyList<Behaviour> behaviours, bool json, CancellationToken cancellation)
    {
        await using var suite = new Suite(options);
        try
        {
            await suite.StartAsync();
        }
        catch (Exception e) when (e is InvalidOperationException or MismatchException or IOException or System.ComponentModel.Win32Exception)
        {
            await Console.Error.WriteLineAsync("danube-conformance: " + e.Message);
            return 2;
        }
        suite.StartWaiting(behaviours);
        await Parallel.ForEachAsync(
            behaviours.Where(b => !b.Waits),
            new ParallelOptions { MaxDegreeOfParallelism = AtATime, CancellationToken = cancellation },
            async (behaviour, _) => await suite.ResultOfAsync(behaviour));
        List<Result> results = [];
        if (!json)
            Console.WriteLine("state area        behaviour");
        foreach (var behaviour in behaviours)
        {
            var result = await suite.ResultOfAsync(behaviour).WaitAsync(cancellation);
            results.Add(result);
            Console.WriteLine(json ? Json(result) : Line(result));
        }
        var failed = results.Count(r => r.Outcome == Outcome.Failed);
        if (!json)
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{results.Count} behaviours: {results.Count(r => r.Outcome == Outcome.Passed)} passed, {results.Count(r => r.Outcome == Outcome.Skipped)} skipped"));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{failed} failures"));
        return failed == 0 ? 0 : 1;
    }

    private static string Line(Result r)
    {
        var head = string.Create(CultureInfo.InvariantCulture, $"{Word(r.Outcome),-5} {r.Behaviour.Area,-11} {r.Behaviour.Name}");
        return r.Outcome switch
        {
            Outcome.Failed => $"{head}{Environment.NewLine}      expected {r.Expected}{Environment.NewLine}      seen     {r.Seen}",
            Outcome.Skipped => $"{head} ({r.Seen})",
            _ => head,
        };
    }

    private static string Json(Result r) => new JsonObject
    {
        ["area"] = r.Behaviour.Area,
        ["name"] = r.Behaviour.Name,
        ["outcome"] = Word(r.Outcome),
        ["expected"] = r.Expected,
        ["seen"] = r.Seen,
        ["milliseconds"] = Math.Round(r.Took.TotalMilliseconds),
    }.ToJsonString();

    private static string Word(Outcome outcome) => outcome switch { Outcome.Passed => "pass", Outcome.Failed => "FAIL", _ => "skip" };
}
