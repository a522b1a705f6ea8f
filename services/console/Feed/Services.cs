using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Dapr.Client;
using Danube.Dapr.Contracts;

namespace Danube.Dapr.WebConsole.Feed;

/// <summary>The other services, reached only through Dapr.</summary>
internal sealed class Services(IConfiguration configuration) : IDisposable
{
    /// <summary>An answer that takes longer is none for somebody who watches.</summary>
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(10);

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

    /// <summary>Gives a topic, or all that nobody owns, an owner again.</summary>
    internal Task<CommandResponse> RepairAsync(string? topic, string reason, CancellationToken cancel) =>
        PostAsync(
            DaprNames.Apps.Rebalancer,
            topic is null ? "topics/repair" : $"topics/{string.Join('/', topic.Trim('/').Split('/').Select(Uri.EscapeDataString))}/repair",
            JsonContent.Create(new RepairRequest(Reason: reason), ContractsJson.Default.RepairRequest), ContractsJson.Default.CommandResponse, cancel);

    /// <summary>Moves one topic.</summary>
    internal Task<CommandResponse> MoveAsync(MoveRequest request, CancellationToken cancel) =>
        PostAsync(DaprNames.Apps.Rebalancer, "moves", JsonContent.Create(request, ContractsJson.Default.MoveRequest), ContractsJson.Default.CommandResponse, cancel);

    /// <summary>A plan, from the rebalancer while it knows it, else from history.</summary>
    internal async Task<PlanRun> PlanAsync(string id, CancellationToken cancel)
    {
        var path = $"plans/{Uri.EscapeDataString(id)}";
        try
        {
            return await GetAsync(DaprNames.Apps.Rebalancer, path, ContractsJson.Default.PlanRun, cancel);
        }
        catch (ServiceException)
        {
            return await GetAsync(DaprNames.Apps.History, $"history/{path}", ContractsJson.Default.PlanRun, cancel);
        }
    }

    internal Task<RebalanceResponse> RebalanceAsync(RebalanceRequest request, CancellationToken cancel) =>
        PostAsync(DaprNames.Apps.Rebalancer, "rebalance", JsonContent.Create(request, ContractsJson.Default.RebalanceRequest), ContractsJson.Default.RebalanceResponse, cancel);

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
        http.Timeout = Timeout;
        return http;
    }

    private Task<T> GetAsync<T>(string app, string path, JsonTypeInfo<T> type, CancellationToken cancel) =>
        SendAsync(app, new HttpRequestMessage(HttpMethod.Get, $"http://{app}/{path}"), type, cancel);

    private Task<T> PostAsync<T>(string app, string path, HttpContent? body, JsonTypeInfo<T> type, CancellationToken cancel) =>
        SendAsync(app, new HttpRequestMessage(HttpMethod.Post, $"http://{app}/{path}") { Content = body }, type, cancel);

    /// <exception cref="ServiceException">The service does not answer or refuses.</exception>
    private async Task<T> SendAsync<T>(string app, HttpRequestMessage request, JsonTypeInfo<T> type, CancellationToken cancel)
    {
        using (request)
        {
            try
            {
                using var response = await _http.SendAsync(request, cancel);
                if (!response.IsSuccessStatusCode)
                    throw new ServiceException(app, await ReasonAsync(response, cancel));
                return await response.Content.ReadFromJsonAsync(type, cancel) ?? throw new ServiceException(app, "the answer is empty.");
            }
            catch (Exception e) when (e is HttpRequestException or JsonException || (e is OperationCanceledException && !cancel.IsCancellationRequested))
            {
                throw new ServiceException(app, e is OperationCanceledException ? $"no answer within {Timeout.TotalSeconds:0} s." : e.Message, e);
            }
        }
    }

    /// <summary>The detail of a problem answer, or the message of the sidecar.</summary>
    private static async Task<string> ReasonAsync(HttpResponseMessage response, CancellationToken cancel)
    {
        var body = await response.Content.ReadAsStringAsync(cancel);
        try
        {
            using var json = JsonDocument.Parse(body);
            foreach (var name in (ReadOnlySpan<string>)["detail", "message", "title"])
            {
                if (json.RootElement.ValueKind == JsonValueKind.Object && json.RootElement.TryGetProperty(name, out var text) && text.ValueKind == JsonValueKind.String)
                    return text.GetString()!;
            }
        }
        catch (JsonException)
        {
            // Not a problem document: the status says what there is to say.
        }

        return $"HTTP {(int)response.StatusCode} {response.ReasonPhrase}.";
    }
}

/// <summary>A service did not answer or refused.</summary>
/// <param name="app">Its app-id.</param>
/// <param name="reason">Why, in its own words.</param>
/// <param name="inner">The cause.</param>
internal sealed class ServiceException(string app, string reason, Exception? inner = null) : Exception($"{app}: {reason}", inner);
