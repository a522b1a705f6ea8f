using System.CommandLine;
using System.Globalization;

namespace Danube.Dapr.LocalSidecar.CommandLine;

/// <summary>The arguments cannot be used.</summary>
public sealed class CommandLineException(string message) : Exception(message);

/// <summary>Reads the command line: <c>--app</c> for many apps, daprd's own flags for one.</summary>
public static class CommandLineParser
{
    // Flags of daprd that have no meaning here: accepted, so that a script written for daprd starts, and named in the log.
    private static readonly string[] IgnoredFlags =
    [
        "mode", "dapr-internal-grpc-listen-address", "dapr-public-port", "dapr-public-listen-address",
        "placement-host-address", "scheduler-host-address", "scheduler-job-streams", "actors-disseminate-timeout", "actors-service", "reminders-service",
        "read-buffer-size", "dapr-http-read-buffer-size", "unix-domain-socket", "metrics-port", "metrics-listen-address", "profile-port", "sentry-address", "control-plane-address",
        "control-plane-trust-domain", "control-plane-namespace", "sentry-request-jwt-audiences", "allowed-origins", "dapr-block-shutdown-duration", "disable-init-endpoints",
        "app-binding-options-timeout", "hot-reload-reconcile-interval", "kubeconfig",
    ];

    private static readonly string[] IgnoredSwitches = ["enable-metrics", "enable-profiling", "enable-mtls", "enable-api-logging", "disable-builtin-k8s-secret-store", "app-ssl", "wait"];

    private static readonly Option<string[]> App = Strings("app", "one app: app-id=ID,app-port=N,dapr-http-port=N,dapr-grpc-port=N; repeat for more apps or instances");
    private static readonly Option<string[]> ResourcesPath = Strings("resources-path", "a folder of component files; may be repeated", "components-path");
    private static readonly Option<string[]> Config = Strings("config", "a Configuration file; may be repeated");
    private static readonly Option<string?> AppId = Single("app-id", "the app-id of the one app");
    private static readonly Option<string?> AppPort = Single("app-port", "the port the app listens on");
    private static readonly Option<string?> HttpPort = Single("dapr-http-port", "the port of the Dapr HTTP API (3500)");
    private static readonly Option<string?> GrpcPort = Single("dapr-grpc-port", "the port of the Dapr gRPC API (50001)");
    private static readonly Option<string?> InternalPort = Single("dapr-internal-grpc-port", "the port on which other sidecars call this one (a free one)");
    private static readonly Option<string?> AppAddress = Single("app-channel-address", "the address the app listens on (127.0.0.1)");
    private static readonly Option<string?> Protocol = Single("app-protocol", "http or grpc (http)");
    private static readonly Option<string?> MaxConcurrency = Single("app-max-concurrency", "how many requests the app gets at once (no limit)");
    private static readonly Option<string?> ListenAddresses = Single("dapr-listen-addresses", "comma-separated addresses to listen on (loopback)");
    private static readonly Option<string?> MaxBodySize = Single("max-body-size", "the largest request body, such as 4Mi", "dapr-http-max-request-size");
    private static readonly Option<string?> Level = Single("log-level", "debug, info, warn or error (info)");
    private static readonly Option<string?> Graceful = Single("dapr-graceful-shutdown-seconds", "the longest time a stop may take (1)");
    private static readonly Option<bool> LogAsJson = new("--log-as-json") { Description = "log lines as JSON" };
    private static readonly Option<bool> EnableHealth = new("--enable-app-health-check") { Description = "ask the app for its health" };
    private static readonly Option<string?> HealthPath = Single("app-health-check-path", "the path of the app's health check (/healthz)");
    private static readonly Option<string?> HealthInterval = Single("app-health-probe-interval", "seconds between checks (5)");
    private static readonly Option<string?> HealthTimeout = Single("app-health-probe-timeout", "milliseconds that a check may take (500)");
    private static readonly Option<string?> HealthThreshold = Single("app-health-threshold", "failures in a row until the app is unhealthy (3)");

    /// <summary>The version that <c>--version</c> prints and the metadata shows: that of the daprd whose behaviour this is.</summary>
    public const string RuntimeVersion = "1.18.3";

