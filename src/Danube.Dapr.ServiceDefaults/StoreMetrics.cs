using System.Diagnostics.Metrics;

namespace Danube.Dapr.ServiceDefaults;

/// <summary>What an outage of the state store did to requests.</summary>
internal sealed class StoreMetrics(IMeterFactory meters)
{
    private readonly Counter<long> _refused = meters.Create("Danube.Dapr.ServiceDefaults")
        .CreateCounter<long>("danube_state_store_refusals", description: "Requests that were refused because the state store did not answer.");

    internal void Refused() => _refused.Add(1);
}
