using System.Globalization;
using Danube.Dapr.BrokerClient.Protocol.Admin;
using Danube.Dapr.BrokerClient.Protocol.Client;
using Grpc.Core;

namespace Danube.Dapr.BrokerClient;

public sealed partial class DanubeCluster
{
    private const int ListsAtOnce = 4;

    /// <summary>The leader's ranking and balance. Followers answer this with nothing, so nobody else is asked.</summary>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <returns>The balance; without brokers while a new leader has seen no load report yet.</returns>
    public async Task<ClusterBalance> GetClusterBalanceAsync(CancellationToken cancellationToken = default)
    {
        var (answer, address) = await BalanceAsync(cancellationToken).ConfigureAwait(false);
        if (answer.Brokers.Count == 0)
        {
            // Whom we took for the leader may be one no longer.
            await DiscoverAsync(cancellationToken).ConfigureAwait(false);
            (answer, address) = await BalanceAsync(cancellationToken).ConfigureAwait(false);
        }

        return new ClusterBalance(
            answer.AssignmentStrategy,
            answer.CoefficientOfVariation,
            answer.MeanLoad,
            answer.MaxLoad,
            answer.MinLoad,
            answer.StdDeviation,
            [.. answer.Brokers.Select(broker => new RankedBroker(
                Id(broker.BrokerId), broker.Load, (int)broker.TopicCount, broker.IsOverloaded, broker.IsUnderloaded))],
            address);
    }

    /// <summary>Raft as the leader sees it.</summary>
    /// <param name="cancellationToken">Stops the call.</param>
    public async Task<RaftStatus> GetRaftStatusAsync(CancellationToken cancellationToken = default)
    {
        var (answer, _) = await AskLeaderAsync(
            "ClusterStatus", (address, call) => _channels.Cluster(address).ClusterStatusAsync(new Empty(), call), cancellationToken).ConfigureAwait(false);
        return ToRaftStatus(answer);
    }

    /// <summary>Raft as one broker sees it.</summary>
    /// <param name="brokerId">Whom to ask.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    public async Task<RaftStatus> GetRaftStatusAsync(string brokerId, CancellationToken cancellationToken = default)
    {
        var address = (await BrokerAsync(brokerId, "ClusterStatus", cancellationToken).ConfigureAwait(false)).AdminAddress;
        return ToRaftStatus(await _channels.InvokeAsync(
            address, "ClusterStatus", call => _channels.Cluster(address).ClusterStatusAsync(new Empty(), call), cancellationToken).ConfigureAwait(false));
    }

    /// <summary>Every namespace once, sorted. Danube itself repeats a namespace for each of its topics.</summary>
    /// <param name="cancellationToken">Stops the call.</param>
    public async Task<IReadOnlyList<string>> ListNamespacesAsync(CancellationToken cancellationToken = default)
    {
        var answer = await AskAnyAsync(
            "ListNamespaces", (address, call) => _channels.Brokers(address).ListNamespacesAsync(new Empty(), call), cancellationToken).ConfigureAwait(false);
        return [.. answer.Namespaces.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
    }

    /// <summary>Every topic of a namespace, owned or not; empty when there is no such namespace.</summary>
    /// <param name="namespaceName">Bare name, such as <c>default</c>.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    public async Task<IReadOnlyList<ListedTopic>> ListNamespaceTopicsAsync(string namespaceName, CancellationToken cancellationToken = default)
    {
        var request = new NamespaceRequest { Name = namespaceName };
        var answer = await AskAnyAsync(
            "ListNamespaceTopics", (address, call) => _channels.Topics(address).ListNamespaceTopicsAsync(request, call), cancellationToken).ConfigureAwait(false);
        return [.. answer.Topics.Select(topic => new ListedTopic(topic.Name, Delivery(topic.Delivery), NullIfEmpty(topic.BrokerId)))];
    }

    /// <summary>The topics that are assigned to a broker: the one true source of ownership. Empty for an unknown broker.</summary>
    /// <param name="brokerId">Whose topics.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    public async Task<IReadOnlyList<OwnedTopic>> ListBrokerTopicsAsync(string brokerId, CancellationToken cancellationToken = default)
    {
        var request = new BrokerRequest { BrokerId = brokerId };
        var answer = await AskAnyAsync(
            "ListBrokerTopics", (address, call) => _channels.Topics(address).ListBrokerTopicsAsync(request, call), cancellationToken).ConfigureAwait(false);
        return [.. answer.Topics.Select(topic => new OwnedTopic(topic.Name, Delivery(topic.Delivery)))];
    }

    /// <summary>Who owns what in the whole cluster, and what nobody owns.</summary>
    /// <param name="cancellationToken">Stops the call.</param>
    public async Task<TopicOwnership> GetOwnershipAsync(CancellationToken cancellationToken = default)
    {
        var readAt = _time.GetUtcNow();
        var topology = await GetTopologyAsync(cancellationToken).ConfigureAwait(false);
        // Existing topics first: one that is created in between is then owned but not listed, rather than listed and taken for lost.
        var namespaces = await ListNamespacesAsync(cancellationToken).ConfigureAwait(false);
        var listed = new List<ListedTopic>();
        foreach (var name in namespaces)
            listed.AddRange(await ListNamespaceTopicsAsync(name, cancellationToken).ConfigureAwait(false));

        var owned = new IReadOnlyList<OwnedTopic>[topology.Brokers.Count];
        await Parallel.ForEachAsync(
            Enumerable.Range(0, owned.Length),
            new ParallelOptions { MaxDegreeOfParallelism = ListsAtOnce, CancellationToken = cancellationToken },
            async (index, stop) => owned[index] = await ListBrokerTopicsAsync(topology.Brokers[index].Id, stop).ConfigureAwait(false)).ConfigureAwait(false);

        var owners = new Dictionary<string, IReadOnlyList<string>>(listed.Count, StringComparer.Ordinal);
        for (var index = 0; index < owned.Length; index++)
        {
            var brokerId = topology.Brokers[index].Id;
            foreach (var topic in owned[index])
                owners[topic.Name] = owners.TryGetValue(topic.Name, out var others) ? [.. others, brokerId] : [brokerId];
        }

        return new TopicOwnership(
            owners,
            listed,
            [.. listed.Select(topic => topic.Name).Where(name => !owners.ContainsKey(name)).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)],
            readAt);
    }

