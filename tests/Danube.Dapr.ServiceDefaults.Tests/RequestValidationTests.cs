using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using FluentValidation;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace Danube.Dapr.ServiceDefaults.Tests;

public sealed class RequestValidationTests : IAsyncLifetime, IDisposable
{
    private WebApplication _app = null!;
    private HttpClient _http = null!;
    private int _handled;

    public async Task InitializeAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.AddServiceDefaults("test");
        builder.Services.AddRequestValidators(typeof(RequestValidationTests).Assembly);
        _app = builder.Build();
        _app.MapServiceDefaults();
        _app.MapValidated().MapPost("/things/{name}", ([AsParameters] Question question, Order? order) =>
        {
            _handled++;
            return $"{question.Name} {question.Limit?.Value} {order?.Count}";
        });
        await _app.StartAsync();
        _http = new HttpClient { BaseAddress = new Uri(_app.Urls.First()) };
    }

    public async Task DisposeAsync() => await _app.DisposeAsync();

    public void Dispose() => _http.Dispose();

    [Theory]
    [InlineData("things/a", null, "a  ")]
    [InlineData("things/a?limit=1000", null, "a 1000 ")]
    [InlineData("things/a?Limit=5", 1, "a 5 1")]
    public async Task Request_WithoutFaults_IsHandled(string path, int? count, string expected)
    {
        using var body = count is null ? null : JsonContent.Create(new Order(count.Value));
        using var answer = await _http.PostAsync(new Uri(path, UriKind.Relative), body);

        Assert.Equal(expected, await answer.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Request_WithFaultsInPathQueryAndBody_NamesAllAndIsNotHandled()
    {
        using var answer = await _http.PostAsync(new Uri($"things/{new string('x', 101)}?limit=many", UriKind.Relative), JsonContent.Create(new Order(-1)));

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal("invalid", problem.GetProperty("code").GetString());
        Assert.Equal(
            [
                ("name", $"name is '{new string('x', 100)}...' (101 characters), allowed: a or b."),
                ("limit", "limit is 'many', allowed: 1 to 1,000."),
                ("count", "count is -1, allowed: 0 or more."),
            ],
            problem.GetProperty("errors").EnumerateObject().Select(e => (e.Name, e.Value[0].GetString()!)));
        Assert.Equal(0, _handled);
    }

    [Theory]
    [InlineData("12", 12)]
    [InlineData("-1", -1)]
    [InlineData("", null)]
    [InlineData("1,2", null)]
    [InlineData("1.5", null)]
    [InlineData("99999999999", null)]
    public void Asked_Text_IsANumberOrNone(string text, int? expected)
    {
        Assert.True(Asked<int>.TryParse(text, null, out var asked));
        Assert.Equal((text, expected), (asked.Text, asked.Value));
        Assert.Equal(expected is null ? $"'{text}'" : text, asked.ToString());
    }

    internal sealed record Question(string Name, Asked<int>? Limit = null);

    internal sealed record Order(int Count);

    internal sealed class QuestionValidator : AbstractValidator<Question>
    {
        public QuestionValidator()
        {
            RuleFor(q => q.Name).Allow(n => n is "a" or "b", "a or b");
            RuleFor(q => q.Limit).Limit();
        }
    }

    internal sealed class OrderValidator : AbstractValidator<Order>
    {
        public OrderValidator() => RuleFor(o => o.Count).Allow(c => c >= 0, "0 or more");
    }
}
