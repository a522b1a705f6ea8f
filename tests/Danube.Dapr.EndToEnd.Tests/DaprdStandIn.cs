using System.Net;

namespace Danube.Dapr.EndToEnd.Tests;

/// <summary>
/// A Dapr home folder as <c>dapr init --slim</c> leaves it, whose programs are scripts: they write down how they were started, refuse flags that
/// Dapr 1.18 does not have, and run until they are stopped. The health of each daprd is answered from here, on the port that it was told.
/// </summary>
internal sealed class DaprdStandIn : IAsyncDisposable
{
    // What daprd, placement and scheduler 1.18 know, of what could be of use here.
    private const string DaprdFlags =
        "--mode --app-id --app-port --app-protocol --app-channel-address --dapr-http-port --dapr-grpc-port --dapr-internal-grpc-port --dapr-internal-grpc-listen-address "
        + "--dapr-public-port --dapr-listen-addresses --resources-path --config --placement-host-address --scheduler-host-address --scheduler-job-streams --app-max-concurrency "
        + "--max-body-size --read-buffer-size --unix-domain-socket --enable-app-health-check --app-health-check-path --app-health-probe-interval --app-health-probe-timeout "
        + "--app-health-threshold --enable-api-logging --log-level --log-as-json --metrics-port --enable-metrics --metrics-listen-address --dapr-graceful-shutdown-seconds";

    private const string PlacementFlags = "--port --healthz-port --metrics-port --log-level --listen-address";

    private const string SchedulerFlags =
        "--id --port --healthz-port --metrics-port --log-level --listen-address --etcd-embed --etcd-data-dir --etcd-client-port --etcd-initial-cluster --override-broadcast-host-port";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("dapr-stand-in-");
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _health;

    public DaprdStandIn()
    {
        Script("placement", PlacementFlags);
        Script("scheduler", SchedulerFlags);
        Script("daprd", DaprdFlags);
        _health = AnswerHealthAsync();
    }

    /// <summary>For <c>DAPR_RUNTIME_PATH</c>.</summary>
    public string Home => _folder.FullName;

    /// <summary>The command lines that were given so far, without the program.</summary>
    public IReadOnlyList<CommandLine> Started => [.. Directory.EnumerateFiles(_folder.FullName, "*.started").Order(StringComparer.Ordinal).Select(file =>
        new CommandLine(
            Path.GetFileName(file).Split('-')[0],
            File.ReadAllLines(file),
            File.Exists(file + ".resources") ? File.ReadAllLines(file + ".resources") : []))];

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _health;
        _stop.Dispose();
        _folder.Delete(recursive: true);
    }

    private async Task AnswerHealthAsync()
    {
        using var listener = new HttpListener();
        listener.Start();
        var answers = Task.Run(async () =>
        {
            while (await listener.GetContextAsync() is { } call)
            {
                try
                {
                    call.Response.StatusCode = call.Request.Url!.AbsolutePath == "/v1.0/healthz" ? 204 : 500;
                    call.Response.Close();
                }
                catch (HttpListenerException)
                {
                    // The caller has given up.
                }
            }
        });
        HashSet<string> served = [];
        while (!_stop.IsCancellationRequested)
        {
            foreach (var daprd in Started.Where(c => c.Program == "daprd" && served.Add(c["--dapr-http-port"])))
                listener.Prefixes.Add($"http://127.0.0.1:{daprd["--dapr-http-port"]}/");
            await Task.WhenAny(Task.Delay(50, _stop.Token));
        }
        listener.Stop();
        await Task.WhenAny(answers);
    }

    private void Script(string name, string flags)
    {
        var bin = Directory.CreateDirectory(Path.Combine(_folder.FullName, ".dapr", "bin"));
        var path = Path.Combine(bin.FullName, name);
        File.WriteAllText(path, $$"""
            #!/usr/bin/env bash
            written='{{_folder.FullName}}/{{name}}-'$$.started
            known=' {{flags}} '
            previous='' resources=''
            for argument in "$@"; do
              if [ -z "$previous" ]; then
                case "$known" in *" $argument "*) ;; *) echo "unknown flag: $argument" >&2; exit 2 ;; esac
                previous=$argument
              else
                [ "$previous" = --resources-path ] && resources=$argument
                previous=''
              fi
            done
            [ -z "$previous" ] || { echo "flag needs an argument: $previous" >&2; exit 2; }
            if [ "$resources" ]; then ls "$resources" > "$written.resources"; fi
            printf '%s\n' "$@" > "$written.part" && mv "$written.part" "$written"
            while :; do sleep 1; done
            """.ReplaceLineEndings("\n"));
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }
}

/// <summary>How a program was started.</summary>
/// <param name="Program">Its name.</param>
/// <param name="Arguments">Flags, each with its value.</param>
/// <param name="Resources">The files in the folder behind <c>--resources-path</c>, when it was started.</param>
internal sealed record CommandLine(string Program, IReadOnlyList<string> Arguments, IReadOnlyList<string> Resources)
{
    public string this[string flag] => Arguments.Chunk(2).Single(pair => pair[0] == flag)[1];
}
