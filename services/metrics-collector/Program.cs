using Danube.Dapr.Contracts;
using Danube.Dapr.MetricsCollector;
using Danube.Dapr.MetricsCollector.Api;
using Danube.Dapr.ServiceDefaults;

var builder = WebApplication.CreateBuilder(args);
builder.AddServiceDefaults(DaprNames.Apps.MetricsCollector);
builder.AddCollector();

var app = builder.Build();
app.MapServiceDefaults();
app.MapCollectorApi();
return await app.RunServiceAsync();
