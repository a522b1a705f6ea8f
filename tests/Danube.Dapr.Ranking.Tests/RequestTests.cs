using Danube.Dapr.Testing;

namespace Danube.Dapr.Ranking.Tests;

/// <summary>Every value that a caller can send is validated: each row of the table is refused, and no value is without a row.</summary>
[Collection(RankingServiceTests.InTurn)]
public sealed class RequestTests(ServiceFixture<Program> fixture) : IClassFixture<ServiceFixture<Program>>
{
    private const string TopicPart = "letters, digits, '_' and '-'";

    /// <summary>The endpoint, the path; the field that is wrong, its value as it is told, what is allowed.</summary>
    public static TheoryData<string, string, string, string, string> Wrong() => new()
    {
        { "GET /topics", "topics?offset=-1", "offset", "-1", "0 or more" },
        { "GET /topics", "topics?offset=x", "offset", "'x'", "0 or more" },
        { "GET /topics", "topics?limit=0", "limit", "0", "1 to 1,000" },
        { "GET /topics", "topics?limit=1001", "limit", "1001", "1 to 1,000" },
        { "GET /topics", "topics?limit=many", "limit", "'many'", "1 to 1,000" },
        { "GET /topics", "topics?broker=one", "broker", "'one'", "a broker's decimal id, or nothing for topics without owner" },
        { "GET /topics", "topics?namespace=a.b", "namespace", "'a.b'", $"a namespace of {TopicPart}" },
        { "GET /topics", "topics?sort=weight", "sort", "'weight'", "name, bytes, messages, clients, backlog, latency" },
        { "GET /topics/{**name}", "topics/a.b/c", "name", "'a.b/c'", $"/namespace/topic of {TopicPart}" },
        { "GET /topics/{**name}", "topics/default", "name", "'default'", $"/namespace/topic of {TopicPart}" },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public Task Question_WithAWrongValue_NamesItAndWhatIsAllowed(string endpoint, string path, string field, string told, string allowed) =>
        RequestChecks.RefusedAsync(fixture.Service.Http, endpoint, path, null, [], field, told, allowed);

    [Fact]
    public async Task Question_WithSeveralWrongValues_NamesAllOfThem() => Assert.Equal(
        ["limit", "offset", "sort"], (await RequestChecks.RefusedAsync(fixture.Service.Http, "GET", "topics?offset=x&limit=0&sort=weight")).Keys.Order());

    /// <summary><c>/snapshot</c> looks at <c>Accept-Encoding</c> alone, where no value is wrong.</summary>
    [Fact]
    public void Endpoints_EveryValueThatACallerCanSend_IsSeenByAValidatorAndHasARow() => Assert.Equal(
        Wrong().Select(row => $"{row[0]}: {row[2]}").Distinct().Order(StringComparer.Ordinal), RequestChecks.Values(fixture.Service.Services, typeof(Program).Assembly, "GET /snapshot"));
}
