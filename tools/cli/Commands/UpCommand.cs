using System.CommandLine;
using System.CommandLine.Parsing;
using Danube.Dapr.Cli.Up;

namespace Danube.Dapr.Cli.Commands;

/// <summary><c>danube-lb up</c>: starts everything on this machine and shows it.</summary>
internal static class UpCommand
{
    public static Command Create()
    {
        var caseName = new Option<string>("--case") { Description = "Case of the simulated cluster (--list-cases names them).", DefaultValueFactory = _ => "skew" };
        var listCases = new Option<bool>("--list-cases") { Description = "Print the cases, one line each, and end." };
        var untilBalanced = new Option<bool>("--until-balanced") { Description = "End as soon as the cluster is balanced and stays so: exit 0; 2 when --timeout passes first." };
        var timeout = new Option<int>("--timeout") { Description = "Seconds that --until-balanced waits, 1 to 86400.", DefaultValueFactory = _ => 120 };
        var forSeconds = new Option<int?>("--for") { Description = "Run this many seconds whatever happens, 1 to 86400." };
        var seeds = new Option<string[]>("--seeds") { Description = "Admin addresses of a real Danube cluster, http://host:50051[,...]; no simulator then.", AllowMultipleArgumentsPerToken = true };
        var move = new Option<bool>("--move") { Description = "With --seeds: move topics. Without it plans are only shown." };
        var storage = new Option<string>("--storage-mode") { Description = "With --seeds: storage mode of the brokers; a topic moves without loss only with shared_fs and object_store.", DefaultValueFactory = _ => "unknown" };
        storage.AcceptOnlyFromAmong("shared_fs", "object_store", "local", "unknown");
        var dapr = ServiceCommand.Choice("--dapr", "Sidecar: an installed Dapr if there is one (auto), daprd, or the embedded one (local). daprd needs Redis on localhost:6379.", SidecarKind.Auto);
        var state = ServiceCommand.Choice("--state", "State store: sqlite, memory or etcd.", StateKind.Sqlite);
        var etcd = new Option<string?>("--etcd") { Description = "With --state etcd: host:port of a running etcd; without it one is started for the run." };
        var zipkin = new Option<string?>("--zipkin") { Description = "Send traces to this Zipkin, for instance http://localhost:9411." };
        var portBase = new Option<int>("--port-base") { Description = "Services listen from this port on, 1024 to 65000; 0 takes free ports.", DefaultValueFactory = _ => 5100 };
        var logs = new Option<string?>("--log-dir") { Description = "Folder for the log of each process. Default: a new one under artifacts/run." };
        var stateDir = new Option<string?>("--state-dir") { Description = "Keep the state here over runs. Default: a temporary folder, removed at the end." };
        var seed = new Option<int?>("--seed") { Description = "Seed of the simulated cluster's random numbers." };

        var command = new Command("up", "Start a cluster (simulated, or your own with --seeds) with all services and watch it become balanced.")
        {
            caseName, listCases, untilBalanced, timeout, forSeconds, ServiceCommand.JsonOption, seeds, move, storage, dapr, state, etcd, zipkin, portBase, logs, stateDir, seed,
        };
        Within(timeout, 1, 86400);
        Within(portBase, 0, 65000);
        Within(forSeconds, 1, 86400);
        command.Validators.Add(result =>
        {
            if (result.GetValue(untilBalanced) && result.GetValue(forSeconds) is not null)
                result.AddError("--until-balanced and --for exclude each other.");
            if (result.GetResult(move) is not null && result.GetResult(seeds) is null)
                result.AddError("--move goes with --seeds: in a simulated cluster topics are always moved.");
            if (result.GetResult(etcd) is not null && result.GetValue(state) != "etcd")
                result.AddError("--etcd goes with --state etcd.");
            if (result.GetResult(caseName) is { Implicit: false } && result.GetResult(seeds) is not null)
                result.AddError("--case names a simulated cluster, --seeds a real one: give one of them.");
        });
        command.SetAction(async (parsed, cancellation) =>
        {
            if (parsed.GetValue(listCases))
                return await CaseList.PrintAsync(cancellation);
            var settings = new UpSettings
            {
                Case = parsed.GetValue(caseName)!,
                Seeds = ParseSeeds(parsed.GetValue(seeds) ?? []),
                Move = parsed.GetValue(move),
                StorageMode = parsed.GetValue(storage)!,
                UntilBalanced = parsed.GetValue(untilBalanced),
                Timeout = TimeSpan.FromSeconds(parsed.GetValue(timeout)),
                For = parsed.GetValue(forSeconds) is { } seconds ? TimeSpan.FromSeconds(seconds) : null,
                Json = parsed.GetValue(ServiceCommand.JsonOption),
                Dapr = Enum.Parse<SidecarKind>(parsed.GetValue(dapr)!, ignoreCase: true),
                State = Enum.Parse<StateKind>(parsed.GetValue(state)!, ignoreCase: true),
                EtcdEndpoint = parsed.GetValue(etcd),
                Zipkin = ParseZipkin(parsed.GetValue(zipkin)),
                PortBase = parsed.GetValue(portBase),
                LogDirectory = parsed.GetValue(logs),
                StateDirectory = parsed.GetValue(stateDir),
                Seed = parsed.GetValue(seed),
            };
            return await UpRunner.RunAsync(settings, TimeProvider.System, cancellation);
        });
        return command;
    }

    private static void Within(Option<int> option, int low, int high) =>
        option.Validators.Add(result => Check(result, option.Name, low, high));

    private static void Within(Option<int?> option, int low, int high) =>
        option.Validators.Add(result => Check(result, option.Name, low, high));

    private static void Check(OptionResult result, string name, int low, int high)
    {
        foreach (var token in result.Tokens)
        {
            if (int.TryParse(token.Value, out var value) && (value < low || value > high))
                result.AddError($"{name} is {value}, but must be {low} to {high}.");
        }
    }

    internal static IReadOnlyList<Uri> ParseSeeds(IEnumerable<string> texts) =>
        [.. texts.SelectMany(t => t.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)).Select(text =>
            Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https"
                ? new Uri(text)
                : throw new CliException($"--seeds: '{text}' is no address; allowed is http://host:port or https://host:port."))];

    /// <summary>Takes a Zipkin's base address or its whole span endpoint.</summary>
    internal static Uri? ParseZipkin(string? text)
    {
        if (text is null)
            return null;
        if (!Uri.TryCreate(text, UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https"))
            throw new CliException($"--zipkin: '{text}' is no address; allowed is http://host:port, for instance http://localhost:9411.");
        return uri.AbsolutePath == "/" ? new Uri(uri, "/api/v2/spans") : uri;
    }
}
