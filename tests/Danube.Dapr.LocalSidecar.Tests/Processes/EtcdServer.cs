using System.Diagnostics;
using System.Globalization;
using System.Net;

namespace Danube.Dapr.LocalSidecar.Tests.Processes;

/// <summary>An etcd of a test's own, with its data in a temporary folder.</summary>
internal sealed class EtcdServer : IAsyncDisposable
{
    private readonly Process _process;
    private readonly TempFolder _folder;

    private EtcdServer(Process process, TempFolder folder, int port) => (_process, _folder, Endpoint) = (process, folder, string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{port}"));

    /// <summary>The program, or null when it is not installed.</summary>
    public static string? Program { get; } = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Select(static p => Path.Combine(p, "etcd")).FirstOrDefault(File.Exists);

    public string Endpoint { get; }

    /// <summary>Starts it and waits until it is healthy.</summary>
    /// <param name="certificates">For a server that speaks TLS only, to clients with a certificate.</param>
    public static async Task<EtcdServer> StartAsync(TestCertificates? certificates = null)
    {
        var (folder, port, peer) = (new TempFolder(), TestApp.FreePort(), TestApp.FreePort());
        var start = new ProcessStartInfo(Program!) { RedirectStandardError = true, RedirectStandardOutput = true };
        var clients = $"{(certificates is null ? "http" : "https")}://127.0.0.1:{port}";
        if (certificates is not null)
        {
            foreach (var argument in (string[])["--client-cert-auth", "--cert-file", folder.Write("server.crt", certificates.Server), "--key-file", folder.Write("server.key", certificates.ServerKey),
                "--trusted-ca-file", folder.Write("ca.crt", certificates.Authority)]) start.ArgumentList.Add(argument);
        }
        foreach (var argument in (string[])["--data-dir", Path.Combine(folder.Path, "data"), "--log-level", "error", "--listen-client-urls", clients, "--advertise-client-urls", clients,
            "--listen-peer-urls", $"http://127.0.0.1:{peer}", "--initial-advertise-peer-urls", $"http://127.0.0.1:{peer}", "--initial-cluster", $"default=http://127.0.0.1:{peer}"]) start.ArgumentList.Add(argument);
        var process = Process.Start(start)!;
        process.OutputDataReceived += static (_, _) => { };
        process.ErrorDataReceived += static (_, _) => { };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        var server = new EtcdServer(process, folder, port);
        using var client = certificates?.CreateClient() ?? new HttpClient();
        await Workflows.Eventually.TrueAsync(async () =>
        {
            try
            {
                return (await client.GetAsync(new Uri($"{clients}/health"))).StatusCode == HttpStatusCode.OK;
            }
            catch (HttpRequestException)
            {
                return false;
            }
        }, "etcd is healthy");
        return server;
    }

    public async ValueTask DisposeAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
        _folder.Dispose();
    }
}

/// <summary>A test that needs etcd; skipped where it is not installed.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class EtcdFactAttribute : FactAttribute
{
    /// <summary>Looks for etcd.</summary>
    public EtcdFactAttribute()
    {
        if (EtcdServer.Program is null) Skip = "etcd is not on PATH (Debian: apt-get install etcd-server)";
    }
}
