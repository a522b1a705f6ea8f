namespace Danube.Dapr.Rebalancer.Apis;

/// <summary>All endpoints of the rebalancer.</summary>
internal static class RebalancerApi
{
    public static void MapRebalancerApi(this IEndpointRouteBuilder app)
    {
        app.MapControlApi();
        app.MapPlansApi();
        app.MapMovesApi();
        app.MapTopicsApi();
        app.MapBrokersApi();
    }
}
