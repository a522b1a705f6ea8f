using System.Globalization;
using Grpc.Core;

namespace Danube.Dapr.BrokerSimulator;

internal sealed partial class Cluster
{
    /// <summary>Clients outlive their topic: when one of that name is created again they come back and subscribe again.</summary>
    private readonly Dictionary<string, (TopicTraffic Traffic, IReadOnlyList<string> Subscriptions)> _clients = [];

    /// <summary>Puts a topic with its clients on a broker, as if it had always been there.</summary>
    public void Place(BrokerInstance broker, string name, bool reliable, TopicTraffic traffic, IReadOnlyList<string> subscriptions)
    {
        _clients[name] = (traffic, subscriptions);
        Topics[name] = NewTopic(name, reliable);
        PutAssignment(broker.Id, name);
        Load(broker, Topics[name], "start");
    }

    public void CreateTopic(string name, bool reliable)
    {
        RequireWritable($"Unable to create the topic {name}");
        if (WhyNotCreate(name) is { } reason)
            throw new RpcException(new Status(StatusCode.NotFound, $"Unable to create the topic {name} due to {reason}"));
        Topics[name] = NewTopic(name, reliable);
        Wrote();
        Log.Add("create", name, detail: reliable ? "Reliable" : "NonReliable");
        AliveLeader?.Manager.EnqueueUnrelated();
        PutMarker(name, new Marker(MarkerReason.None));
    }

    public void CreatePartitions(string baseName, int partitions, bool reliable)
    {
        for (var partition = 0; partition < partitions; partition++)
            CreatePartition(string.Create(CultureInfo.InvariantCulture, $"{baseName}-part-{partition}"), reliable);
    }

    public void DeleteTopic(string name)
    {
        RequireWritable($"Unable to delete the topic {name}");
        if (name.Contains("-part-", StringComparison.Ordinal))
        {
            throw new RpcException(new Status(
                StatusCode.NotFound,
                $"Unable to delete the topic {name} due to Cannot delete individual partition '{name}'. Delete the base topic instead "
                + "(e.g., if partition is '/default/mytopic-part-0', delete '/default/mytopic')."));
        }

        var partitions = Topics.Keys.Where(topic => topic.StartsWith(name + "-part-", StringComparison.Ordinal)).ToList();
        foreach (var topic in partitions.Count > 0 && !Topics.ContainsKey(name) ? partitions : [name])
        {
            if (ResolveOwner(topic) is not { } owner)
                throw new RpcException(new Status(StatusCode.NotFound, $"Unable to delete the topic {topic} due to Unable to find topic"));
            Topics.Remove(topic);
            Unassigned.Remove(topic);
            Log.Add("delete", topic, owner);
            DeleteAssignment(owner, topic);
        }
    }

    /// <summary>Writes the marker and takes the assignment from whom the substring search finds; the rest happens on that broker.</summary>
    public void UnloadTopic(string name)
    {
        if (Registered.Count < 2)
        {
            throw new RpcException(new Status(
                StatusCode.FailedPrecondition, $"Unable to unload the topic {name}: the cluster has fewer than 2 brokers, there is no other broker to take it"));
        }

        RequireWritable($"Unable to unload the topic {name}");
        var owner = ResolveOwner(name)
            ?? throw new RpcException(new Status(StatusCode.NotFound, $"Unable to unload the topic {name} due to Unable to find topic"));
        PostUnload(name, owner);
    }

    /// <summary>Answers how many topics the filters leave, and posts an unload for each unless it is a dry run.</summary>
    public int UnloadBroker(string brokerId, IReadOnlyCollection<string> include, IReadOnlyCollection<string> exclude, bool dryRun)
    {
        if (brokerId.Length == 0)
            throw new RpcException(new Status(StatusCode.InvalidArgument, "broker_id must be provided to unload a broker"));
        if (Registered.Count < 2)
            throw new RpcException(new Status(StatusCode.FailedPrecondition, "Unable to unload the broker: the cluster has fewer than 2 brokers"));
        if (!Registered.Keys.Any(id => id != brokerId && ModeOf(id) == BrokerMode.Active))
            throw new RpcException(new Status(StatusCode.FailedPrecondition, "Unable to unload the broker: there is no other active broker"));
        RequireWritable($"Unable to unload the broker {brokerId}");
        var topics = AssignedTo(brokerId)
            .Where(topic => include.Count == 0 || include.Any(name => topic.StartsWith($"/{name}/", StringComparison.Ordinal)))
            .Where(topic => !exclude.Any(name => topic.StartsWith($"/{name}/", StringComparison.Ordinal)))
            .ToList();
        if (dryRun)
            return topics.Count;
        if (topics.Count == 0)
        {
            SetMode(brokerId, BrokerMode.Drained, "no_topics");
            return 0;
        }

        SetMode(brokerId, BrokerMode.Draining, "admin_unload");
        foreach (var topic in topics)
            PostUnload(topic, brokerId);
        return topics.Count;
    }

