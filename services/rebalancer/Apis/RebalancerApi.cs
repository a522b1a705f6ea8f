using Danube.Dapr.ServiceDefaults;

namespace Danube.Dapr.Rebalancer.Apis;

/// <summary>All endpoints of the rebalancer.</summary>
internal static class RebalancerApi
{
    public static void MapRebalancerApi(this IEndpointRouteBuilder app)
    {
        var api = app.MapValidated();
        api.MapControlApi();
        api.MapPlansApi();
        api.MapMovesApi();
        api.MapTopicsApi();
        api.MapBrokersApi();
    }
}
