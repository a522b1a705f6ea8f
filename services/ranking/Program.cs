using Danube.Dapr.Contracts;
using Danube.Dapr.Ranking;
using Danube.Dapr.Ranking.Actors;
using Danube.Dapr.Ranking.Api;
using Danube.Dapr.ServiceDefaults;
using Dapr.Client;
using Microsoft.Extensions.Options;

var builder = WebApplication.CreateBuilder(args);
builder.AddServiceDefaults(DaprNames.Apps.Ranking);
builder.Services.AddSingleton<IValidateOptions<RankingOptions>, RankingOptionsValidator>();
builder.Services.AddOptionsWithValidateOnStart<RankingOptions>().BindConfiguration(RankingOptions.SectionName);
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
builder.Services.AddSingleton(services =>
{
    var rebalancer = DaprClient.CreateInvokeHttpClient(
        DaprNames.Apps.Rebalancer, builder.Configuration["DAPR_HTTP_ENDPOINT"] ?? $"http://localhost:{builder.Configuration["DAPR_HTTP_PORT"] ?? "3500"}", builder.Configuration["DAPR_API_TOKEN"]);
    rebalancer.Timeout = TimeSpan.FromSeconds(2);
    return new MaskReader(rebalancer, services.GetRequiredService<ILogger<MaskReader>>());
});

var app = builder.Build();
app.MapServiceDefaults();
app.UseCloudEvents();
app.MapSubscribeHandler();
app.MapActorsHandlers();
app.MapReportSubscriptions();
app.MapRankingApi();
return await app.RunServiceAsync();
