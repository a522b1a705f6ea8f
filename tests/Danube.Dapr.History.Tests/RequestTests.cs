using Danube.Dapr.Testing;

namespace Danube.Dapr.History.Tests;

/// <summary>Every value that a caller can send is validated: each row of the table is refused, and no value is without a row.</summary>
public sealed class RequestTests(ServiceFixture<Program> fixture) : IClassFixture<ServiceFixture<Program>>
{
    private const string Plan = "a plan's id of 1 to 100 characters A to Z, a to z, 0 to 9, '_' and '-'";
    private const string Move = "a move's id: its plan's id, a colon and the topic's name";
    private const string Before = "the position of an entry or a time such as 2026-01-31T12:00:00Z";

    /// <summary>The endpoint, the path; the field that is wrong, its value as it is told, what is allowed.</summary>
    public static TheoryData<string, string, string, string, string> Wrong() => new()
    {
        { "GET /history", "history?kind=moves", "kind", "'moves'", "cycle, plan, move, broker-event" },
        { "GET /history", "history?topic=default", "topic", "'default'", "/namespace/topic of letters, digits, '_' and '-'" },
        { "GET /history", "history?broker=one", "broker", "'one'", "a broker's decimal id" },
        { "GET /history", "history?plan=a.b", "plan", "'a.b'", Plan },
        { "GET /history", "history?before=yesterday", "before", "'yesterday'", Before },
        { "GET /history", "history?before=-1", "before", "'-1'", Before },
        { "GET /history", "history?limit=0", "limit", "0", "1 to 1,000" },
        { "GET /history", "history?limit=1001", "limit", "1001", "1 to 1,000" },
        { "GET /history", "history?limit=many", "limit", "'many'", "1 to 1,000" },
        { "GET /history/statistics", "history/statistics?hours=0", "hours", "0", "above 0 to 8,760" },
        { "GET /history/statistics", "history/statistics?hours=8760.5", "hours", "8760.5", "above 0 to 8,760" },
        { "GET /history/statistics", "history/statistics?hours=NaN", "hours", "NaN", "above 0 to 8,760" },
        { "GET /history/statistics", "history/statistics?hours=1&hours=2", "hours", "'1,2'", "above 0 to 8,760" },
        { "GET /history/statistics", "history/statistics?hours=day", "hours", "'day'", "above 0 to 8,760" },
        { "GET /history/plans/{id}", "history/plans/a.b", "id", "'a.b'", Plan },
        { "GET /history/moves/{**moveId}", "history/moves/nonsense", "moveId", "'nonsense'", Move },
        { "GET /history/moves/{**moveId}", "history/moves", "moveId", "''", Move },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public Task Question_WithAWrongValue_NamesItAndWhatIsAllowed(string endpoint, string path, string field, string told, string allowed) =>
        RequestChecks.RefusedAsync(fixture.Service.Http, endpoint, path, null, [], field, told, allowed);

    [Fact]
    public async Task Question_WithSeveralWrongValues_NamesAllOfThem() => Assert.Equal(
        ["before", "kind", "limit"], (await RequestChecks.RefusedAsync(fixture.Service.Http, "GET", "history?kind=moves&before=yesterday&limit=x")).Keys.Order());

    [Fact]
    public void Endpoints_EveryValueThatACallerCanSend_IsSeenByAValidatorAndHasARow() => Assert.Equal(
        Wrong().Select(row => $"{row[0]}: {row[2]}").Distinct().Order(StringComparer.Ordinal), RequestChecks.Values(fixture.Service.Services, typeof(Program).Assembly));
}
