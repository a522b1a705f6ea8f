namespace Danube.Dapr.Planning.Search;

/// <summary>SplitMix64: the same numbers from the same seed on every machine and runtime version, which <see cref="Random"/> does not promise.</summary>
internal struct DeterministicRandom(ulong seed)
{
    private ulong _state = seed;

    public ulong Next()
    {
        var z = _state += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    /// <summary>0 to below <paramref name="limit"/>.</summary>
    public int Next(int limit) => (int)(((UInt128)Next() * (uint)limit) >> 64);

    /// <summary>0 to below 1.</summary>
    public double NextDouble() => (Next() >> 11) * (1.0 / (1UL << 53));
}
