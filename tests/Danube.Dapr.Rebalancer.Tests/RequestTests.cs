using System.Net;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Apis;
using Danube.Dapr.Rebalancer.Tests.Bench;
using Danube.Dapr.Testing;

namespace Danube.Dapr.Rebalancer.Tests;

/// <summary>Every value that a caller can send is validated: each row of the table is refused, and no value is without a row.</summary>
public sealed class RequestTests(RequestTests.Fixture fixture) : IClassFixture<RequestTests.Fixture>
{
    private const string Broker = "a broker's decimal id";
    private const string TopicPart = "letters, digits, '_' and '-'";
    private const string Plan = "a plan's id of 1 to 100 characters A to Z, a to z, 0 to 9, '_' and '-'";
    private const string Move = "a move's id: its plan's id, a colon and the topic's name";
    private const string Key = "one key of 1 to 100 characters, or none";
    private const string Forced = "1 to 500 characters with force, for the record";

    private static readonly string Long = new('x', 501);
    private static readonly string LongShown = $"'{Long[..100]}...' (501 characters)";

    /// <summary>The endpoint, the path, the body, the header <c>Idempotency-Key</c>; the field that is wrong, its value as it is told, what is allowed.</summary>
    public static TheoryData<string, string, string?, string?, string, string, string> Wrong()
    {
        var table = new TheoryData<string, string, string?, string?, string, string, string>();
        foreach (var (endpoint, path) in new[] { ("GET /plans", "/plans"), ("GET /moves", "/moves") })
        {
            foreach (var (sent, told) in new[] { ("-1", "-1"), ("abc", "'abc'"), ("1.5", "'1.5'"), ("99999999999", "'99999999999'") })
                table.Add(endpoint, $"{path}?offset={sent}", null, null, "offset", told, "0 or more");
            foreach (var (sent, told) in new[] { ("0", "0"), ("1001", "1001"), ("abc", "'abc'"), ("", "''"), ("1&limit=2", "'1,2'"), ("99999999999", "'99999999999'") })
                table.Add(endpoint, $"{path}?limit={sent}", null, null, "limit", told, "1 to 1,000");
        }

        table.Add("GET /moves", "/moves?plan=a%20b", null, null, "plan", "'a b'", Plan);
        table.Add("GET /plans/{id}", "/plans/a%20b", null, null, "id", "'a b'", Plan);
        table.Add("GET /plans/{id}", $"/plans/{Long}", null, null, "id", LongShown, Plan);
        table.Add("POST /plans/{id}/cancel", "/plans/a%20b/cancel", null, null, "id", "'a b'", Plan);
        table.Add("POST /plans/{id}/approve", "/plans/a%20b/approve", """{"approver":"ada"}""", null, "id", "'a b'", Plan);
        foreach (var (body, told) in new[] { ("{}", "''"), ("""{"approver":null}""", "missing"), ($$"""{"approver":"{{Long}}"}""", LongShown) })
            table.Add("POST /plans/{id}/approve", "/plans/p/approve", body, null, "approver", told, "1 to 100 characters");
        foreach (var hash in new[] { "abc", new string('g', 64) })
            table.Add("POST /plans/{id}/approve", "/plans/p/approve", $$"""{"approver":"ada","hash":"{{hash}}"}""", null, "hash", $"'{hash}'", "64 hexadecimal digits, or none to approve the plan as it is");

        foreach (var method in new[] { "GET", "DELETE" })
        {
            foreach (var id in new[] { "nonsense", "a.b:/default/a", "p:/default", "p:/default/a.b" })
                table.Add($"{method} /moves/{{**id}}", $"/moves/{id}", null, null, "id", $"'{id}'", Move);
        }

        table.Add("DELETE /moves/{**id}", "/moves", null, null, "id", "''", Move);
        table.Add("POST /moves", "/moves", """{"topic":"nonsense","to":"1"}""", null, "topic", "'nonsense'", $"/namespace/topic of {TopicPart}");
        table.Add("POST /moves", "/moves", """{"topic":null,"to":"1"}""", null, "topic", "missing", $"/namespace/topic of {TopicPart}");
        table.Add("POST /moves", "/moves", """{"topic":"/default/a\n","to":"1"}""", null, "topic", "'/default/a\n'", $"/namespace/topic of {TopicPart}");
        foreach (var (to, told) in new[] { ("\"one\"", "'one'"), ("\"-1\"", "'-1'"), ("null", "missing"), ("\"99999999999999999999\"", "'99999999999999999999'") })
            table.Add("POST /moves", "/moves", $$"""{"topic":"/default/a","to":{{to}}}""", null, "to", told, Broker);
        table.Add("POST /moves", "/moves", $$"""{"topic":"/default/a","to":"1","reason":"{{Long}}"}""", null, "reason", LongShown, "up to 500 characters");
        table.Add("POST /moves", "/moves", """{"topic":"/default/a","to":"1","force":true}""", null, "reason", "missing", Forced);
        Keys("POST /moves", "/moves", """{"topic":"/default/a","to":"1"}""");

        table.Add("POST /rebalance", "/rebalance", """{"policy":"wild"}""", null, "policy", "'wild'", "conservative, balanced, aggressive");
        foreach (var moves in new[] { "0", "10001" })
            table.Add("POST /rebalance", "/rebalance", $$"""{"maxMoves":{{moves}}}""", null, "maxMoves", moves, "1 to 10,000");
        foreach (var minutes in new[] { "0", "10081" })
            table.Add("POST /pause", "/pause", $$"""{"minutes":{{minutes}}}""", null, "minutes", minutes, "1 to 10,080, or none to pause until told");
        foreach (var (endpoint, path) in new[]
        {
            ("POST /rebalance", "/rebalance"), ("POST /pause", "/pause"), ("POST /kill-switch", "/kill-switch"), ("POST /circuit/close", "/circuit/close"),
            ("POST /topics/repair", "/topics/repair"), ("POST /topics/{ns}/{name}/repair", "/topics/default/a/repair"), ("POST /brokers/{id}/drain", "/brokers/1/drain"),
        })
        {
            table.Add(endpoint, path, $$"""{"reason":"{{Long}}"}""", null, "reason", LongShown, "up to 500 characters");
        }

        foreach (var (endpoint, path) in new[] { ("POST /topics/repair", "/topics/repair"), ("POST /topics/{ns}/{name}/repair", "/topics/default/a/repair") })
        {
            table.Add(endpoint, path, """{"force":true}""", null, "reason", "missing", Forced);
            table.Add(endpoint, path, """{"force":true,"reason":" "}""", null, "reason", "' '", Forced);
            Keys(endpoint, path, null);
        }

        Keys("POST /rebalance", "/rebalance", null);
        Keys("POST /brokers/{id}/drain", "/brokers/1/drain", null);
        foreach (var (command, body) in new[] { ("repair", "{}"), ("pin", """{"brokerId":"1"}""") })
        {
            table.Add($"POST /topics/{{ns}}/{{name}}/{command}", $"/topics/a.b/c/{command}", body, null, "ns", "'a.b'", TopicPart);
            table.Add($"POST /topics/{{ns}}/{{name}}/{command}", $"/topics/default/a%20b/{command}", body, null, "name", "'a b'", TopicPart);
        }

        table.Add("POST /topics/{ns}/{name}/pin", "/topics/default/a/pin", """{"brokerId":"one"}""", null, "brokerId", "'one'", $"{Broker}, or none to unpin");
        foreach (var (endpoint, path) in new[] { ("GET /brokers/{id}/drain", "/brokers/one/drain"), ("POST /brokers/{id}/drain", "/brokers/one/drain"), ("POST /brokers/{id}/activate", "/brokers/one/activate") })
            table.Add(endpoint, path, null, null, "id", "'one'", Broker);
        return table;

        void Keys(string endpoint, string path, string? body)
        {
            table.Add(endpoint, path, body, "", HttpNames.IdempotencyKey, "''", Key);
            table.Add(endpoint, path, body, new string('k', 101), HttpNames.IdempotencyKey, $"'{new string('k', 100)}...' (101 characters)", Key);
        }
    }

