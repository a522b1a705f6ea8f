using Danube.Dapr.Contracts;
using Danube.Dapr.ServiceDefaults;
using Danube.Dapr.WebConsole;
using Danube.Dapr.WebConsole.Components;
using Danube.Dapr.WebConsole.Feed;
using Microsoft.Extensions.Options;
using MudBlazor.Services;

var builder = WebApplication.CreateBuilder(args);
// Styles and scripts of the packages are found next to the binaries also when the console was not published.
builder.WebHost.UseStaticWebAssets();
builder.AddServiceDefaults(DaprNames.Apps.Console);
builder.Services.AddSingleton<IValidateOptions<ConsoleOptions>, ConsoleOptionsValidator>();
builder.Services.AddOptionsWithValidateOnStart<ConsoleOptions>().BindConfiguration(ConsoleOptions.SectionName);
builder.Services.AddSingleton<Services>();
builder.Services.AddSingleton<DashboardFeed>();
builder.Services.AddHostedService(services => services.GetRequiredService<DashboardFeed>());
builder.Services.AddMudServices();
builder.Services.AddRazorComponents().AddInteractiveServerComponents();

var app = builder.Build();
app.MapServiceDefaults(open: true);
app.UseAntiforgery();
app.MapStaticAssets();
app.MapRazorComponents<App>().AddInteractiveServerRenderMode();
return await app.RunServiceAsync();
