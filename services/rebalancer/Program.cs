using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer;
using Danube.Dapr.Rebalancer.Apis;
using Danube.Dapr.ServiceDefaults;
using Dapr.Client;

var builder = WebApplication.CreateBuilder(args);
builder.AddServiceDefaults(DaprNames.Apps.Rebalancer);
builder.AddStateStore(nameof(ReasonCode.StoreUnavailable), (services, cancel) => services.GetRequiredService<DaprClient>().GetByteStateAsync(DaprNames.StateStore, DaprNames.StoreProbeKey, cancellationToken: cancel));
builder.AddRebalancer();

var app = builder.Build();
app.MapServiceDefaults();
app.UseCloudEvents();
app.MapSubscribeHandler();
app.MapActorsHandlers();
app.MapBrokerEvents();
app.MapRebalancerApi();
return await app.RunServiceAsync();
