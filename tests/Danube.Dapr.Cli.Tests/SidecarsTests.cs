using Danube.Dapr.Cli.Up;

namespace Danube.Dapr.Cli.Tests;

public sealed class SidecarsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("danube-lb-test").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    /// <summary>Flags of daprd that are used here; anything else would end it at start.</summary>
    private static readonly string[] KnownFlags =
    [
        "--app-id", "--app-port", "--app-protocol", "--dapr-http-port", "--dapr-grpc-port", "--dapr-internal-grpc-port", "--metrics-port", "--dapr-listen-addresses",
        "--dapr-internal-grpc-listen-address", "--placement-host-address", "--scheduler-host-address", "--resources-path", "--config", "--log-level",
    ];

    [Fact]
    public void Daprd_EachService_GetsItsOwnWithKnownFlagsOnly()
    {
        var topology = Topology.WithoutCheck(5100);
        var commands = Sidecars.Daprd(new DaprInstallation("daprd", null, null), topology, new Ports(0), "components", "config.yaml", ".");

        Assert.Equal(topology.Services.Select(s => $"daprd-{s.AppId}"), commands.Select(c => c.Name));
        foreach (var (command, service) in commands.Zip(topology.Services))
        {
            var flags = command.Start.ArgumentList.Where((_, i) => i % 2 == 0).ToArray();
            Assert.All(flags, flag => Assert.Contains(flag, KnownFlags));
            Assert.Equal(service.AppId, After(command, "--app-id"));
            Assert.Equal($"{service.AppPort}", After(command, "--app-port"));
            Assert.Equal($"{service.DaprHttpPort}", After(command, "--dapr-http-port"));
            Assert.Equal($"{service.DaprGrpcPort}", After(command, "--dapr-grpc-port"));
            Assert.Equal("127.0.0.1", After(command, "--dapr-listen-addresses"));
            Assert.Equal("localhost:50005", After(command, "--placement-host-address"));
        }
    }

    [Fact]
    public void Daprd_PlacementAndSchedulerInstalled_AreStartedAndUsed()
    {
        var commands = Sidecars.Daprd(new DaprInstallation("daprd", "placement", "scheduler"), Topology.WithoutCheck(5100), new Ports(0), "components", "config.yaml", "work");

        Assert.Equal(["placement", "scheduler"], commands.Take(2).Select(c => c.Name));
        Assert.Equal($"localhost:{After(commands[0], "--port")}", After(commands[2], "--placement-host-address"));
        Assert.Equal($"localhost:{After(commands[1], "--port")}", After(commands[2], "--scheduler-host-address"));
    }

    [Fact]
    public void Local_AllServices_AreInOneProcess()
    {
        var command = Assert.Single(Sidecars.Local(Topology.WithoutCheck(5100), "components", "config.yaml", "."));
        Assert.Equal(5, command.Start.ArgumentList.Count(a => a == "--app"));
        Assert.Contains("app-id=ranking,app-port=5102,dapr-http-port=5112,dapr-grpc-port=5122", command.Start.ArgumentList);
    }

    [Theory]
    [InlineData(nameof(StateKind.Sqlite), "state.sqlite")]
    [InlineData(nameof(StateKind.Memory), "state.in-memory")]
    [InlineData(nameof(StateKind.Etcd), "state.etcd")]
    public void Resources_OfSeparateSidecars_HaveTheStoreAskedForAndThePubSubThatJoinsThem(string state, string store)
    {
        var copied = Resources.Prepare(Resources.Files(Enum.Parse<StateKind>(state), separateSidecars: true), _folder, "db:2380");

        Assert.Contains($"type: {store}", File.ReadAllText(Path.Combine(copied, "statestore.yaml")), StringComparison.Ordinal);
        Assert.Contains("type: pubsub.redis", File.ReadAllText(Path.Combine(copied, "pubsub.yaml")), StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(copied, "resiliency.yaml")));
        Assert.Equal(store == "state.etcd", File.ReadAllText(Path.Combine(copied, "statestore.yaml")).Contains("db:2380", StringComparison.Ordinal));
    }

    [Fact]
    public void Resources_OfOneSidecarForAll_HaveInMemoryPubSub() => Assert.All(Enum.GetValues<StateKind>(), static state => Assert.Contains(
        "type: pubsub.in-memory", File.ReadAllText(Resources.Files(state, separateSidecars: false).Single(f => Path.GetFileName(f) == "pubsub.yaml")), StringComparison.Ordinal));

    private static string After(SidecarCommand command, string flag) => command.Start.ArgumentList[command.Start.ArgumentList.IndexOf(flag) + 1];
}
