using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Microsoft.Data.Sqlite;

namespace Danube.Dapr.LocalSidecar.Names;

/// <summary>What a process does when the placement changes.</summary>
/// <param name="LeaveAsync">Gives up what is not here any more. The names are of members that are gone, which must not write any more.</param>
/// <param name="BreakOff">Ends at once what runs: others may think that this process is dead.</param>
/// <param name="Settled">Takes what is here from now on.</param>
internal sealed record PlacementActions(Func<IReadOnlyCollection<string>, Task> LeaveAsync, Action BreakOff, Action<Placement> Settled);

/// <summary>
/// This process as one of those that share actors and workflows. It says about twice a second that it is there and looks for changes more often. A member
/// that refuses connections is removed at once, one that is silent after <see cref="RemovalTime"/>; before that it has stopped by itself (<see cref="FenceTime"/>).
/// </summary>
internal sealed partial class Membership : IAsyncDisposable
{
    /// <summary>A member that could not say for so long that it is there does nothing for its actors and workflows any more.</summary>
    public static readonly TimeSpan FenceTime = TimeSpan.FromSeconds(4);

    /// <summary>A member that was silent for so long is removed by others.</summary>
    public static readonly TimeSpan RemovalTime = TimeSpan.FromSeconds(6);

    private static readonly TimeSpan BeatTime = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LateTime = TimeSpan.FromMilliseconds(900);
    private static readonly TimeSpan LookTime = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan LookTimeWhileMoving = TimeSpan.FromMilliseconds(40);

    private readonly MembersTable _table;
    private readonly string _namespace;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _stopping = new();
    private readonly SemaphoreSlim _look = new(0);
    private readonly HashSet<string> _vanished = new(StringComparer.Ordinal);
    private readonly Dictionary<string, CancellationTokenSource> _members = new(StringComparer.Ordinal);
    private PlacementActions? _actions;
    private string _address = "";
    private string _published = "[]";
    private bool _joined;
    private bool _isBroken;
    private bool _fenceWasOn;
    private long _acknowledged;
    private (long Version, Task Done) _leaving = (0, Task.CompletedTask);
    private Task _running = Task.CompletedTask;
    private long _lastBeat = long.MinValue;
    private volatile string _hosts = "[]";
    private volatile string _registration = "";
    private volatile Placement _placement = Placement.None;
    private volatile TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <exception cref="SqliteException">The file cannot be opened.</exception>
    public Membership(NameResolution settings, string @namespace, TimeProvider time, ILogger logger) => (_table, _namespace, _time, _logger) = (new MembersTable(settings), @namespace, time, logger);

    public Placement Placement => _placement;

    /// <summary>The name under which this process is a member now.</summary>
    public string Registration => _registration;

    /// <summary>Completes with the next change of <see cref="Placement"/>.</summary>
    public Task Changed => _changed.Task;

    /// <summary>True while others may take this process for dead: it must not act.</summary>
    public bool IsFenced => IsSilent(Interlocked.Read(ref _lastBeat));

    // The machine's monotonic clock, which all its processes share. After a restart of the machine it is smaller than what dead members left.
    private long Now => (long)_time.GetElapsedTime(0).TotalMilliseconds;

    /// <summary>Joins the others, who find this process at the address.</summary>
    public void Start(IPEndPoint address, PlacementActions actions)
    {
        (_address, _actions) = (address.ToString(), actions);
        _running = Task.Run(RunAsync);
    }

    /// <summary>Says what this process hosts from now on.</summary>
    public void Publish(IReadOnlyList<HostEntry> hosts)
    {
        _hosts = JsonSerializer.Serialize(hosts, HostJson.Default.IReadOnlyListHostEntry);
        _look.Release();
    }

    /// <summary>Waits until what was published holds for all members, or for the time given.</summary>
    public async Task SettleAsync(TimeSpan limit, CancellationToken cancellationToken)
    {
        var deadline = _time.GetUtcNow() + limit;
        while (_time.GetUtcNow() < deadline)
        {
            var changed = Changed;
            if (_hosts == Volatile.Read(ref _published) && _placement is { IsSettled: true, Latest.Version: > 0 }) return;
            try
            {
                await changed.WaitAsync(TimeSpan.FromMilliseconds(100), _time, cancellationToken);
            }
            catch (TimeoutException)
            {
                // Looked at again above.
            }
        }
    }