    /// <summary>Describes a topic. Danube answers for an unknown one too: without an owner, as NonReliable.</summary>
    /// <param name="topic">Full name, <c>/namespace/topic</c>.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    public async Task<TopicDescription> DescribeTopicAsync(string topic, CancellationToken cancellationToken = default)
    {
        var request = new DescribeTopicRequest { Name = topic };
        var answer = await AskAnyAsync(
            "DescribeTopic", (address, call) => _channels.Topics(address).DescribeTopicAsync(request, call), cancellationToken).ConfigureAwait(false);
        return new TopicDescription(
            answer.Name,
            NullIfEmpty(answer.BrokerId),
            Delivery(answer.Delivery),
            Distinct(answer.Subscriptions),
            answer.HasSchemaSubject ? NullIfEmpty(answer.SchemaSubject) : null);
    }

    /// <summary>Distinct names of a topic's subscriptions.</summary>
    /// <param name="topic">Full name.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    public async Task<IReadOnlyList<string>> ListSubscriptionsAsync(string topic, CancellationToken cancellationToken = default)
    {
        var request = new TopicRequest { Name = topic };
        var answer = await AskAnyAsync(
            "ListSubscriptions", (address, call) => _channels.Topics(address).ListSubscriptionsAsync(request, call), cancellationToken).ConfigureAwait(false);
        return Distinct(answer.Subscriptions);
    }

    /// <summary>Asks a broker's client port whether it serves a topic. <see cref="LookupOutcome.Connect"/> proves that a move has arrived there.</summary>
    /// <param name="brokerId">Whom to ask.</param>
    /// <param name="topic">Full name.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    public async Task<TopicLookupResult> LookupTopicAsync(string brokerId, string topic, CancellationToken cancellationToken = default)
    {
        var address = (await BrokerAsync(brokerId, "TopicLookup", cancellationToken).ConfigureAwait(false)).ClientAddress;
        try
        {
            var answer = await _channels.InvokeAsync(
                address,
                "TopicLookup",
                call => _channels.Discovery(address).TopicLookupAsync(new TopicLookupRequest { RequestId = 1, Topic = topic }, call),
                cancellationToken).ConfigureAwait(false);
            return new TopicLookupResult(
                answer.ResponseType switch
                {
                    TopicLookupResponse.Types.LookupType.Connect => LookupOutcome.Connect,
                    TopicLookupResponse.Types.LookupType.Redirect => LookupOutcome.Redirect,
                    _ => LookupOutcome.Failed,
                },
                NullIfEmpty(answer.BrokerUrl),
                null);
        }
        catch (DanubeRefusedException error) when (error.Status == StatusCode.NotFound)
        {
            return new TopicLookupResult(LookupOutcome.NotFound, null, error.Detail);
        }
    }

    /// <summary>Fetches a broker's metrics text, within <see cref="DanubeClientOptions.MetricsTimeout"/> and <see cref="DanubeClientOptions.MetricsMaxBytes"/>.</summary>
    /// <param name="brokerId">Whose metrics.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <returns>The text; null when the broker runs without an exporter.</returns>
    /// <exception cref="DanubeUnexpectedAnswerException">The text is too large, or the answer is not 200.</exception>
    public async Task<MetricsText?> GetMetricsTextAsync(string brokerId, CancellationToken cancellationToken = default)
    {
        var broker = await BrokerAsync(brokerId, "metrics", cancellationToken).ConfigureAwait(false);
        return broker.MetricsAddress is null
            ? null
            : await _metrics.FetchAsync(brokerId, broker.MetricsAddress, cancellationToken).ConfigureAwait(false);
    }

    private Task<(ClusterBalanceResponse Answer, Uri Address)> BalanceAsync(CancellationToken cancellationToken) =>
        AskLeaderAsync(
            "GetClusterBalance", (address, call) => _channels.Brokers(address).GetClusterBalanceAsync(new ClusterBalanceRequest(), call), cancellationToken);

    private static RaftStatus ToRaftStatus(ClusterStatusResponse answer) => new(
        Id(answer.SelfNodeId),
        answer.LeaderId == 0 ? null : Id(answer.LeaderId),
        answer.CurrentTerm,
        answer.LastApplied,
        [.. answer.Voters.Select(Id)],
        [.. answer.Learners.Select(Id)]);

    private static string Id(ulong id) => id.ToString(CultureInfo.InvariantCulture);

    private static TopicDelivery Delivery(string text) => text == "Reliable" ? TopicDelivery.Reliable : TopicDelivery.NonReliable;

    private static string? NullIfEmpty(string text) => text.Length == 0 ? null : text;

    private static IReadOnlyList<string> Distinct(IEnumerable<string> names) =>
        [.. names.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
}