    /// <summary>Reads the arguments.</summary>
    /// <param name="args">The arguments of the process; a single dash before a flag is as good as two.</param>
    /// <param name="environment">Looks up an environment variable.</param>
    /// <param name="ignored">The flags that were given and have no effect.</param>
    /// <returns>The options, or null when help or the version was asked for and printed.</returns>
    /// <exception cref="CommandLineException">A flag is not known, or a value is wrong.</exception>
    public static SidecarOptions? Parse(IReadOnlyList<string> args, Func<string, string?> environment, out IReadOnlyList<string> ignored)
    {
        var ignoredOptions = IgnoredFlags.Select(static f => (Option)Single(f, "accepted, without effect", hidden: true))
            .Concat(IgnoredSwitches.Select(static f => (Option)new Option<bool>("--" + f) { Hidden = true })).ToList();
        var version = new Option<bool>("--version", "--build-info") { Description = "print the version" };
        var root = new RootCommand("local-sidecar: a stand-in for daprd on a machine without Dapr");
        foreach (var builtIn in root.Options.OfType<VersionOption>().ToList()) root.Options.Remove(builtIn);
        foreach (var option in (Option[])[App, ResourcesPath, Config, AppId, AppPort, HttpPort, GrpcPort, InternalPort, AppAddress, Protocol, MaxConcurrency, ListenAddresses, MaxBodySize, Level, Graceful, LogAsJson,
            EnableHealth, HealthPath, HealthInterval, HealthTimeout, HealthThreshold, version, .. ignoredOptions]) root.Options.Add(option);

        var result = root.Parse([.. args.Select(TwoDashes)], new ParserConfiguration { EnablePosixBundling = false, ResponseFileTokenReplacer = null });
        ignored = [.. ignoredOptions.Where(o => result.GetResult(o) is { Implicit: false }).Select(static o => o.Name)];
        if (result.Errors is [var error, ..]) throw new CommandLineException(error.Message.TrimEnd('.'));
        if (result.GetValue(version))
        {
            Console.Out.WriteLine(RuntimeVersion);
            return null;
        }
        if (result.Action is not null)
        {
            result.Invoke();
            return null;
        }
        return Options(result, environment);
    }

