using System.CommandLine;
using System.Text.Json;
using Danube.Dapr.BrokerSimulator;
using Danube.Dapr.BrokerSimulator.Cases;

var caseName = new Option<string>("--case") { Description = "The case to play.", DefaultValueFactory = _ => "skew" };
var listCases = new Option<bool>("--list-cases") { Description = "List the cases, one a line, and end." };
var brokers = new Option<int?>("--brokers") { Description = "Brokers at the start, 1 to 100 (default: the case's own)." };
var topics = new Option<int?>("--topics") { Description = "Topics at the start, 0 to 100000 (default: the case's own)." };
var seed = new Option<int?>("--seed") { Description = "Seed of everything random (default: the case's own)." };
var portBase = new Option<int>("--admin-port-base")
{
    Description = "Admin port of the first broker; broker i has admin P+i, client P+100+i, metrics P+200+i. 0 takes free ports.",
};
var controlPort = new Option<int?>("--control-port") { Description = "Port of the control endpoint for tests; 0 takes a free one (default: none)." };
var eventLog = new Option<string?>("--event-log") { Description = "File for the event log, one JSON object a line." };
var strategy = new Option<AssignmentStrategy>("--strategy") { Description = "The leader's ranking." };
var ttl = new Option<double?>("--broker-ttl") { Description = "Seconds until a dead broker is dropped, at most (default: the case's own; Danube's is 32)." };
var faults = new Option<Fault[]>("--fault") { Description = "A fault that is on from the start; may be repeated.", AllowMultipleArgumentsPerToken = true };
var bindAddress = new Option<bool>("--advertise-bind-address") { Description = "Advertise 0.0.0.0 as admin and metrics address, as a broker on all interfaces does." };
var printAddresses = new Option<bool>("--print-addresses") { Description = "Print each broker's addresses for people to standard error as well." };

var root = new RootCommand("A Danube cluster without Danube: brokers that speak its protobuf and its metrics text, with named cases.")
{
    caseName, listCases, brokers, topics, seed, portBase, controlPort, eventLog, strategy, ttl, faults, bindAddress, printAddresses,
};
root.SetAction(async (parsed, stop) =>
{
    if (parsed.GetValue(listCases))
    {
        foreach (var (name, description) in CaseCatalog.List())
            Console.WriteLine($"{name,-16} {description}");
        return 0;
    }

    var options = new SimulatorOptions
    {
        Case = parsed.GetValue(caseName)!,
        Brokers = parsed.GetValue(brokers),
        Topics = parsed.GetValue(topics),
        Seed = parsed.GetValue(seed),
        AdminPortBase = parsed.GetValue(portBase),
        ControlPort = parsed.GetValue(controlPort),
        EventLogPath = parsed.GetValue(eventLog),
        Strategy = parsed.GetValue(strategy),
        BrokerTtl = parsed.GetValue(ttl) is { } seconds ? TimeSpan.FromSeconds(seconds) : null,
        Faults = parsed.GetValue(faults) ?? [],
        AdvertiseBindAddress = parsed.GetValue(bindAddress),
    };
    try
    {
        await using var cluster = await SimulatedCluster.StartAsync(options, stop);
        Console.WriteLine(JsonSerializer.Serialize(StartLine.Of(CaseCatalog.Find(options.Case), options, cluster), SimulatorJson.Default.StartLine));
        if (parsed.GetValue(printAddresses))
        {
            foreach (var broker in cluster.Brokers)
                await Console.Error.WriteLineAsync($"broker {broker.Id} admin {broker.Admin} client {broker.Client} metrics {broker.Metrics}metrics");
        }

        Console.WriteLine("ready");
        await Task.Delay(Timeout.Infinite, stop);
    }
    catch (OperationCanceledException) when (stop.IsCancellationRequested)
    {
        return 0;
    }
    catch (Exception error) when (error is ArgumentException or IOException or UnauthorizedAccessException)
    {
        await Console.Error.WriteLineAsync($"broker-simulator: {error.Message.ReplaceLineEndings(" ")}");
        return 1;
    }

    return 0;
});
return await root.Parse(args).InvokeAsync();
