using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json;

namespace Danube.Dapr.BrokerSimulator.Tests;

/// <summary>The simulator as its own process, and its control endpoint.</summary>
public sealed class ProcessTests
{
    [Fact]
    public async Task Start_WithControlAndLog_PrintsOneJsonLineThenReadyAndObeys()
    {
        var folder = Directory.CreateTempSubdirectory("broker-simulator-test");
        using var process = Start("--case", "steady", "--brokers", "3", "--topics", "6", "--control-port", "0", "--event-log", Path.Combine(folder.FullName, "events.jsonl"));
        try
        {
            using var started = JsonDocument.Parse((await process.StandardOutput.ReadLineAsync())!);
            Assert.Equal("ready", await process.StandardOutput.ReadLineAsync());
            Assert.Equal(3, started.RootElement.GetProperty("brokers").GetArrayLength());
            Assert.Equal(0, started.RootElement.GetProperty("lastEventSeconds").GetDouble());
            Assert.StartsWith("balanced", started.RootElement.GetProperty("description").GetString(), StringComparison.Ordinal);
            using var http = new HttpClient { BaseAddress = new Uri(started.RootElement.GetProperty("control").GetString()!) };

            var id = started.RootElement.GetProperty("brokers")[0].GetProperty("id").GetString();
            Assert.Equal(HttpStatusCode.OK, (await http.PostAsync(new Uri($"/brokers/{id}/kill", UriKind.Relative), null)).StatusCode);
            Assert.Equal(HttpStatusCode.NotFound, (await http.PostAsync(new Uri("/slots/7/kill", UriKind.Relative), null)).StatusCode);
            Assert.Equal(HttpStatusCode.OK, (await http.PostAsync(new Uri("/slots/0/revive", UriKind.Relative), null)).StatusCode);
            Assert.Equal(HttpStatusCode.OK, (await http.PostAsJsonAsync("/faults", new { fault = "SlowAdmin", on = true, value = 5 })).StatusCode);
            Assert.Equal(HttpStatusCode.BadRequest, (await http.PostAsJsonAsync("/faults", new { fault = "Nope", on = true })).StatusCode);
            Assert.Equal(HttpStatusCode.NotFound, (await http.PostAsJsonAsync("/rates", new { topic = "/default/nope", factor = 2 })).StatusCode);
            using var truth = JsonDocument.Parse(await http.GetStringAsync(new Uri("/truth", UriKind.Relative)));
            Assert.Equal(6, truth.RootElement.GetProperty("topics").GetArrayLength());
            using var verdict = JsonDocument.Parse(await http.GetStringAsync(new Uri("/verdict", UriKind.Relative)));
            Assert.Equal("steady", verdict.RootElement.GetProperty("case").GetString());

            var logged = (await ReadSharedAsync(Path.Combine(folder.FullName, "events.jsonl"))).Select(line => JsonDocument.Parse(line).RootElement.GetProperty("event").GetString()).ToList();
            Assert.True(logged.Count(what => what == "load") >= 6 + 1, "a load for each topic, and again for those of the revived broker");
            Assert.Contains("kill", logged);
            Assert.Contains("revive", logged);
        }
        finally
        {
            process.Kill();
            await process.WaitForExitAsync();
            folder.Delete(recursive: true);
        }
    }

    [Theory]
    [InlineData("Case is 'nope': allowed are skew", "--case", "nope")]
    [InlineData("Brokers is 0: allowed is 1 to 100", "--brokers", "0")]
    public async Task Start_BadValue_SaysWhatIsAllowedAndEndsWithOne(string message, params string[] arguments)
    {
        using var process = Start(arguments);
        var error = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();

        Assert.Equal(1, process.ExitCode);
        Assert.Contains(message, error, StringComparison.Ordinal);
        Assert.Single(error.Trim().Split('\n'));
    }

    [Fact]
    public async Task Start_PortTaken_NamesThePortAndEndsWithOne()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var port = ((IPEndPoint)taken.LocalEndpoint).Port;
        using var process = Start("--admin-port-base", port.ToString(System.Globalization.CultureInfo.InvariantCulture));
        var error = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();

        Assert.Equal(1, process.ExitCode);
        Assert.Contains($":{port}", error, StringComparison.Ordinal);
        Assert.Single(error.Trim().Split('\n'));
    }

    [Fact]
    public async Task ListCases_Always_PrintsOneLineEach()
    {
        using var process = Start("--list-cases");
        var lines = (await process.StandardOutput.ReadToEndAsync()).Trim().Split('\n');
        await process.WaitForExitAsync();

        Assert.Equal(0, process.ExitCode);
        Assert.Equal(7, lines.Length);
        Assert.StartsWith("skew ", lines[0], StringComparison.Ordinal);
    }

    private static Process Start(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "broker-simulator.dll"));
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        return Process.Start(start)!;
    }

    private static async Task<string[]> ReadSharedAsync(string path)
    {
        await using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var reader = new StreamReader(stream);
        return (await reader.ReadToEndAsync()).Trim().Split('\n');
    }
}
