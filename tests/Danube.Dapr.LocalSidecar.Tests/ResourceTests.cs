using Danube.Dapr.LocalSidecar.CommandLine;
using Danube.Dapr.LocalSidecar.Components;
using Danube.Dapr.LocalSidecar.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Danube.Dapr.LocalSidecar.Tests;

public sealed class ResourceTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("state.redis", "v1", "", "spec.type: 'state.redis' is not available")]
    [InlineData("state.etcd", "v2", "endpoints: localhost:1", "spec.version: 'v2' of state.etcd is not available")]
    [InlineData("state.etcd", "v1", "", "spec.metadata.endpoints: is missing")]
    [InlineData("state.etcd", "v1", "endpoints: localhost:1; maxTxnOps: many", "spec.metadata.maxTxnOps: 'many' is not a whole number")]
    [InlineData("state.etcd", "v1", "endpoints: localhost:1; tlsEnable: true", "spec.metadata.ca: is missing")]
    [InlineData("state.etcd", "v1", "endpoints: localhost:1; tlsEnable: true; ca: x; cert: y; key: z", "spec.metadata.ca: holds no certificate in PEM form")]
    [InlineData("state.sqlite", "v1", "", "spec.metadata.connectionString: is missing")]
    [InlineData("state.sqlite", "v1", "connectionString: no-such-folder/x.db", "spec.metadata.connectionString: 'no-such-folder/x.db' cannot be opened")]
    [InlineData("state.sqlite", "v1", "connectionString: x.db; busyTimeout: soon", "spec.metadata.busyTimeout: 'soon' is not a duration")]
    [InlineData("state.sqlite", "v1", "connectionString: x.db; tableName: a;b", "spec.metadata.tableName")]
    [InlineData("state.in-memory", "v1", "actorStateStore: perhaps", "spec.metadata.actorStateStore: 'perhaps' is neither true nor false")]
    public void Load_ComponentThatCannotBeUsed_NamesFileAndField(string type, string version, string metadata, string expected)
    {
        var items = metadata.Split("; ", StringSplitOptions.RemoveEmptyEntries).Select(static m => $"  - {{ name: {m[..m.IndexOf(':', StringComparison.Ordinal)]}, value: '{m[(m.IndexOf(':', StringComparison.Ordinal) + 2)..]}' }}");
        var file = _folder.Write("store.yaml", $"kind: Component\nmetadata: {{ name: statestore }}\nspec:\n  type: {type}\n  version: {version}\n  metadata:\n{string.Join('\n', items)}\n");

        var e = Assert.Throws<ResourceException>(Load);

        Assert.StartsWith(file + ": " + expected, e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("metadata: { name: x }", "kind: is missing")]
    [InlineData("kind: Component\nspec: { type: state.in-memory }", "metadata: is missing")]
    [InlineData("kind: Component\nmetadata: { name: x }", "spec: is missing")]
    [InlineData("kind: Component\nmetadata: { name: x }\nspec: { metadata: [] }", "spec.type: is missing")]
    [InlineData("kind: Component\nmetadata: { name: x }\nspec: { type: state.in-memory, metadata: { a: b } }", "spec.metadata: a list is expected")]
    [InlineData("kind: Component\nmetadata: { name: x }\nspec: { type: state.sqlite, metadata: [ { name: connectionString, secretKeyRef: { name: s } } ] }", "spec.metadata[0].secretKeyRef: secret stores are not available")]
    [InlineData("kind: Subscription\nspec: { pubsubname: p, topic: t, routes: { rules: [ { match: 'event.x ~ 1', path: /a } ] } }", "spec.routes.rules[0].match: 'event.x ~ 1' cannot be used")]
    [InlineData("kind: Resiliency\nspec: { policies: { retries: { r: { duration: soon } } } }", "spec.policies.retries.r.duration: 'soon' is not a duration")]
    [InlineData("kind: Resiliency\nspec: { policies: { circuitBreakers: { c: { maxRequests: -1 } } } }", "spec.policies.circuitBreakers.c.maxRequests: '-1' is below 0")]
    [InlineData("kind: Resiliency\nspec: { targets: { components: { p: { inbound: { retry: r } } } } }", "spec.targets.components.p.inbound.retry: there is no policy 'r'")]
    [InlineData("kind: [", ": line ")]
    public void Load_BrokenFile_NamesFileAndField(string yaml, string expected)
    {
        var file = _folder.Write("broken.yaml", yaml);

        var e = Assert.Throws<ResourceException>(Load);

        Assert.StartsWith(file + ": ", e.Message, StringComparison.Ordinal);
        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_TwoActorStores_IsRefused()
    {
        foreach (var name in (string[])["one", "two"])
            _folder.Write(name + ".yaml", $"kind: Component\nmetadata: {{ name: {name} }}\nspec: {{ type: state.in-memory, metadata: [ {{ name: actorStateStore, value: 'true' }} ] }}");

        Assert.Contains("two actor state stores", Assert.Throws<ResourceException>(Load).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Load_Scopes_HideAComponentFromOtherApps()
    {
        _folder.Write("store.yaml", "kind: Component\nmetadata: { name: statestore }\nspec: { type: state.in-memory }\nscopes: [ b ]");

        await using var sidecar = Load();

        Assert.Empty(sidecar.GroupOf("a")!.Instances[0].Components.StateStores);
        Assert.Equal("statestore", Assert.Single(sidecar.GroupOf("b")!.Instances[0].Components.StateStores.Keys));
    }

    [Fact]
    public async Task Load_IgnoreErrors_LeavesTheComponentOut()
    {
        _folder.Write("store.yaml", "kind: Component\nmetadata: { name: statestore }\nspec: { type: state.redis, ignoreErrors: true }");

        await using var sidecar = Load();

        Assert.Empty(sidecar.Instances[0].Components.StateStores);
    }

    [Fact]
    public async Task Load_DefaultPolicies_HoldForTargetsThatAreNotListed()
    {
        _folder.Write("resiliency.yaml",
            """
            kind: Resiliency
            spec:
              policies:
                timeouts: { DefaultTimeoutPolicy: 5s }
                retries:
                  DefaultRetryPolicy: { duration: 1ms, maxRetries: 1 }
                  DefaultPubsubComponentInboundRetryPolicy: { duration: 1ms, maxRetries: 3 }
              targets:
                components: { listed: { inbound: {} } }
            """);

        await using var sidecar = Load();
        var components = sidecar.Instances[0].Components;

        Assert.Equal(4, await TriesAsync(components.InboundPolicy("pubsub")!));
        Assert.Equal(2, await TriesAsync(components.OutboundPolicy("statestore")!));
        Assert.Equal(2, await TriesAsync(components.AppPolicy("other")!));
        Assert.Null(components.InboundPolicy("listed"));
    }

    [Theory]
    [InlineData("kind: Component\nmetadata: { name: s }\nspec: { type: state.sqlite, metadata: [ { name: connectionString, value: ':memory:' }, { name: timeout, value: 5s } ] }", "spec.metadata.timeout")]
    [InlineData("kind: Resiliency\nspec: { policies: { retries: { r: { matching: { gRPCStatusCodes: '14' } } } } }", "spec.policies.retries.r.matching.gRPCStatusCodes")]
    [InlineData("kind: Resiliency\nspec: { targets: { actors: { A: { circuitBreakerScope: both } } } }", "spec.targets.actors.A.circuitBreakerScope")]
    [InlineData("kind: Resiliency\nspec: { targets: { actors: { A: { circuitBreakerScope: type } } } }", null)]
    public async Task Load_FieldWithoutEffect_IsNamedAtStart(string yaml, string? field)
    {
        var file = _folder.Write("some.yaml", yaml);
        using var lines = new Lines();

        await using var sidecar = Load(lines);

        Assert.Equal(field is null ? [] : [$"{file}: {field} has no effect here"], lines.All.Select(static l => l[..l.LastIndexOf(": ", StringComparison.Ordinal)]));
    }

    private sealed class Lines : ILoggerFactory, ILogger
    {
        public List<string> All { get; } = [];

        public ILogger CreateLogger(string categoryName) => this;

        public void AddProvider(ILoggerProvider provider)
        {
        }

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) => All.Add(formatter(state, exception));

        public void Dispose()
        {
        }
    }

    private static async Task<int> TriesAsync(Resiliency.Policy policy)
    {
        var tries = 0;
        await Assert.ThrowsAsync<Resiliency.CallFailedException>(async () => await policy.RunAsync(
            _ =>
            {
                tries++;
                return ValueTask.FromException(new Resiliency.CallFailedException("no"));
            },
            CancellationToken.None));
        return tries;
    }

    private Sidecar Load() => Load(NullLoggerFactory.Instance);

    private Sidecar Load(ILoggerFactory loggers) => new(new SidecarOptions
    {
        Apps = [new AppOptions { AppId = "a", DaprHttpPort = 1, DaprGrpcPort = 2 }, new AppOptions { AppId = "b", DaprHttpPort = 3, DaprGrpcPort = 4 }], ResourcePaths = [_folder.Path],
    }, TimeProvider.System, loggers);
}
