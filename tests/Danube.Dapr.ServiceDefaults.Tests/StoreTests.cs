using System.Diagnostics;
using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace Danube.Dapr.ServiceDefaults.Tests;

/// <summary>What a service answers while its state store does not.</summary>
public sealed class StoreTests
{
    private const string Code = "StoreUnavailable";

    [Theory]
    [InlineData("/broken")]
    [InlineData("/healthz/store")]
    public async Task Store_Fails_IsARefusalWithItsCodeAndATimeToComeAgain(string path)
    {
        await using var app = await StartAsync(_ => throw new IOException("connection refused"));

        var (status, code, detail, retryAfter) = await GetAsync(app, path);

        Assert.Equal((HttpStatusCode.ServiceUnavailable, Code, TimeSpan.FromSeconds(5)), (status, code, retryAfter));
        Assert.Contains("connection refused. Nothing is decided", detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Store_Hangs_IsTheSameAfterAMoment_AskedForTogether()
    {
        var asked = 0;
        await using var app = await StartAsync(_ =>
        {
            Interlocked.Increment(ref asked);
            return new TaskCompletionSource().Task;
        });
        var clock = Stopwatch.StartNew();

        var answers = await Task.WhenAll(GetAsync(app, "/broken"), GetAsync(app, "/broken"), GetAsync(app, "/healthz/store"));

        Assert.All(answers, a => Assert.Equal((HttpStatusCode.ServiceUnavailable, Code), (a.Status, a.Code)));
        Assert.Contains("got nothing within 2 s", answers[0].Detail, StringComparison.Ordinal);
        Assert.InRange(clock.Elapsed.TotalSeconds, 1.9, 30);
        Assert.InRange(asked, 1, 2);
    }

    [Fact]
    public async Task Store_Answers_AFaultIsAFault_AndABadRequestStaysOne()
    {
        await using var app = await StartAsync(_ => Task.CompletedTask);

        Assert.Equal((HttpStatusCode.InternalServerError, "fault"), ((await GetAsync(app, "/broken")).Status, (await GetAsync(app, "/broken")).Code));
        Assert.Equal(HttpStatusCode.BadRequest, (await GetAsync(app, "/bad")).Status);
        using var client = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
        Assert.Equal("Healthy", await client.GetStringAsync(new Uri("/healthz/store", UriKind.Relative)));
    }

    [Fact]
    public async Task Store_FailsForABadRequest_IsStillABadRequest()
    {
        await using var app = await StartAsync(_ => throw new IOException("connection refused"));

        Assert.Equal(HttpStatusCode.BadRequest, (await GetAsync(app, "/bad")).Status);
    }

    private static async Task<(HttpStatusCode Status, string? Code, string Detail, TimeSpan? RetryAfter)> GetAsync(WebApplication app, string path)
    {
        using var client = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
        using var answer = await client.GetAsync(new Uri(path, UriKind.Relative));
        using var problem = JsonDocument.Parse(await answer.Content.ReadAsStringAsync());
        return (answer.StatusCode, problem.RootElement.GetProperty("code").GetString(), problem.RootElement.GetProperty("detail").GetString()!, answer.Headers.RetryAfter?.Delta);
    }

    private static async Task<WebApplication> StartAsync(Func<CancellationToken, Task> read)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.AddServiceDefaults("test");
        builder.AddStateStore(Code, (_, cancel) => read(cancel));
        var app = builder.Build();
        app.MapServiceDefaults();
        app.MapGet("/broken", string () => throw new InvalidOperationException("an actor could not be asked"));
        app.MapGet("/bad", string () => throw new BadHttpRequestException("no number"));
        await app.StartAsync();
        return app;
    }
}
