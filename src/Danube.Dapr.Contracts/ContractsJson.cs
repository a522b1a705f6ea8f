using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace Danube.Dapr.Contracts;

/// <summary>
/// The one JSON form of the wire records: camel case, enums as words, null members left out. What others may have written is read by <see cref="Wire"/>, which keeps the
/// defaults of members that are missing; <see cref="Default"/> reads only what these records themselves have written.
/// </summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, UseStringEnumConverter = true, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(LoadReport))]
[JsonSerializable(typeof(LoadReportMessage))]
[JsonSerializable(typeof(ClusterReport))]
[JsonSerializable(typeof(ClusterSnapshot))]
[JsonSerializable(typeof(BalanceReport))]
[JsonSerializable(typeof(IReadOnlyList<BalanceSample>))]
[JsonSerializable(typeof(RankingReport))]
[JsonSerializable(typeof(IReadOnlyList<BrokerView>))]
[JsonSerializable(typeof(Page<TopicSnapshot>))]
[JsonSerializable(typeof(IReadOnlyList<UnownedTopic>))]
[JsonSerializable(typeof(RebalancePlan))]
[JsonSerializable(typeof(RebalanceRequest))]
[JsonSerializable(typeof(RebalanceResponse))]
[JsonSerializable(typeof(PauseRequest))]
[JsonSerializable(typeof(SwitchRequest))]
[JsonSerializable(typeof(ApproveRequest))]
[JsonSerializable(typeof(MoveRequest))]
[JsonSerializable(typeof(DrainRequest))]
[JsonSerializable(typeof(PinRequest))]
[JsonSerializable(typeof(RepairRequest))]
[JsonSerializable(typeof(IReadOnlyList<Finding>))]
[JsonSerializable(typeof(CommandResponse))]
[JsonSerializable(typeof(DrainStatus))]
[JsonSerializable(typeof(IReadOnlyList<MaskSpan>))]
[JsonSerializable(typeof(RebalancerStatus))]
[JsonSerializable(typeof(PlanRun))]
[JsonSerializable(typeof(Page<PlanRun>))]
[JsonSerializable(typeof(MoveRecord))]
[JsonSerializable(typeof(Page<MoveRecord>))]
[JsonSerializable(typeof(CycleRecord))]
[JsonSerializable(typeof(BrokerEvent))]
[JsonSerializable(typeof(HistoryEntry))]
[JsonSerializable(typeof(Page<HistoryEntry>))]
[JsonSerializable(typeof(HistoryStatistics))]
[JsonSerializable(typeof(IReadOnlyList<LoadReport>))]
public sealed partial class ContractsJson : JsonSerializerContext
{
    /// <summary>Options for everything that reads or writes the wire records: web servers, Dapr clients and actors.</summary>
    // Made when first asked for: an initializer would run before the generated one of Default, and see null.
    public static JsonSerializerOptions Wire => field ??= Configure(new JsonSerializerOptions(JsonSerializerDefaults.Web));

    /// <summary>Makes <paramref name="options"/> read and write the wire records in their one form, and other types by reflection.</summary>
    public static JsonSerializerOptions Configure(JsonSerializerOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull;
        options.Converters.Add(new JsonStringEnumConverter());
        options.TypeInfoResolverChain.Insert(0, Default.WithAddedModifier(InitDefaults.Keep));
        options.TypeInfoResolverChain.Add(new DefaultJsonTypeInfoResolver());
        return options;
    }
}
