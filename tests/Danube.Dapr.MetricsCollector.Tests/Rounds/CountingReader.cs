using Danube.Dapr.MetricsCollector.Resources;

namespace Danube.Dapr.MetricsCollector.Tests.Rounds;

/// <summary>A target whose CPU the test sets.</summary>
internal sealed class CountingReader(string key) : IResourceReader
{
    private double _cpuSeconds;

    public string Source => "process";

    public string Key => key;

    public int Reads { get; private set; }

    public string? Fault { get; set; }

    /// <summary>CPU seconds that each reading finds more than the last.</summary>
    public double CpuPerRead { get; set; }

    public ResourceReading Read()
    {
        if (Fault is { } fault)
            throw new ResourceUnreadableException(fault);
        Reads++;
        _cpuSeconds += CpuPerRead;
        return new ResourceReading { CpuSeconds = _cpuSeconds, CpuCores = 1, MemoryBytes = 1, MemoryLimitBytes = 100 };
    }
}
