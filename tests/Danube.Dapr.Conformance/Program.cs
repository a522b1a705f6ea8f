using System.CommandLine;
using Danube.Dapr.Conformance;

Option<int?> http = new("--sidecar-http") { Description = "HTTP port of a running sidecar; its app port must be that of --app-port." };
Option<int?> grpc = new("--sidecar-grpc") { Description = "gRPC port of the running sidecar." };
Option<int?> appPort = new("--app-port") { Description = "The port on which the suite's app listens for the running sidecar." };
Option<string?> daprd = new("--daprd") { Description = "A daprd to start. Default: the environment variable DANUBE_DAPRD." };
Option<string?> placement = new("--placement-host-address") { Description = "With --daprd: the placement service. Default: the program beside daprd, or localhost:50005." };
Option<string?> scheduler = new("--scheduler-host-address") { Description = "With --daprd: the scheduler service. Default: the program beside daprd, or localhost:50006." };
Option<string?> local = new("--local") { Description = "Start this repository's local-sidecar.dll. Default: the one beside the suite or in the build output.", Arity = ArgumentArity.ZeroOrOne };
Option<string> store = new("--store") { Description = "State store of the sidecars that are started: in-memory, sqlite or etcd (Debian's etcd on free ports).", DefaultValueFactory = static _ => "in-memory" };
store.AcceptOnlyFromAmong("in-memory", "sqlite", "etcd");
Option<string> stateStore = new("--state-store") { Description = "Name of the running sidecar's state store.", DefaultValueFactory = static _ => "statestore" };
Option<string> pubSub = new("--pubsub") { Description = "Name of the running sidecar's pub/sub.", DefaultValueFactory = static _ => "pubsub" };
Option<string?> filter = new("--filter") { Description = "Only behaviours whose 'area: name' has this text; several with commas." };
Option<bool> list = new("--list") { Description = "Print the behaviours and end." };
Option<bool> json = new("--json") { Description = "Print the results as JSON lines instead of a table." };

RootCommand root = new("Tries what a Dapr sidecar does and prints what is as daprd is recorded to do it, and what is not. Ends with the number of failures.")
{
    http, grpc, appPort, daprd, placement, scheduler, local, store, stateStore, pubSub, filter, list, json,
};
root.SetAction(async (arguments, cancellation) =>
{
    var behaviours = Behaviours.Matching(arguments.GetValue(filter));
    if (arguments.GetValue(list))
    {
        foreach (var behaviour in behaviours)
            Console.WriteLine(behaviour.FullName);
        Console.WriteLine(behaviours.Count);
        return 0;
    }
    try
    {
        var options = await OptionsAsync(arguments);
        return await Report.RunAsync(options, behaviours, arguments.GetValue(json), cancellation);
    }
    catch (ArgumentException e)
    {
        await Console.Error.WriteLineAsync("danube-conformance: " + e.Message);
        return 2;
    }
});
return await root.Parse(args).InvokeAsync();

async Task<LabOptions> OptionsAsync(ParseResult arguments)
{
    int?[] ports = [arguments.GetValue(http), arguments.GetValue(grpc), arguments.GetValue(appPort)];
    if (ports.Any(p => p is not null))
    {
        if (ports.Any(p => p is null))
            throw new ArgumentException("a running sidecar needs all of --sidecar-http, --sidecar-grpc and --app-port.");
        return await RunningSidecar.DescribeAsync(ports[0]!.Value, ports[1]!.Value, ports[2]!.Value, arguments.GetValue(stateStore)!, arguments.GetValue(pubSub)!);
    }
    var kind = arguments.GetValue(store) switch
    {
        "sqlite" => StoreKind.Sqlite,
        "etcd" => StoreKind.EtcdV1,
        _ => StoreKind.InMemory,
    };
    var asked = arguments.GetResult(local) is not null;
    var program = arguments.GetValue(daprd) ?? (asked ? null : Environment.GetEnvironmentVariable("DANUBE_DAPRD"));
    if (program is { Length: > 0 } && !File.Exists(program))
        throw new ArgumentException($"--daprd {program}: there is no such file.");
    if (arguments.GetValue(local) is { } dll && !File.Exists(dll))
        throw new ArgumentException($"--local {dll}: there is no such file.");
    return new LabOptions(kind, arguments.GetValue(local), program is { Length: > 0 } ? program : null, arguments.GetValue(placement), arguments.GetValue(scheduler));
}
