namespace Danube.Dapr.Conformance.Tests;

public sealed class LocalSidecarInMemoryTests(LocalSidecarInMemoryTests.Fixture suite) : IClassFixture<LocalSidecarInMemoryTests.Fixture>
{
    [SuiteTheory, MemberData(nameof(SuiteData.LocalInMemory), MemberType = typeof(SuiteData))]
    public Task LocalSidecar_InMemory_BehavesAsDaprd(string behaviour) => suite.ShowsAsync(behaviour);

    public sealed class Fixture() : SuiteFixture(new(StoreKind.InMemory));
}

public sealed class LocalSidecarSqliteTests(LocalSidecarSqliteTests.Fixture suite) : IClassFixture<LocalSidecarSqliteTests.Fixture>
{
    [SuiteTheory, MemberData(nameof(SuiteData.LocalSqlite), MemberType = typeof(SuiteData))]
    public Task LocalSidecar_Sqlite_BehavesAsDaprd(string behaviour) => suite.ShowsAsync(behaviour);

    public sealed class Fixture() : SuiteFixture(new(StoreKind.Sqlite));
}

public sealed class LocalSidecarEtcdTests(LocalSidecarEtcdTests.Fixture suite) : IClassFixture<LocalSidecarEtcdTests.Fixture>
{
    [SuiteTheory(NeedsEtcd = true), MemberData(nameof(SuiteData.LocalEtcd), MemberType = typeof(SuiteData))]
    public Task LocalSidecar_Etcd_BehavesAsDaprd(string behaviour) => suite.ShowsAsync(behaviour);

    public sealed class Fixture() : SuiteFixture(new(StoreKind.EtcdV1));
}
