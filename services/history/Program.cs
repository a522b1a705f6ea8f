using Dapr.Client;
using Danube.Dapr.Contracts;
using Danube.Dapr.History;
using Danube.Dapr.History.Actors;
using Danube.Dapr.History.Api;
using Danube.Dapr.History.Storage;
using Danube.Dapr.ServiceDefaults;
using Microsoft.Extensions.Options;

var builder = WebApplication.CreateBuilder(args);
builder.AddServiceDefaults(DaprNames.Apps.History);
builder.AddStateStore(nameof(ReasonCode.StoreUnavailable), (services, cancel) => services.GetRequiredService<DaprClient>().GetByteStateAsync(DaprNames.StateStore, DaprNames.StoreProbeKey, cancellationToken: cancel));
builder.Services.AddSingleton<IValidateOptions<HistoryOptions>, HistoryOptionsValidator>();
builder.Services.AddOptionsWithValidateOnStart<HistoryOptions>().BindConfiguration(HistoryOptions.SectionName);
builder.Services.AddRequestValidators(typeof(Program).Assembly);
builder.Services.ConfigureHttpJsonOptions(json => ContractsJson.Configure(json.SerializerOptions));
builder.Services.AddDaprClient(dapr => dapr.UseJsonSerializationOptions(ContractsJson.Wire));
builder.Services.AddActors(actors =>
{
    actors.UseJsonSerialization = true;
    actors.JsonSerializerOptions = ContractsJson.Wire;
    actors.Actors.RegisterActor<HistoryActor>(DaprNames.Actors.History);
});
builder.Services.AddSingleton<IHistoryStore, DaprHistoryStore>();
builder.Services.AddSingleton<HistoryReader>();
builder.Services.AddSingleton<HistoryWriter>();
builder.Services.AddHostedService(services => services.GetRequiredService<HistoryWriter>());
builder.Services.AddSingleton(services => new GapFinder(
    DaprClient.CreateInvokeHttpClient(DaprNames.Apps.Rebalancer, daprApiToken: builder.Configuration["DAPR_API_TOKEN"]),
    services.GetRequiredService<HistoryReader>(),
    services.GetRequiredService<TimeProvider>(),
    services.GetRequiredService<IOptions<HistoryOptions>>().Value.RetentionDays));
builder.Services.AddHostedService<GapCloser>();

var app = builder.Build();
app.MapServiceDefaults();
app.UseCloudEvents();
app.MapSubscribeHandler();
app.MapActorsHandlers();
app.MapHistorySubscriptions();
app.MapHistoryApi();
return await app.RunServiceAsync();
