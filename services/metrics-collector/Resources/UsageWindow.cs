using Danube.Dapr.Contracts;

namespace Danube.Dapr.MetricsCollector.Resources;

/// <summary>The samples of one broker since its last report, and the figures made from them. Every rate is a difference over the measured time between two readings.</summary>
internal sealed class UsageWindow
{
    private const int RecentSamples = 3;

    private readonly Series _cpu = new(10, isPercent: true);
    private readonly Series _throttled = new(10, isPercent: true);
    private readonly Series _memory = new(5, isPercent: true);
    private readonly Series _diskRead = new(1e6);
    private readonly Series _diskWritten = new(1e6);
    private readonly Series _diskBusy = new(10, isPercent: true);
    private readonly Series _networkIn = new(1e6);
    private readonly Series _networkOut = new(1e6);
    private readonly Series[] _all;
    private ResourceReading? _last;
    private TimeSpan _lastAt;

    public UsageWindow() => _all = [_cpu, _throttled, _memory, _diskRead, _diskWritten, _diskBusy, _networkIn, _networkOut];

    /// <summary>Adds a reading.</summary>
    public void Add(ResourceReading reading, TimeSpan at)
    {
        var seconds = (at - _lastAt).TotalSeconds;
        ForgetWhatIsNotMeasured(reading);
        if (reading.MemoryBytes is { } used && reading.MemoryLimitBytes is > 0 and var limit)
            _memory.Add(100 * used / limit, _last is null ? 1 : seconds);
        if (_last is { } last && seconds > 0)
        {
            if (Increase(last.CpuSeconds, reading.CpuSeconds) is { } cpu && reading.CpuCores is > 0 and var cores)
                _cpu.Add(100 * cpu / (seconds * cores), seconds);
            if (Increase(last.CpuPeriods, reading.CpuPeriods) is { } periods && Increase(last.CpuThrottledPeriods, reading.CpuThrottledPeriods) is { } throttled)
                _throttled.Add(periods > 0 ? 100 * throttled / periods : 0, weight: periods);
            // A device that came or went brings or takes all that passed it since the machine's start.
            if (last.Disks == reading.Disks)
            {
                _diskRead.AddRate(last.DiskReadBytes, reading.DiskReadBytes, seconds);
                _diskWritten.AddRate(last.DiskWrittenBytes, reading.DiskWrittenBytes, seconds);
            }

            if (last.Cards == reading.Cards)
            {
                _networkIn.AddRate(last.NetworkInBytes, reading.NetworkInBytes, seconds);
                _networkOut.AddRate(last.NetworkOutBytes, reading.NetworkOutBytes, seconds);
            }

            AddDiskBusy(last, reading, seconds);
        }

        _last = reading;
        _lastAt = at;
    }

    /// <summary>Forgets everything, because the target is another one or was not read for a while: the next reading is compared with none, and no figure is repeated.</summary>
    public void Break()
    {
        _last = null;
        foreach (var series in _all)
            series.Clear();
    }

    /// <summary>True when the mean of the last samples lies further from the last report than <paramref name="share"/> of its figure.</summary>
    public bool HasChanged(double share) => Array.Exists(_all, s => s.HasChanged(share));

    /// <summary>The figures since the last call; those of the last report where no sample came since, as long as they are measured at all.</summary>
    public ResourceUsage Take(ResourceUsage head) => head with
    {
        CpuPercent = _cpu.Take(),
        CpuThrottledPercent = _throttled.Take(),
        CpuCores = _last?.CpuCores,
        MemoryPercent = _memory.Take(),
        MemoryLimitBytes = _last?.MemoryLimitBytes,
        DiskReadBytesPerSecond = _diskRead.Take(),
        DiskWriteBytesPerSecond = _diskWritten.Take(),
        DiskBusyPercent = _diskBusy.Take(),
        NetworkInBytesPerSecond = _networkIn.Take(),
        NetworkOutBytesPerSecond = _networkOut.Take(),
        CpuPressurePercent = _last?.CpuPressurePercent,
        MemoryPressurePercent = _last?.MemoryPressurePercent,
        IoPressurePercent = _last?.IoPressurePercent,
    };

