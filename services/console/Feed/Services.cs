using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Dapr.Client;
using Danube.Dapr.Contracts;

namespace Danube.Dapr.WebConsole.Feed;

/// <summary>The other services, reached only through Dapr.</summary>
internal sealed class Services(IConfiguration configuration, TimeProvider clock) : IDisposable
{
    /// <summary>An answer that takes longer is none for somebody who watches.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>The rebalancer may need more than 20 s for a command; danube-lb waits as long.</summary>
    private static readonly TimeSpan CommandPatience = TimeSpan.FromSeconds(30);

    private readonly HttpClient _http = Create(configuration);

    internal Task<IReadOnlyList<BrokerView>> BrokersAsync(CancellationToken cancel) =>
        GetAsync(DaprNames.Apps.Ranking, "brokers", ContractsJson.Default.IReadOnlyListBrokerView, cancel);

    internal Task<BalanceReport> BalanceAsync(CancellationToken cancel) =>
        GetAsync(DaprNames.Apps.Ranking, "balance", ContractsJson.Default.BalanceReport, cancel);

    internal Task<IReadOnlyList<BalanceSample>> CurveAsync(CancellationToken cancel) =>
        GetAsync(DaprNames.Apps.Ranking, "balance/history", ContractsJson.Default.IReadOnlyListBalanceSample, cancel);

    internal Task<IReadOnlyList<UnownedTopic>> UnownedAsync(CancellationToken cancel) =>
        GetAsync(DaprNames.Apps.Ranking, "unowned", ContractsJson.Default.IReadOnlyListUnownedTopic, cancel);

    internal Task<Page<TopicSnapshot>> TopicsAsync(string sort, int offset, int limit, string? broker, CancellationToken cancel) =>
        GetAsync(
            DaprNames.Apps.Ranking, $"topics?sort={sort}&offset={offset}&limit={limit}{(broker is null ? "" : $"&broker={Uri.EscapeDataString(broker)}")}",
            ContractsJson.Default.PageTopicSnapshot, cancel);

    internal Task<RebalancerStatus> StatusAsync(CancellationToken cancel) =>
        GetAsync(DaprNames.Apps.Rebalancer, "status", ContractsJson.Default.RebalancerStatus, cancel);

    internal Task<Page<HistoryEntry>> HistoryAsync(string kind, int limit, CancellationToken cancel) =>
        GetAsync(DaprNames.Apps.History, $"history?kind={kind}&limit={limit}", ContractsJson.Default.PageHistoryEntry, cancel);

    internal Task<IReadOnlyList<Finding>> FindingsAsync(CancellationToken cancel) =>
        GetAsync(DaprNames.Apps.Rebalancer, "findings", ContractsJson.Default.IReadOnlyListFinding, cancel);

    /// <summary>Gives a topic, or all that nobody owns, an owner again. With the same key again it is the same command.</summary>
    internal Task<CommandResponse> RepairAsync(string? topic, string reason, string key, CancellationToken cancel) =>
        PostAsync(
            DaprNames.Apps.Rebalancer,
            topic is null ? "topics/repair" : $"topics/{string.Join('/', topic.Trim('/').Split('/').Select(Uri.EscapeDataString))}/repair",
            JsonContent.Create(new RepairRequest(Reason: reason), ContractsJson.Default.RepairRequest), ContractsJson.Default.CommandResponse, cancel, key);

    /// <summary>Moves one topic. With the same key again it is the same command.</summary>
    internal Task<CommandResponse> MoveAsync(MoveRequest request, string key, CancellationToken cancel) =>
        PostAsync(DaprNames.Apps.Rebalancer, "moves", JsonContent.Create(request, ContractsJson.Default.MoveRequest), ContractsJson.Default.CommandResponse, cancel, key);

    /// <summary>A plan, from the rebalancer while it keeps it, else from history.</summary>
    internal async Task<FoundPlan> PlanAsync(string id, CancellationToken cancel)
    {
        var path = $"plans/{Uri.EscapeDataString(id)}";
        try
        {
            return new FoundPlan(await GetAsync(DaprNames.Apps.Rebalancer, path, ContractsJson.Default.PlanRun, cancel), FromHistory: false);
        }
        catch (ServiceException e) when (e.NotFound)
        {
            return new FoundPlan(await GetAsync(DaprNames.Apps.History, $"history/{path}", ContractsJson.Default.PlanRun, cancel), FromHistory: true);
        }
    }

    /// <summary>Balances now, or shows how when it is a dry run, which needs no key. With the same key again it is the same command.</summary>
    internal Task<RebalanceResponse> RebalanceAsync(RebalanceRequest request, string? key, CancellationToken cancel) =>
        PostAsync(
            DaprNames.Apps.Rebalancer, "rebalance", JsonContent.Create(request, ContractsJson.Default.RebalanceRequest), ContractsJson.Default.RebalanceResponse, cancel, key,
            changes: !request.DryRun);

    /// <summary>Approves a waiting plan; the hash makes sure that it is the one that was looked at.</summary>
    internal Task<CommandResponse> ApproveAsync(RebalancePlan plan, string approver, CancellationToken cancel) =>
        PostAsync(
            DaprNames.Apps.Rebalancer, $"plans/{Uri.EscapeDataString(plan.Id)}/approve",
            JsonContent.Create(new ApproveRequest(approver, plan.Hash), ContractsJson.Default.ApproveRequest), ContractsJson.Default.CommandResponse, cancel);