    /// <summary>What a producer's knock does: load the topic when this broker believes it is the owner.</summary>
    /// <returns>The copy to publish to.</returns>
    public TopicCopy KnockAsProducer(BrokerInstance broker, string name, bool reliable)
    {
        const string elsewhere = "The topic exists but is served by another broker, redo the Lookup request";
        if (!broker.Copies.TryGetValue(name, out var copy))
        {
            var owner = ResolveOwner(name);
            if (!Topics.TryGetValue(name, out var topic))
            {
                CreateTopic(name, reliable);
                throw new RpcException(new Status(StatusCode.Unavailable, "The topic was created and is being assigned, redo the Lookup request"));
            }

            if (owner != broker.Id)
                throw new RpcException(new Status(StatusCode.Unavailable, elsewhere));
            Load(broker, topic, "client knocked");
            copy = broker.Copies[name];
        }

        return copy.Topic.Reliable == reliable
            ? copy
            : throw new RpcException(new Status(StatusCode.FailedPrecondition, $"The topic {name} has another dispatch strategy"));
    }

    private TopicState NewTopic(string name, bool reliable)
    {
        if (!_clients.TryGetValue(name, out var clients))
            return new TopicState(name, reliable, new TopicTraffic(0, 0, 0, 0, 0));
        var topic = new TopicState(name, reliable, clients.Traffic);
        topic.Subscriptions.AddRange(clients.Subscriptions.Select(subscription => new SubscriptionState(subscription, 1)));
        return topic;
    }

    private void PostUnload(string topic, string owner)
    {
        Log.Add("unload-posted", topic, owner);
        PutMarker(topic, new Marker(MarkerReason.Unload, owner));
        DeleteAssignment(owner, topic);
    }

    private void CreatePartition(string name, bool reliable)
    {
        // Partitions of one topic are prefixes of one another: Danube checks the base name alone.
        if (Topics.ContainsKey(name))
            throw new RpcException(new Status(StatusCode.NotFound, $"Unable to create the topic {name} due to {Exists(name)}"));
        Topics[name] = NewTopic(name, reliable);
        Log.Add("create", name, detail: reliable ? "Reliable" : "NonReliable");
        PutMarker(name, new Marker(MarkerReason.None));
    }

    private string? WhyNotCreate(string name)
    {
        var parts = name.Split('/');
        if (parts.Length != 3 || parts[0].Length != 0 || !IsName(parts[1]) || !IsName(parts[2]))
            return $"The topic: {name} has an invalid format, should be: /namespace_name/topic_name";
        if (!Namespaces.Contains(parts[1]))
        {
            return "code: 'The service is currently unavailable', message: \"Unable to find the namespace "
                + $"{parts[1]}, the topic can be created only for an exisiting namespace\"";
        }

        if (Topics.ContainsKey(name))
            return Exists(name);
        var longer = Topics.Keys.Count(topic => topic.StartsWith(name, StringComparison.Ordinal));
        return longer == 0
            ? null
            : "code: 'Some entity that we attempted to create already exists', message: \"Cannot create topic '" + name
                + $"': partitioned topics with this base name already exist (found {longer.ToString(CultureInfo.InvariantCulture)} partitions). "
                + "Delete the partitioned topics first.\"";
    }

    private static string Exists(string name) =>
        $"code: 'Some entity that we attempted to create already exists', message: \"Topic '{name}' already exists\"";

    private static bool IsName(string part) =>
        part.Length > 0 && part.All(character => char.IsAsciiLetterOrDigit(character) || character is '-' or '_');
}