    private void ForgetWhatIsNotMeasured(ResourceReading reading)
    {
        if (reading.CpuSeconds is null || reading.CpuCores is not > 0)
            _cpu.ForgetReported();
        if (reading.CpuPeriods is null || reading.CpuThrottledPeriods is null)
            _throttled.ForgetReported();
        if (reading.MemoryBytes is null || reading.MemoryLimitBytes is not > 0)
            _memory.ForgetReported();
        if (reading.DiskReadBytes is null)
            _diskRead.ForgetReported();
        if (reading.DiskWrittenBytes is null)
            _diskWritten.ForgetReported();
        if (reading.DiskBusySeconds.Count == 0)
            _diskBusy.ForgetReported();
        if (reading.NetworkInBytes is null)
            _networkIn.ForgetReported();
        if (reading.NetworkOutBytes is null)
            _networkOut.ForgetReported();
    }

    private void AddDiskBusy(ResourceReading last, ResourceReading reading, double seconds)
    {
        double? busiest = null;
        foreach (var (device, busy) in reading.DiskBusySeconds)
        {
            foreach (var (before, busyBefore) in last.DiskBusySeconds)
            {
                if (before == device && Increase(busyBefore, busy) is { } increase)
                    busiest = Math.Max(busiest ?? 0, increase);
            }
        }

        if (busiest is { } most)
            _diskBusy.Add(100 * most / seconds, seconds);
    }

    /// <summary>A counter that went back began anew: what it shows is what was added since.</summary>
    private static double? Increase(double? before, double? now) =>
        before is { } b && now is { } n ? (n >= b ? n - b : n) : null;

    /// <summary>One figure's samples.</summary>
    /// <param name="floor">Changes below this share of this value do not count as changes: noise of small figures.</param>
    /// <param name="isPercent">Reported within 0 to 100. Single samples may lie above, when a quota's periods do not fall on the samples' ends; cutting those would bend the mean.</param>
    private sealed class Series(double floor, bool isPercent = false)
    {
        private readonly List<(double Value, double Weight)> _samples = [];
        private Figure? _reported;

        /// <summary>Adds a sample, which counts in the mean as much as <paramref name="weight"/> says: the seconds, or of a share the whole that it is of.</summary>
        public void Add(double value, double weight)
        {
            // A day without a report must not fill the memory.
            if (_samples.Count == 10_000)
                _samples.RemoveRange(0, 5_000);
            _samples.Add((value, weight));
        }

        public void AddRate(double? before, double? now, double seconds)
        {
            if (Increase(before, now) is { } increase)
                Add(increase / seconds, seconds);
        }

        /// <summary>What was reported is not repeated; samples since then still count.</summary>
        public void ForgetReported() => _reported = null;

        public void Clear()
        {
            _samples.Clear();
            _reported = null;
        }

        public bool HasChanged(double share)
        {
            if (_reported is null || _samples.Count < RecentSamples)
                return false;
            double recent = 0;
            for (var i = _samples.Count - RecentSamples; i < _samples.Count; i++)
                recent += _samples[i].Value / RecentSamples;
            var difference = Math.Abs(recent - _reported.Mean);
            return difference > floor && difference > share * _reported.Mean;
        }

        public Figure? Take()
        {
            if (_samples.Count == 0)
                return _reported;
            double sum = 0, whole = 0;
            foreach (var (value, weight) in _samples)
            {
                sum += value * weight;
                whole += weight;
            }

            var sorted = _samples.Select(s => s.Value).Order().ToArray();
            var p95 = sorted[(int)Math.Ceiling(0.95 * sorted.Length) - 1];
            _reported = new Figure(Bounded(whole > 0 ? sum / whole : sorted.Average()), Bounded(p95), Bounded(sorted[^1]));
            _samples.Clear();
            return _reported;
        }

        private double Bounded(double value) => isPercent ? Math.Clamp(value, 0, 100) : value;
    }
}