    /// <summary>Cancels a waiting or running plan: the move under way ends, the others do not begin.</summary>
    internal Task<CommandResponse> CancelAsync(string planId, CancellationToken cancel) =>
        PostAsync(DaprNames.Apps.Rebalancer, $"plans/{Uri.EscapeDataString(planId)}/cancel", null, ContractsJson.Default.CommandResponse, cancel);

    internal Task<RebalancerStatus> PauseAsync(PauseRequest request, CancellationToken cancel) =>
        PostAsync(DaprNames.Apps.Rebalancer, "pause", JsonContent.Create(request, ContractsJson.Default.PauseRequest), ContractsJson.Default.RebalancerStatus, cancel);

    internal Task<RebalancerStatus> ResumeAsync(CancellationToken cancel) =>
        PostAsync(DaprNames.Apps.Rebalancer, "resume", null, ContractsJson.Default.RebalancerStatus, cancel);

    public void Dispose() => _http.Dispose();

    private static HttpClient Create(IConfiguration configuration)
    {
        var endpoint = configuration["DAPR_HTTP_ENDPOINT"];
        if (string.IsNullOrEmpty(endpoint))
            endpoint = $"http://localhost:{configuration["DAPR_HTTP_PORT"] ?? "3500"}";
        var http = DaprClient.CreateInvokeHttpClient(daprEndpoint: endpoint, daprApiToken: configuration["DAPR_API_TOKEN"]);
        // Each call has a limit of its own.
        http.Timeout = Timeout.InfiniteTimeSpan;
        return http;
    }

    private Task<T> GetAsync<T>(string app, string path, JsonTypeInfo<T> type, CancellationToken cancel) =>
        SendAsync(app, new HttpRequestMessage(HttpMethod.Get, $"http://{app}/{path}"), type, Patience, changes: false, cancel);

    private Task<T> PostAsync<T>(string app, string path, HttpContent? body, JsonTypeInfo<T> type, CancellationToken cancel, string? key = null, bool changes = true)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, $"http://{app}/{path}") { Content = body };
        if (key is not null)
            request.Headers.Add(HttpNames.IdempotencyKey, key);
        return SendAsync(app, request, type, CommandPatience, changes, cancel);
    }

    /// <exception cref="ServiceException">The service does not answer or refuses.</exception>
    private async Task<T> SendAsync<T>(string app, HttpRequestMessage request, JsonTypeInfo<T> type, TimeSpan patience, bool changes, CancellationToken cancel)
    {
        using var late = new CancellationTokenSource(patience, clock);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel, late.Token);
        using (request)
        {
            try
            {
                using var response = await _http.SendAsync(request, stop.Token);
                if (!response.IsSuccessStatusCode)
                {
                    var (reason, code) = await ReasonAsync(response, stop.Token);
                    throw new ServiceException(app, reason) { NotFound = response.StatusCode == HttpStatusCode.NotFound && code == HttpNames.NotFound };
                }

                return await response.Content.ReadFromJsonAsync(type, stop.Token) ?? throw new ServiceException(app, "the answer is empty.");
            }
            catch (OperationCanceledException e) when (!cancel.IsCancellationRequested)
            {
                throw new ServiceException(app, $"no answer within {patience.TotalSeconds:0} s.{(changes ? " It may still be carried out: look before you send it again." : "")}", e);
            }
            catch (Exception e) when (e is HttpRequestException or JsonException)
            {
                throw new ServiceException(app, e.Message, e);
            }
        }
    }

    /// <summary>The detail of a problem answer, or the message of the sidecar; and its code.</summary>
    private static async Task<(string Reason, string? Code)> ReasonAsync(HttpResponseMessage response, CancellationToken cancel)
    {
        var body = await response.Content.ReadAsStringAsync(cancel);
        try
        {
            using var json = JsonDocument.Parse(body);
            if ((Text(json.RootElement, "detail") ?? Text(json.RootElement, "message") ?? Text(json.RootElement, "title")) is { } reason)
                return (reason, Text(json.RootElement, "code"));
        }
        catch (JsonException)
        {
            // Not a problem document: the status says what there is to say.
        }

        return ($"HTTP {(int)response.StatusCode} {response.ReasonPhrase}.", null);
    }

    private static string? Text(JsonElement json, string name) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out var text) && text.ValueKind == JsonValueKind.String ? text.GetString() : null;
}

/// <summary>A service did not answer or refused.</summary>
/// <param name="app">Its app-id.</param>
/// <param name="reason">Why, in its own words.</param>
/// <param name="inner">The cause.</param>
internal sealed class ServiceException(string app, string reason, Exception? inner = null) : Exception($"{app}: {reason}", inner)
{
    /// <summary>True when the service answered that there is no such thing.</summary>
    internal bool NotFound { get; init; }
}

/// <summary>A plan and where it came from.</summary>
/// <param name="Run">The plan with what became of it.</param>
/// <param name="FromHistory">True when the rebalancer keeps it no longer.</param>
internal sealed record FoundPlan(PlanRun Run, bool FromHistory);