    /// <summary>Is cancelled when a member is gone: nothing that was sent to it will be answered.</summary>
    public CancellationToken GoneToken(string registration)
    {
        lock (_members) return _members.TryGetValue(registration, out var member) ? member.Token : new CancellationToken(true);
    }

    /// <summary>Owns nothing from here on; the others hear of it with <see cref="DisposeAsync"/>, when all is given up.</summary>
    public async Task ResignAsync()
    {
        if (!_stopping.IsCancellationRequested) await _stopping.CancelAsync();
        await _running;
        Set(Placement.None);
    }

    public async ValueTask DisposeAsync()
    {
        await ResignAsync();
        try
        {
            if (_joined) _table.Remove(_registration);
        }
        catch (SqliteException e)
        {
            Failed(_logger, e.Message);
        }
        _joined = false;
        _table.Dispose();
    }

    private async Task RunAsync()
    {
        var wasFenced = true;
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                Look();
                TakeAgain();
                if (_isBroken) Works(_logger);
                _isBroken = false;
            }
            catch (SqliteException e)
            {
                if (!_isBroken) Failed(_logger, e.Message);
                _isBroken = true;
            }
            if (IsFenced && !wasFenced) _actions!.BreakOff();
            wasFenced = IsFenced;
            try
            {
                await _look.WaitAsync(_placement.IsSettled && _joined && _hosts == _published ? LookTime : LookTimeWhileMoving, _stopping.Token);
            }
            catch (OperationCanceledException)
            {
                // The sidecar stops.
            }
        }
    }

    private void Look()
    {
        var now = Now;
        if (!_joined)
        {
            if (!_leaving.Done.IsCompleted) return;
            Join(now);
        }
        else if (now - _lastBeat >= BeatTime.TotalMilliseconds)
        {
            if (!_table.Beat(_registration, now))
            {
                Lose();
                return;
            }
            // Asked after the beat: nobody can have seen a fence after it. One that a sleeping process did not see itself counts, too.
            var before = Interlocked.Exchange(ref _lastBeat, now);
            _fenceWasOn |= IsSilent(before);
        }
        var hosts = _hosts;
        if (hosts != _published) _table.Publish(_registration, hosts);
        if (_leaving is { Version: var left, Done.IsCompletedSuccessfully: true } && left > _acknowledged)
        {
            _table.Acknowledge(_registration, left);
            _acknowledged = left;
        }
        var (version, members) = _table.Read();
        if (members.All(m => m.Registration != _registration))
        {
            Lose();
            return;
        }
        // Read after the table: what was written in time while this process waited for the file must not look like another boot's.
        var read = Now;
        foreach (var member in members.Where(m => m.Registration != _registration)) Watch(member, read);
        if (version > _placement.Latest.Version) Take(new PlacementTable(version, members.Where(m => m.Namespace == _namespace), _registration));
        Volatile.Write(ref _published, hosts);
        if (_leaving.Done.IsCompleted && (_leaving.Version < version || !_leaving.Done.IsCompletedSuccessfully)) Leave(version);
        if (!_placement.IsSettled && _acknowledged == version && members.All(m => m.Seen >= version || !_placement.Latest.Sharers.Contains(m.Registration))) Settle();
    }

    // What ended meanwhile because of the fence is here still: nobody removed this process.
    private void TakeAgain()
    {
        if (!_fenceWasOn || IsFenced) return;
        _fenceWasOn = false;
        if (_joined && _placement is { IsSettled: true, Latest.Version: > 0 }) _actions!.Settled(_placement);
    }

    private bool IsSilent(long lastBeat) => Now - lastBeat is var silent && (silent < 0 || silent > FenceTime.TotalMilliseconds);

    private void Join(long now)
    {
        _registration = Guid.NewGuid().ToString("N");
        var hosts = _hosts;
        _table.Join(_registration, _address, _namespace, now, hosts);
        Interlocked.Exchange(ref _lastBeat, now);
        (_joined, _acknowledged, _leaving) = (true, 0, (0, Task.CompletedTask));
        Volatile.Write(ref _published, hosts);
    }

    private void Take(PlacementTable table)
    {
        lock (_vanished) _vanished.UnionWith(_placement.Latest.Sharers.Where(r => !table.Registrations.Contains(r)));
        lock (_members)
        {
            foreach (var gone in _members.Keys.Where(r => !table.Registrations.Contains(r)).ToList())
                if (_members.Remove(gone, out var member)) _ = member.CancelAsync();
            foreach (var registration in table.Registrations) _members.TryAdd(registration, new CancellationTokenSource());
        }
        Set(new Placement([.. _placement.Tables, table]));
    }

    private void Settle()
    {
        var settled = new Placement([_placement.Latest]);
        // Before it is seen: who finds something here must find it begun.
        _actions!.Settled(settled);
        Set(settled);
    }

    // Given up while the process goes on saying that it is there: an app may take its time.
    private void Leave(long version) => _leaving = (version, Task.Run(async () =>
    {
        string[] vanished;
        lock (_vanished) vanished = [.. _vanished];
        try
        {
            await _actions!.LeaveAsync(vanished);
        }
        catch (Exception e) when (!_stopping.IsCancellationRequested)
        {
            NotLeft(_logger, e.Message);
            await Task.Delay(LookTime, _time);
            throw;
        }
        lock (_vanished) _vanished.ExceptWith(vanished);
        _look.Release();
    }));

    // Others took this process for dead and have its actors and workflows.
    private void Lose()
    {
        Lost(_logger);
        Interlocked.Exchange(ref _lastBeat, long.MinValue);
        _joined = false;
        Set(Placement.None);
        _actions!.BreakOff();
        var before = _leaving.Done;
        _leaving = (0, Task.Run(async () =>
        {
            await before.ContinueWith(static _ => { }, TaskScheduler.Default);
            await _actions.LeaveAsync([]);
        }));
    }

    private void Watch(MemberRow member, long now)
    {
        var silent = now - member.LastBeat;
        // A time that is still to come is that of a member that died before the machine was started anew.
        if (silent < 0 || silent > RemovalTime.TotalMilliseconds) _table.Remove(member.Registration, member.LastBeat);
        // One that this process has not seen before may have died before it came.
        else if (silent > LateTime.TotalMilliseconds || _placement.Latest.Version == 0) _ = LookAtAsync(member);
    }

    private async Task LookAtAsync(MemberRow member)
    {
        try
        {
            using var socket = new TcpClient();
            using var limit = new CancellationTokenSource(LateTime);
            await socket.ConnectAsync(IPEndPoint.Parse(member.Address), limit.Token);
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionRefused)
        {
            // Where nobody listens any more the process has ended.
            try
            {
                _table.Remove(member.Registration, member.LastBeat);
                _look.Release();
            }
            catch (Exception failure) when (failure is SqliteException or ObjectDisposedException or InvalidOperationException)
            {
                // The next look tries again.
            }
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            // It says nothing about the process.
        }
    }

    private void Set(Placement placement)
    {
        _placement = placement;
        var changed = _changed;
        _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        changed.TrySetResult();
    }

    [LoggerMessage(LogLevel.Warning, "the list of sidecars cannot be used: {problem}; without it this one stops its actors and workflows after some seconds")]
    private static partial void Failed(ILogger logger, string problem);

    [LoggerMessage(LogLevel.Warning, "the list of sidecars can be used again")]
    private static partial void Works(ILogger logger);

    [LoggerMessage(LogLevel.Warning, "other sidecars took this one for dead and have its actors and workflows; it joins them anew")]
    private static partial void Lost(ILogger logger);

    [LoggerMessage(LogLevel.Warning, "actors and workflows could not be handed over yet: {problem}")]
    private static partial void NotLeft(ILogger logger, string problem);
}