    private static SidecarOptions Options(ParseResult result, Func<string, string?> environment)
    {
        var defaults = new AppOptions
        {
            AppId = "", DaprHttpPort = 3500, DaprGrpcPort = 50001,
            AppProtocol = ProtocolOf("--app-protocol", result.GetValue(Protocol)),
            AppChannelAddress = result.GetValue(AppAddress) ?? "127.0.0.1",
            AppMaxConcurrency = Whole(MaxConcurrency, result, -1, int.MaxValue) is { } n and > 0 ? n : null,
        };
        if (result.GetValue(EnableHealth))
        {
            defaults = defaults with
            {
                HealthCheckPath = "/" + (result.GetValue(HealthPath) ?? "/healthz").TrimStart('/'),
                HealthProbeInterval = TimeSpan.FromSeconds(Whole(HealthInterval, result, 1, 3600) ?? 5),
                HealthProbeTimeout = TimeSpan.FromMilliseconds(Whole(HealthTimeout, result, 1, 3_600_000) ?? 500),
                HealthThreshold = Whole(HealthThreshold, result, 1, 1000) ?? 3,
            };
        }

        var many = result.GetValue(App) ?? [];
        var apps = new List<AppOptions>();
        if (many.Length == 0)
        {
            apps.Add(defaults with
            {
                AppId = result.GetValue(AppId) is { Length: > 0 } id ? id : throw new CommandLineException("--app-id is missing (or --app for several apps)"),
                AppPort = Whole(AppPort, result, 0, 65535) is { } port and > 0 ? port : null,
                DaprHttpPort = Whole(HttpPort, result, 1, 65535) ?? 3500,
                DaprGrpcPort = Whole(GrpcPort, result, 1, 65535) ?? 50001,
                DaprInternalPort = Whole(InternalPort, result, 0, 65535) is { } own and > 0 ? own : null,
            });
        }
        else
        {
            foreach (var (given, name) in ((Option, string)[])[(AppId, "--app-id"), (AppPort, "--app-port"), (HttpPort, "--dapr-http-port"), (GrpcPort, "--dapr-grpc-port"), (InternalPort, "--dapr-internal-grpc-port")])
                if (result.GetResult(given) is { Implicit: false }) throw new CommandLineException($"{name} and --app cannot be used together");
            apps.AddRange(many.Select(text => OneApp(text, defaults)));
        }
        Check(apps);

        return new SidecarOptions
        {
            Apps = apps,
            ResourcePaths = result.GetValue(ResourcesPath) ?? [],
            ConfigPaths = result.GetValue(Config) ?? [],
            ListenAddresses = result.GetValue(ListenAddresses)?.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) ?? [],
            ApiToken = environment("DAPR_API_TOKEN") is { Length: > 0 } api ? api : null,
            AppToken = environment("APP_API_TOKEN") is { Length: > 0 } app ? app : null,
            Namespace = environment("NAMESPACE") is { Length: > 0 } ns ? ns : "default",
            MaxBodyBytes = Size(result.GetValue(MaxBodySize)),
            LogLevel = LevelOf(result.GetValue(Level)),
            LogAsJson = result.GetValue(LogAsJson),
            // Apps of one process find each other anyway.
            NamesFile = many.Length == 0 ? Path.Combine(Path.GetTempPath(), "local-sidecar-" + Environment.UserName, "names.db") : null,
            ShutdownTimeout = TimeSpan.FromSeconds(Math.Min(Whole(Graceful, result, 0, 3600) ?? 1, 1)),
        };
    }

    private static AppOptions OneApp(string text, AppOptions app)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var pair in text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var equals = pair.IndexOf('=', StringComparison.Ordinal);
            if (equals <= 0) throw new CommandLineException($"--app '{text}': '{pair}' is not of the form name=value");
            var (name, value) = (pair[..equals], pair[(equals + 1)..]);
            if (!seen.Add(name)) throw new CommandLineException($"--app '{text}': {name} is given twice");
            app = name switch
            {
                "app-id" => app with { AppId = value },
                "app-port" => app with { AppPort = Port(text, name, value) },
                "dapr-http-port" => app with { DaprHttpPort = Port(text, name, value) },
                "dapr-grpc-port" => app with { DaprGrpcPort = Port(text, name, value) },
                "app-channel-address" => app with { AppChannelAddress = value },
                "app-protocol" => app with { AppProtocol = ProtocolOf($"--app '{text}': app-protocol", value) },
                _ => throw new CommandLineException($"--app '{text}': '{name}' is not known; app-id, app-port, app-protocol, dapr-http-port, dapr-grpc-port and app-channel-address are"),
            };
        }
        foreach (var needed in (string[])["app-id", "dapr-http-port", "dapr-grpc-port"])
            if (!seen.Contains(needed)) throw new CommandLineException($"--app '{text}': {needed} is missing");
        return app;
    }

    private static void Check(List<AppOptions> apps)
    {
        var ports = new Dictionary<int, string>();
        foreach (var app in apps)
        {
            if (app.AppId.Length == 0 || app.AppId.Contains('.', StringComparison.Ordinal) || app.AppId.Contains('|', StringComparison.Ordinal))
                throw new CommandLineException($"app-id '{app.AppId}' must not be empty nor hold a dot or a vertical bar");
            foreach (var (port, what) in ((int, string)[])[(app.DaprHttpPort, "dapr-http-port"), (app.DaprGrpcPort, "dapr-grpc-port"), (app.DaprInternalPort ?? 0, "dapr-internal-grpc-port")])
                if (port > 0 && !ports.TryAdd(port, $"{what} of {app.AppId}")) throw new CommandLineException($"{what} {port} of {app.AppId} is the {ports[port]} too");
        }
        foreach (var app in apps)
            if (app.AppPort is { } port && app.AppChannelAddress is "127.0.0.1" or "localhost" or "::1" && ports.TryGetValue(app.AppPort ?? 0, out var taken))
                throw new CommandLineException($"app-port {app.AppPort} of {app.AppId} is the {taken} too");
    }

    private static AppProtocol ProtocolOf(string name, string? text) => text?.ToLowerInvariant() switch
    {
        null or "" or "http" => AppProtocol.Http,
        "grpc" => AppProtocol.Grpc,
        _ => throw new CommandLineException($"{name} '{text}' is not available here; http and grpc are"),
    };

    private static int Port(string app, string name, string value) =>
        int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port is > 0 and <= 65535
            ? port : throw new CommandLineException($"--app '{app}': {name} '{value}' is not a port (1 to 65535)");

    private static int? Whole(Option<string?> option, ParseResult result, int least, int most) => result.GetValue(option) switch
    {
        null => null,
        var text when int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) && value >= least && value <= most => value,
        var text => throw new CommandLineException($"{option.Name} '{text}' is not a whole number from {least} to {most}"),
    };

    private static long Size(string? text)
    {
        if (string.IsNullOrEmpty(text)) return 4 * 1024 * 1024;
        var digits = text.AsSpan().IndexOfAnyExceptInRange('0', '9');
        var number = digits < 0 ? text : text[..digits];
        long? factor = (digits < 0 ? "Mi" : text[digits..]) switch { "Ki" => 1024, "Mi" => 1024 * 1024, "Gi" => 1024 * 1024 * 1024, "k" => 1000, "M" => 1_000_000, "G" => 1_000_000_000, "B" => 1, _ => null };
        return factor is { } f && long.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value is > 0 and < 1L << 32
            ? value * f : throw new CommandLineException($"--max-body-size '{text}' is not a size such as 4Mi");
    }

    private static LogLevel LevelOf(string? text) => text?.ToLowerInvariant() switch
    {
        null or "info" => LogLevel.Information,
        "debug" or "trace" => LogLevel.Debug,
        "warn" or "warning" => LogLevel.Warning,
        "error" => LogLevel.Error,
        "fatal" => LogLevel.Critical,
        _ => throw new CommandLineException($"--log-level '{text}' is not one of debug, info, warn, error, fatal"),
    };

    private static string TwoDashes(string argument) =>
        argument.Length > 2 && argument[0] == '-' && argument[1] != '-' && char.IsAsciiLetter(argument[1]) && char.IsAsciiLetter(argument[2]) ? "-" + argument : argument;

    private static Option<string?> Single(string name, string description, string? alias = null, bool hidden = false)
    {
        var option = new Option<string?>("--" + name) { Description = description, Hidden = hidden };
        if (alias is not null) option.Aliases.Add("--" + alias);
        return option;
    }

    private static Option<string[]> Strings(string name, string description, string? alias = null)
    {
        var option = new Option<string[]>("--" + name) { Description = description };
        if (alias is not null) option.Aliases.Add("--" + alias);
        return option;
    }
}
