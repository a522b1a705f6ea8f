using Danube.Dapr.Conformance.Launch;

namespace Danube.Dapr.Conformance.Tests;

/// <summary>
/// local-sidecar in the place of a daprd, as <c>./test --daprd PATH</c> starts one: with daprd's flags, and a process for each app. Only the areas where
/// that makes a difference; the others are tried with all stores beside it.
/// </summary>
public sealed class SidecarAsDaprdTests(SidecarAsDaprdTests.Fixture suite) : IClassFixture<SidecarAsDaprdTests.Fixture>
{
    private static readonly LabOptions s_options = new(StoreKind.InMemory, Daprd: Path.ChangeExtension(LocalSidecarProgram.Find(), OperatingSystem.IsWindows() ? ".exe" : null));

    private static readonly IReadOnlyList<Behaviour> s_tried = [.. Behaviours.Matching("health:,metadata:,invocation:,errors:,tokens:,tracing:").Where(static b => b.SkipReason(s_options.Target) is null)];

    public static TheoryData<string> Names => [.. s_tried.Select(static b => b.FullName)];

    [Theory, MemberData(nameof(Names))]
    public Task SidecarOfEachApp_BehavesAsDaprd(string behaviour) => suite.ShowsAsync(behaviour);

    public sealed class Fixture() : SuiteFixture(s_options, s_tried);
}

/// <summary>Two local-sidecar processes with one app-id share its actors and workflows.</summary>
public sealed class TwoSidecarsOnSqliteTests(TwoSidecarsOnSqliteTests.Fixture suite) : IClassFixture<TwoSidecarsOnSqliteTests.Fixture>
{
    public static TheoryData<string> Names => TwoSidecars.Names;

    [Theory, MemberData(nameof(Names))]
    public Task TwoSidecars_Sqlite_TakeOverAsDaprd(string behaviour) => suite.ShowsAsync(behaviour);

    public sealed class Fixture() : SuiteFixture(TwoSidecars.On(StoreKind.Sqlite), TwoSidecars.Tried);
}

/// <inheritdoc cref="TwoSidecarsOnSqliteTests"/>
public sealed class TwoSidecarsOnEtcdTests(TwoSidecarsOnEtcdTests.Fixture suite) : IClassFixture<TwoSidecarsOnEtcdTests.Fixture>
{
    public static TheoryData<string> Names => TwoSidecars.Names;

    [SuiteTheory(NeedsEtcd = true), MemberData(nameof(Names))]
    public Task TwoSidecars_Etcd_TakeOverAsDaprd(string behaviour) => suite.ShowsAsync(behaviour);

    public sealed class Fixture() : SuiteFixture(TwoSidecars.On(StoreKind.EtcdV1), TwoSidecars.Tried);
}

internal static class TwoSidecars
{
    public static IReadOnlyList<Behaviour> Tried { get; } = [.. Behaviours.Matching("instances:")];

    public static TheoryData<string> Names => [.. Tried.Select(static b => b.FullName)];

    public static LabOptions On(StoreKind store) => new(store, Daprd: Path.ChangeExtension(LocalSidecarProgram.Find(), OperatingSystem.IsWindows() ? ".exe" : null));
}
