using Danube.Dapr.Cli.Up;

namespace Danube.Dapr.Cli.Tests;

public sealed class SidecarsTests
{
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
    [InlineData(nameof(SidecarKind.Auto), nameof(StateKind.Sqlite), true)]
    [InlineData(nameof(SidecarKind.Auto), nameof(StateKind.Memory), false)]
    [InlineData(nameof(SidecarKind.Auto), nameof(StateKind.Etcd), false)]
    [InlineData(nameof(SidecarKind.Daprd), nameof(StateKind.Sqlite), true)]
    [InlineData(nameof(SidecarKind.Local), nameof(StateKind.Sqlite), false)]
    public void Choose_DaprInstalled_IsTakenWhereItsPubSubJoins(string kind, string state, bool taken)
    {
        var installed = new DaprInstallation("daprd", null, null);
        Assert.Equal(taken ? installed : null, Sidecars.Choose(new UpSettings { Dapr = Enum.Parse<SidecarKind>(kind), State = Enum.Parse<StateKind>(state) }, () => installed));
    }

    private static string After(SidecarCommand command, string flag) => command.Start.ArgumentList[command.Start.ArgumentList.IndexOf(flag) + 1];
}