    [Theory]
    [MemberData(nameof(Wrong))]
    public async Task Request_WithAWrongValue_NamesItAndWhatIsAllowedAndAsksNoActor(
        string endpoint, string path, string? body, string? key, string field, string told, string allowed)
    {
        var calls = fixture.Bench.Actors.Calls;

        await RequestChecks.RefusedAsync(fixture.Api.Http, endpoint, path, body, key is null ? [] : [(HttpNames.IdempotencyKey, key)], field, told, allowed);

        Assert.Equal(calls, fixture.Bench.Actors.Calls);
    }

    [Fact]
    public async Task Request_WithSeveralWrongValues_NamesAllOfThem()
    {
        var command = await RequestChecks.RefusedAsync(
            fixture.Api.Http, "POST", "/topics/a.b/c%20d/repair", $$"""{"reason":"{{Long}}"}""", (HttpNames.IdempotencyKey, new string('k', 101)));
        var list = await RequestChecks.RefusedAsync(fixture.Api.Http, "GET", "/moves?plan=a.b&offset=x&limit=0");

        Assert.Equal([HttpNames.IdempotencyKey, "name", "ns", "reason"], command.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(["limit", "offset", "plan"], list.Keys.Order());
    }

    [Theory]
    [InlineData("/plans?offset=0&limit=1000")]
    [InlineData("/moves?offset=2147483647&limit=1")]
    [InlineData("/moves?LIMIT=1")]
    public async Task Request_WithValuesAtTheirLimits_IsAnswered(string path)
    {
        using var answer = await fixture.Api.Http.GetAsync(new Uri(path, UriKind.Relative));

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Fact]
    public void Endpoints_EveryValueThatACallerCanSend_IsSeenByAValidatorAndHasARow() => Assert.Equal(
        Wrong().Select(row => $"{row[0]}: {row[4]}").Distinct().Order(StringComparer.Ordinal),
        RequestChecks.Values(fixture.Api.Services, typeof(RebalancerApi).Assembly));

    public sealed class Fixture : IAsyncLifetime
    {
        internal MoveBench Bench { get; private set; } = null!;

        internal ApiBench Api { get; private set; } = null!;

        public async Task InitializeAsync()
        {
            Bench = await MoveBench.StartAsync();
            Api = await ApiBench.StartAsync(Bench);
        }

        public async Task DisposeAsync()
        {
            await Api.DisposeAsync();
            await Bench.DisposeAsync();
        }
    }
}
