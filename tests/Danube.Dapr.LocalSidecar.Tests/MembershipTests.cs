using System.Net;
using System.Net.Sockets;
using Danube.Dapr.LocalSidecar.Names;
using Microsoft.Extensions.Logging.Abstractions;

namespace Danube.Dapr.LocalSidecar.Tests;

/// <summary>Whom a process takes for dead.</summary>
public sealed class MembershipTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);

    public MembershipTests() => _listener.Start();

    public void Dispose()
    {
        _listener.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task Member_BeatsWhileAnotherLooks_IsNotTakenForDead()
    {
        var settings = new NameResolution(Path.Combine(_folder.Path, "names.db"));
        using var table = new MembersTable(settings);
        table.Join("other", _listener.LocalEndpoint.ToString()!, "default", 1, "[]");
        // It takes its time later than the one that looks, and is in the file before that one reads.
        var clock = new Clock { AfterEach = now => table.Beat("other", now + 1) };
        await using var members = new Membership(settings, "default", clock, NullLogger.Instance);

        members.Start(new IPEndPoint(IPAddress.Loopback, 1), new PlacementActions(static _ => Task.CompletedTask, static () => { }, static _ => { }));
        await TestSidecar.Eventually(() => clock.Looks > 20);

        Assert.Contains(table.Read().Members, static m => m.Registration == "other");
    }

    [Fact]
    public async Task Member_OfTheTimeBeforeTheMachineWasStarted_IsRemoved()
    {
        var settings = new NameResolution(Path.Combine(_folder.Path, "names.db"));
        using var table = new MembersTable(settings);
        table.Join("other", _listener.LocalEndpoint.ToString()!, "default", 1_000_000_000, "[]");
        await using var members = new Membership(settings, "default", new Clock(), NullLogger.Instance);

        members.Start(new IPEndPoint(IPAddress.Loopback, 1), new PlacementActions(static _ => Task.CompletedTask, static () => { }, static _ => { }));

        await TestSidecar.Eventually(() => table.Read().Members.All(static m => m.Registration != "other"));
    }

    [Fact]
    public async Task Member_SleptAndWasNotRemoved_TakesWhatIsHereAgain()
    {
        var (time, taken) = (new SkippingTime(), 0);
        await using var members = new Membership(new NameResolution(Path.Combine(_folder.Path, "names.db")), "default", time, NullLogger.Instance);
        members.Start(new IPEndPoint(IPAddress.Loopback, 1), new PlacementActions(static _ => Task.CompletedTask, static () => { }, _ => Interlocked.Increment(ref taken)));
        await TestSidecar.Eventually(() => members.Placement is { IsSettled: true, Latest.Version: > 0 });
        Assert.Equal(1, Volatile.Read(ref taken));

        time.Skip(Membership.FenceTime + TimeSpan.FromSeconds(1));

        await TestSidecar.Eventually(() => Volatile.Read(ref taken) == 2);
        Assert.False(members.IsFenced);
    }

    /// <summary>A monotonic clock that goes on by 2 ms with each look at it.</summary>
    private sealed class Clock : TimeProvider
    {
        private long _milliseconds = 1000;
        private int _looks;

        public Action<long>? AfterEach { get; init; }

        public int Looks => Volatile.Read(ref _looks);

        public override long TimestampFrequency => 1000;

        public override long GetTimestamp()
        {
            var now = Interlocked.Add(ref _milliseconds, 2);
            AfterEach?.Invoke(now);
            Interlocked.Increment(ref _looks);
            return now;
        }
    }
}
