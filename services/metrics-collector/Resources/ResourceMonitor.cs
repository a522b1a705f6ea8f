using Danube.Dapr.BrokerClient;
using Danube.Dapr.Contracts;
using Microsoft.Extensions.Options;

namespace Danube.Dapr.MetricsCollector.Resources;

/// <summary>How a broker is measured, as <c>GET /targets</c> answers.</summary>
/// <param name="BrokerId">The broker.</param>
/// <param name="Address">Its client address.</param>
/// <param name="Kind">The configured kind of target.</param>
/// <param name="Source">What is measured: as <see cref="ResourceUsage.Source"/>.</param>
/// <param name="Evidence">What that was chosen from.</param>
/// <param name="Fallback">True when the configured target could not be read.</param>
/// <param name="SharedByBrokers">Brokers whose figures come from the same place.</param>
/// <param name="Error">Why the last reading failed; null when it did not.</param>
internal sealed record TargetView(string BrokerId, string Address, string Kind, string Source, string Evidence, bool Fallback, int SharedByBrokers, string? Error);

/// <summary>Samples the resources of the brokers between the reports. One target is read once per sample, however many brokers share it.</summary>
internal sealed partial class ResourceMonitor(
    ITargetResolver resolver, IOptions<CollectorOptions> options, TimeProvider time, ILogger<ResourceMonitor> log)
{
    /// <summary>Whoever listens on no port of this machine may only be late, and a name may have an address a moment later. Looking costs a name query and a walk through the processes.</summary>
    private static readonly TimeSpan LookAgainAfter = TimeSpan.FromSeconds(10);

    private readonly BoundedQuestions<ResolvedTarget> _targets = new(TimeSpan.FromSeconds(5));
    private readonly BoundedQuestions<(double? UsedPercent, double? FreeBytes)> _fileSystems = new(TimeSpan.FromSeconds(2));
    private readonly CollectorOptions _options = options.Value;
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Followed> _followed = new(StringComparer.Ordinal);
    private readonly long _origin = time.GetTimestamp();

    /// <summary>Asks the file system of a path.</summary>
    internal Func<string, (double? UsedPercent, double? FreeBytes)> AskFileSystem { get; init; } = Storage.Of;

    /// <summary>Says which brokers are measured from now on; a target that is new, was not found, or whose last reading failed, is looked for again.</summary>
    public void Follow(IReadOnlyList<BrokerNode> brokers)
    {
        BrokerNode[] due;
        lock (_lock)
        {
            foreach (var gone in _followed.Keys.Except(brokers.Select(b => b.Id)).ToArray())
                _followed.Remove(gone);
            due = [.. brokers.Where(b => !_followed.TryGetValue(b.Id, out var known) || known.Broker.ClientAddress != b.ClientAddress || NeedsResolving(known))];
        }

        // Outside the lock: a name server or a mount that does not answer holds up no samples and no reports.
        foreach (var broker in due)
        {
            var wanted = TargetOf(broker);
            var target = _targets.TryAsk($"{broker.Id} {broker.ClientAddress}", () => resolver.Resolve(broker, wanted), out var found) ? found : null;
            lock (_lock)
            {
                if (target is not null || !_followed.ContainsKey(broker.Id))
                    Follow(broker, target ?? new ResolvedTarget(wanted.Kind, null, "the machine did not tell in time what to measure", false, ""));
            }
        }

        Sample();
    }

    /// <summary>Whether the broker runs on this machine.</summary>
    public bool IsHere(BrokerNode broker) => resolver.IsHere(broker);

    /// <summary>Reads every target once.</summary>
    /// <returns>Brokers whose figures have changed so much that their report should go out now.</returns>
    public IReadOnlyList<string> Sample()
    {
        var changed = new List<string>();
        lock (_lock)
        {
            var readings = new Dictionary<string, (ResourceReading? Reading, string? Error)>(StringComparer.Ordinal);
            foreach (var (id, followed) in _followed)
            {
                if (followed.Target.Reader is not { } reader)
                    continue;
                if (!readings.TryGetValue(reader.Key, out var result))
                    readings[reader.Key] = result = TryRead(reader);
                followed.Error = result.Error;
                if (result.Reading is null)
                {
                    followed.IsLost = true;
                    followed.Window.Break();
                    continue;
                }

                followed.Window.Add(result.Reading, Now());
                if (IsDueEarly(followed))
                    changed.Add(id);
            }
        }

        return changed;
    }

    /// <summary>The use of a broker's machine since its last report.</summary>
    public ResourceUsage Take(string brokerId)
    {
        var path = StoragePathOf(brokerId);
        var (usedPercent, freeBytes) = path.Length > 0 && _fileSystems.TryAsk(path, () => AskFileSystem(path), out var answer) ? answer : default;
        lock (_lock)
        {
            if (!_followed.TryGetValue(brokerId, out var followed))
                return new ResourceUsage { Source = "none", Evidence = "the broker is not measured" };
            followed.ReportedAt = Now();
            var head = new ResourceUsage
            {
                Source = followed.Target.Reader?.Source ?? "none",
                Evidence = followed.Error is null ? followed.Target.Evidence : $"{followed.Target.Evidence}; not readable now: {followed.Error}",
                Fallback = followed.Target.Fallback,
                SharedByBrokers = SharedBy(followed),
            };
            if (followed.Target.Reader is null || followed.Error is not null)
                return head with { Source = "none" };
            if (followed.Target.StoragePath.Length > 0 && freeBytes is null)
                head = head with { Evidence = $"{head.Evidence}; the file system of {followed.Target.StoragePath} cannot be asked" };
            return followed.Window.Take(head) with { DiskUsedPercent = usedPercent is { } used ? Figure.Of(used) : null, DiskFreeBytes = freeBytes };
        }
    }

    private string StoragePathOf(string brokerId)
    {
        lock (_lock)
            return _followed.GetValueOrDefault(brokerId) is { Target: { Reader: not null } target, Error: null } ? target.StoragePath : "";
    }

    public IReadOnlyList<TargetView> Targets()
    {
        lock (_lock)
        {
            return
            [
                .. _followed.Values.OrderBy(f => f.Broker.Id, StringComparer.Ordinal).Select(f => new TargetView(
                    f.Broker.Id, f.Broker.ClientAddress.Authority, f.Target.Kind, f.Target.Reader?.Source ?? "none", f.Target.Evidence, f.Target.Fallback, SharedBy(f), f.Error)),
            ];
        }
    }

    private static (ResourceReading? Reading, string? Error) TryRead(IResourceReader reader)
    {
        try
        {
            return (reader.Read(), null);
        }
        catch (ResourceUnreadableException error)
        {
            return (null, error.Message);
        }
    }

    private void Follow(BrokerNode broker, ResolvedTarget target)
    {
        var known = _followed.GetValueOrDefault(broker.Id);
        var window = known?.Window ?? new UsageWindow();
        if (known?.Target.Reader?.Key != target.Reader?.Key || known?.Target.Evidence != target.Evidence)
            window.Break();
        _followed[broker.Id] = new Followed(broker, target, window) { ReportedAt = known?.ReportedAt, ResolvedAt = Now() };
        if (known?.Target.Evidence != target.Evidence)
            LogTarget(broker.Id, target.Reader?.Source ?? "none", target.Evidence);
    }

    /// <summary>A fallback is looked at again each time: the broker may only have been late.</summary>
    private bool NeedsResolving(Followed known) =>
        known.IsLost || known.Target.Fallback || (known.Target is { Reader: null, Kind: not "none" } && Now() - known.ResolvedAt >= LookAgainAfter);

    private bool IsDueEarly(Followed followed) =>
        _options.EarlyReportChangePercent > 0
        && followed.ReportedAt is { } reported
        && (Now() - reported).TotalSeconds >= _options.EarlyReportMinSeconds
        && followed.Window.HasChanged(_options.EarlyReportChangePercent / 100);

    private int SharedBy(Followed followed) =>
        followed.Target.Reader is { } reader ? _followed.Values.Count(f => f.Target.Reader?.Key == reader.Key) : 1;

    private TargetOptions TargetOf(BrokerNode broker) =>
        _options.Targets.FirstOrDefault(t => t.Broker == broker.Id || t.Broker == broker.ClientAddress.Authority)
        ?? _options.Targets.FirstOrDefault(t => t.Broker == "*")
        ?? new TargetOptions();

    private TimeSpan Now() => time.GetElapsedTime(_origin);

    [LoggerMessage(Level = LogLevel.Information, Message = "Broker {BrokerId}: resources come from {Source}: {Evidence}")]
    private partial void LogTarget(string brokerId, string source, string evidence);

    private sealed record Followed(BrokerNode Broker, ResolvedTarget Target, UsageWindow Window)
    {
        public bool IsLost { get; set; }

        public TimeSpan ResolvedAt { get; init; }

        public TimeSpan? ReportedAt { get; set; }

        public string? Error { get; set; }
    }
}

/// <summary>The file system of a path.</summary>
internal static class Storage
{
    /// <summary>Used share in percent and free bytes; null when it cannot be asked. Does not return while the mount hangs.</summary>
    public static (double? UsedPercent, double? FreeBytes) Of(string path)
    {
        try
        {
            var drive = new DriveInfo(path);
            // As df counts: what is kept for the administrator is neither used nor free to the broker.
            var used = (double)(drive.TotalSize - drive.TotalFreeSpace);
            var free = (double)drive.AvailableFreeSpace;
            return (used + free > 0 ? 100 * used / (used + free) : null, free);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return (null, null);
        }
    }
}
