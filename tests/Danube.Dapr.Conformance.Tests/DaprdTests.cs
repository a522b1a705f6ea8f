namespace Danube.Dapr.Conformance.Tests;

// The same suite on a real daprd.

public sealed class DaprdInMemoryTests(DaprdInMemoryTests.Fixture suite) : IClassFixture<DaprdInMemoryTests.Fixture>
{
    [SuiteTheory(NeedsDaprd = true), MemberData(nameof(SuiteData.DaprdInMemory), MemberType = typeof(SuiteData))]
    public Task Daprd_InMemory_BehavesAsRecorded(string behaviour) => suite.ShowsAsync(behaviour);

    public sealed class Fixture() : SuiteFixture(SuiteData.OnDaprd(StoreKind.InMemory));
}

public sealed class DaprdSqliteTests(DaprdSqliteTests.Fixture suite) : IClassFixture<DaprdSqliteTests.Fixture>
{
    [SuiteTheory(NeedsDaprd = true), MemberData(nameof(SuiteData.DaprdSqlite), MemberType = typeof(SuiteData))]
    public Task Daprd_Sqlite_BehavesAsRecorded(string behaviour) => suite.ShowsAsync(behaviour);

    public sealed class Fixture() : SuiteFixture(SuiteData.OnDaprd(StoreKind.Sqlite));
}

public sealed class DaprdEtcdTests(DaprdEtcdTests.Fixture suite) : IClassFixture<DaprdEtcdTests.Fixture>
{
    [SuiteTheory(NeedsDaprd = true, NeedsEtcd = true), MemberData(nameof(SuiteData.DaprdEtcd), MemberType = typeof(SuiteData))]
    public Task Daprd_Etcd_BehavesAsRecorded(string behaviour) => suite.ShowsAsync(behaviour);

    public sealed class Fixture() : SuiteFixture(SuiteData.OnDaprd(StoreKind.EtcdV1));
}
