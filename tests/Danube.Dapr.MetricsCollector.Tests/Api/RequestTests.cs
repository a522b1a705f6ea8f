using System.Net;
using Danube.Dapr.Contracts;
using Danube.Dapr.MetricsCollector.Api;
using Danube.Dapr.MetricsCollector.Tests.Rounds;
using Danube.Dapr.ServiceDefaults;
using Danube.Dapr.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Danube.Dapr.MetricsCollector.Tests.Api;

/// <summary>Every value that a caller can send is validated.</summary>
public sealed class RequestTests : IAsyncLifetime, IDisposable
{
    private readonly CollectorBench _bench = new(time => new ScriptedDanube(time));
    private WebApplication _app = null!;
    private HttpClient _http = null!;

    public async Task InitializeAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.AddServiceDefaults(DaprNames.Apps.MetricsCollector);
        builder.Logging.ClearProviders();
        builder.Services.AddRequestValidators(typeof(CollectorApi).Assembly);
        builder.Services.AddSingleton(_bench.Collector).AddSingleton(_bench.Resources);
        _app = builder.Build();
        _app.MapServiceDefaults();
        _app.MapCollectorApi();
        await _app.StartAsync();
        _http = new HttpClient { BaseAddress = new Uri(_app.Urls.First()) };
    }

    public async Task DisposeAsync() => await _app.DisposeAsync();

    public void Dispose()
    {
        _http.Dispose();
        _bench.Dispose();
    }

    [Fact]
    public async Task LoadReports_OfWhatIsNoBroker_NamesItAndWhatIsAllowed()
    {
        await RequestChecks.RefusedAsync(_http, "GET /load-reports", "load-reports?broker=one", null, [], "broker", "'one'", "a broker's decimal id");
        Assert.Equal(["GET /load-reports: broker"], RequestChecks.Values(_app.Services, typeof(CollectorApi).Assembly));
    }

    [Theory]
    [InlineData("load-reports", HttpStatusCode.OK)]
    [InlineData("load-reports?broker=7", HttpStatusCode.NotFound)]
    public async Task LoadReports_OfABroker_AreAnsweredOrNotThere(string path, HttpStatusCode status)
    {
        using var answer = await _http.GetAsync(new Uri(path, UriKind.Relative));

        Assert.Equal(status, answer.StatusCode);
    }
}
