using Danube.Dapr.Conformance.Launch;

namespace Danube.Dapr.Conformance.Tests;

/// <summary>The behaviours that say something about a sidecar with such a store.</summary>
public static class SuiteData
{
    /// <summary>The daprd to try, or null.</summary>
    public static string? Daprd { get; } = Environment.GetEnvironmentVariable("DANUBE_DAPRD") is { Length: > 0 } path ? path : null;

    public static TheoryData<string> LocalInMemory => Of(new(StoreKind.InMemory));

    public static TheoryData<string> LocalSqlite => Of(new(StoreKind.Sqlite));

    public static TheoryData<string> LocalEtcd => Of(new(StoreKind.EtcdV1));

    public static TheoryData<string> DaprdInMemory => Of(OnDaprd(StoreKind.InMemory));

    public static TheoryData<string> DaprdSqlite => Of(OnDaprd(StoreKind.Sqlite));

    public static TheoryData<string> DaprdEtcd => Of(OnDaprd(StoreKind.EtcdV1));

    internal static LabOptions OnDaprd(StoreKind store) => new(store, Daprd: Daprd ?? "daprd");

    private static TheoryData<string> Of(LabOptions options) => [.. Behaviours.All.Where(b => b.SkipReason(options.Target) is null).Select(b => b.FullName)];
}

/// <summary>A theory that needs programs which not every machine has.</summary>
public sealed class SuiteTheoryAttribute : TheoryAttribute
{
    /// <summary>An etcd on PATH.</summary>
    public bool NeedsEtcd
    {
        get;
        set
        {
            field = value;
            if (value && Backends.EtcdProgram is null)
                Skip ??= "etcd is not on PATH (Debian: apt-get install etcd-server)";
        }
    }

    /// <summary>A real daprd.</summary>
    public bool NeedsDaprd
    {
        get;
        set
        {
            field = value;
            if (value && SuiteData.Daprd is null)
                Skip ??= "no daprd is given (./test --daprd PATH)";
        }
    }
}
