using System.Net.Sockets;

namespace Danube.Dapr.Cli.Up;

/// <summary>Asks before anything is started whether a seed answers at all.</summary>
internal static class SeedCheck
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(5);

    /// <exception cref="CliException">None of the seeds accepts a connection.</exception>
    public static async Task RequireOneAsync(IReadOnlyList<Uri> seeds, CancellationToken cancellation)
    {
        List<string> faults = [];
        foreach (var seed in seeds)
        {
            using var socket = new TcpClient();
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            limit.CancelAfter(Timeout);
            try
            {
                await socket.ConnectAsync(seed.Host, seed.Port, limit.Token);
                return;
            }
            catch (SocketException e)
            {
                faults.Add($"{seed.Authority}: {e.Message}");
            }
            catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
            {
                faults.Add($"{seed.Authority}: no answer within {Timeout.TotalSeconds:0} s");
            }
        }
        throw new CliException($"No seed answers ({string.Join("; ", faults)}). --seeds takes the admin addresses of Danube brokers, for instance http://127.0.0.1:50051.");
    }
}
