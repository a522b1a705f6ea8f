using Danube.Dapr.Contracts;
using Danube.Dapr.Ranking;
using Danube.Dapr.Ranking.Actors;
using Danube.Dapr.Ranking.Api;
using Danube.Dapr.ServiceDefaults;
using Dapr.Client;
using Microsoft.Extensions.Options;

var builder = WebApplication.CreateBuilder(args);
builder.AddServiceDefaults(DaprNames.Apps.Ranking);
builder.AddStateStore(nameof(ReasonCode.StoreUnavailable), (services, cancel) => services.GetRequiredService<DaprClient>().GetByteStateAsync(DaprNames.StateStore, DaprNames.StoreProbeKey, cancellationToken: cancel));
builder.Services.AddSingleton<IValidateOptions<RankingOptions>, RankingOptionsValidator>();
builder.Services.AddOptionsWithValidateOnStart<RankingOptions>().BindConfiguration(RankingOptions.SectionName);
builder.Services.AddRequestValidators(typeof(Program).Assembly);
builder.Services.ConfigureHttpJsonOptions(json => ContractsJson.Configure(json.SerializerOptions));
builder.Services.AddDaprClient(dapr => dapr.UseJsonSerializationOptions(ContractsJson.Wire));
builder.Services.AddActors(actors =>
{
    actors.UseJsonSerialization = true;
    actors.JsonSerializerOptions = ContractsJson.Wire;
    actors.Actors.RegisterActor<ClusterActor>(DaprNames.Actors.Cluster);
});
builder.Services.AddSingleton<RankingMetrics>();
builder.Services.AddSingleton<ClusterReader>();
builder.Services.AddSingleton(services => new MaskReader(Invoke(DaprNames.Apps.Rebalancer, TimeSpan.FromSeconds(2)), services.GetRequiredService<ILogger<MaskReader>>()));
// The collector answers when its round is over.
builder.Services.AddSingleton(services => new ReportRefresher(
    Invoke(DaprNames.Apps.MetricsCollector, TimeSpan.FromSeconds(30)),
    services.GetRequiredService<RankingMetrics>(), services.GetRequiredService<TimeProvider>(), services.GetRequiredService<ILogger<ReportRefresher>>()));
builder.Services.AddHostedService(services => services.GetRequiredService<ReportRefresher>());

var app = builder.Build();
app.MapServiceDefaults();
app.UseCloudEvents();
app.MapSubscribeHandler();
app.MapActorsHandlers();
app.MapReportSubscriptions();
app.MapRankingApi();
return await app.RunServiceAsync();

HttpClient Invoke(string appId, TimeSpan timeout)
{
    var client = DaprClient.CreateInvokeHttpClient(
        appId, builder.Configuration["DAPR_HTTP_ENDPOINT"] ?? $"http://localhost:{builder.Configuration["DAPR_HTTP_PORT"] ?? "3500"}", builder.Configuration["DAPR_API_TOKEN"]);
    client.Timeout = timeout;
    return client;
}
