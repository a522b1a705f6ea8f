namespace Danube.Dapr.Planning;

/// <summary>One thing that is wrong with the input of a snapshot.</summary>
/// <param name="Path">Where, as a JSON path such as <c>$.topics[3].owner</c>.</param>
/// <param name="Message">What is wrong, with the value and what is allowed.</param>
public sealed record SnapshotFault(string Path, string Message);

/// <summary>A snapshot contradicts itself and was refused.</summary>
public sealed class SnapshotException : Exception
{
    /// <summary>Creates the exception with every fault that was found.</summary>
    public SnapshotException(IReadOnlyList<SnapshotFault> faults)
        : base($"The snapshot has {faults.Count} fault(s): " + string.Join("; ", faults.Take(5).Select(f => $"{f.Path}: {f.Message}"))) =>
        Faults = faults;

    /// <summary>Every fault, in the order of the input.</summary>
    public IReadOnlyList<SnapshotFault> Faults { get; }
}
