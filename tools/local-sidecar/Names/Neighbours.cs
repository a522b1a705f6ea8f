using System.Collections.Concurrent;
using System.Net;
using Danube.Dapr.LocalSidecar.Hosting;
using Microsoft.Data.Sqlite;

namespace Danube.Dapr.LocalSidecar.Names;

/// <summary>Another process has the app and could not hand the call to it.</summary>
internal sealed class NeighbourException(string problem) : HttpRequestException(problem);

/// <summary>The apps of other sidecar processes of this machine: tells them of the own apps, and passes invocations on.</summary>
internal sealed partial class Neighbours : IAsyncDisposable
{
    /// <summary>Set on an answer that is not the app's: what went wrong on the way to it.</summary>
    public const string ProblemHeader = "Dapr-Sidecar-Problem";

    // As daprd: an address where nobody listens any more is looked up again, after a second each time.
    private const int Rounds = 3;

    private const int SmallBody = 1024;

    private readonly HostsTable _hosts;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly TimeSpan _interval;
    private readonly ConcurrentDictionary<string, AppChannel> _channels = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _stopping = new();
    private IReadOnlyList<(string Registration, string Address, AppRuntime App)> _own = [];
    private Task _announcing = Task.CompletedTask;

    /// <exception cref="SqliteException">The file cannot be opened.</exception>
    public Neighbours(NameResolution settings, TimeProvider time, ILogger logger)
    {
        (_hosts, _time, _logger) = (new HostsTable(settings), time, logger);
        // Twice as often as needed: a busy machine may be late with one.
        _interval = (settings.UpdateInterval - settings.Timeout) / 2;
    }

    /// <summary>Lists the own apps from now on, each with the address where other sidecars call it.</summary>
    public void Announce(IEnumerable<(AppRuntime App, IPEndPoint Address)> apps)
    {
        _own = [.. apps.Select(static a => (Guid.NewGuid().ToString(), a.Address.ToString(), a.App))];
        Try(_hosts.RemoveOld);
        PutAll();
        _announcing = Task.Run(AnnounceAsync);
    }

    /// <summary>Sends a request to a sidecar that has the app.</summary>
    /// <param name="request">Makes the request; called again when an address turns out to be dead or another app's.</param>
    /// <returns>The app's answer, or null when no sidecar has the app.</returns>
    /// <exception cref="HttpRequestException">None of the listed sidecars could be reached, or the app could not.</exception>
    public async Task<HttpResponseMessage?> SendAsync(string appId, string @namespace, Func<AppChannel, HttpRequestMessage> request, CancellationToken cancellationToken)
    {
        HttpRequestException? failed = null;
        for (var round = 1; ; round++)
        {
            var addresses = Find(appId, @namespace);
            foreach (var address in addresses)
            {
                try
                {
                    var sent = request(ChannelTo(address));
                    // A body can be sent once: where there is another address, this one must take the call first.
                    var isOnce = sent.Content is StreamContent;
                    // HttpClient sends a small one whatever the answer is: that is kept instead.
                    if (isOnce && addresses.Count > 1 && sent.Content!.Headers.ContentLength <= SmallBody) await sent.Content.LoadIntoBufferAsync(cancellationToken);
                    else if (isOnce && addresses.Count > 1) sent.Headers.ExpectContinue = true;
                    var response = await ChannelTo(address).SendAsync(sent, cancellationToken);
                    if (!response.Headers.TryGetValues(ProblemHeader, out var problem)) return response;
                    response.Dispose();
                    failed = new NeighbourException(Uri.UnescapeDataString(string.Concat(problem)));
                    if (response.StatusCode != HttpStatusCode.MisdirectedRequest || (isOnce && addresses.Count == 1)) throw failed;
                }
                catch (HttpRequestException e) when (AppChannel.WasRefused(e))
                {
                    // The process ended; its line stays until it is too old.
                    failed = e;
                    _channels.TryRemove(address, out _);
                }
            }
            if (failed is null) return null;
            if (round == Rounds) throw failed;
            await Task.Delay(TimeSpan.FromSeconds(1), _time, cancellationToken);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_stopping.IsCancellationRequested) return;
        await _stopping.CancelAsync();
        await _announcing;
        foreach (var (registration, _, _) in _own) Try(() => _hosts.Remove(registration));
        foreach (var channel in _channels.Values) channel.Dispose();
        _hosts.Dispose();
        _stopping.Dispose();
    }

    private IReadOnlyList<string> Find(string appId, string @namespace)
    {
        try
        {
            return _hosts.Find(appId, @namespace);
        }
        catch (SqliteException e)
        {
            throw new NeighbourException("failed to look up address: " + e.Message);
        }
    }

    private AppChannel ChannelTo(string address) => _channels.GetOrAdd(address, static a =>
    {
        var colon = a.LastIndexOf(':');
        return new AppChannel(a[..colon].Trim('[', ']'), int.Parse(a.AsSpan(colon + 1), System.Globalization.CultureInfo.InvariantCulture));
    });

    private async Task AnnounceAsync()
    {
        using var timer = new PeriodicTimer(_interval, _time);
        try
        {
            while (await timer.WaitForNextTickAsync(_stopping.Token)) PutAll();
        }
        catch (OperationCanceledException)
        {
            // The sidecar stops.
        }
    }

    private void PutAll()
    {
        foreach (var (registration, address, app) in _own) Try(() => _hosts.Put(registration, address, app.AppId, app.Namespace));
    }

    private void Try(Action access)
    {
        try
        {
            access();
        }
        catch (SqliteException e)
        {
            Unlisted(_logger, e.Message);
        }
    }

    [LoggerMessage(LogLevel.Warning, "the list of sidecars could not be written: {problem}; others may not find the apps of this one until the next try")]
    private static partial void Unlisted(ILogger logger, string problem);
}
