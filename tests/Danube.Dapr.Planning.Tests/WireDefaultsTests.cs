using System.Text;
using System.Text.Json;
using Danube.Dapr.Contracts;
using Danube.Dapr.Planning.Mapping;

namespace Danube.Dapr.Planning.Tests;

/// <summary>Members that hand-written JSON leaves out keep the defaults that their records state.</summary>
public sealed class WireDefaultsTests
{
    private const string Snapshot = """
        {"time":"2026-01-01T12:00:00Z","brokers":[{"id":"1","reportTime":"2026-01-01T12:00:00Z","capacity":{}}],"topics":[{"name":"/default/a","brokerId":"1","reliable":true}],
         "rules":{"affinityGroups":[{"name":"g","topics":["/default/*"],"preferBrokers":["1"],"avoidBrokers":[]}]}}
        """;

    [Fact]
    public void Read_SnapshotWithoutOptionalMembers_KeepsTheirDefaults()
    {
        foreach (var read in (ClusterSnapshot[])
        [
            PlanningFiles.ReadSnapshot(Encoding.UTF8.GetBytes(Snapshot)).Wire,
            JsonSerializer.Deserialize<ClusterSnapshot>(Snapshot, ContractsJson.Wire)!,
        ])
        {
            Assert.Equal(1, read.Version);
            Assert.True(read.Brokers[0].Reachable);
            Assert.Equal(Contracts.BrokerState.Active, read.Brokers[0].State);
            Assert.Equal("", read.Brokers[0].Address);
            Assert.Equal(1, read.Brokers[0].Capacity.Weight);
            Assert.True(read.Topics[0].RatesKnown);
            Assert.Empty(read.Rules!.DeniedTopics);
            Assert.Empty(read.Rules.Pins);
            Assert.False(read.Rules.AffinityGroups[0].Required);
        }
    }

    [Fact]
    public void Read_PlanWithoutOptionalMembers_KeepsTheirDefaults()
    {
        const string Plan = """
            {"id":"p-1","hash":"00","createdAt":"2026-01-01T12:00:00Z","before":{"time":"2026-01-01T12:00:00Z","brokers":2,"coefficientOfVariation":0,"maxOverMean":1,"minOverMean":1},"predictedAfter":{"time":"2026-01-01T12:00:00Z","brokers":2,"coefficientOfVariation":0,"maxOverMean":1,"minOverMean":1},
             "moves":[{"topic":"/default/a","from":"1","to":"2"}]}
            """;

        var read = PlanningFiles.ReadPlan(Encoding.UTF8.GetBytes(Plan));

        Assert.Equal(1, read.Version);
        Assert.Empty(read.Brokers);
        Assert.Empty(read.Refusals);
        Assert.Equal("", read.Policy);
        Assert.Equal("", read.Moves[0].Reason);
        Assert.Empty(read.Moves[0].Alternatives);
        Assert.Empty(read.Before.Resources);
    }

    [Fact]
    public void Read_Options_EmptyObject_GivesTheDefaultsOfProduction()
    {
        var options = PlanningFiles.ReadOptions(Encoding.UTF8.GetBytes("{}")).ToOptions();

        Assert.Equal(PlanningValues(new PlannerOptions()), PlanningValues(options));
    }

    private static string PlanningValues(PlannerOptions options) => JsonSerializer.Serialize(options with { StopEarly = null });
}
