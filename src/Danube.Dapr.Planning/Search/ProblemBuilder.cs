using System.Globalization;

namespace Danube.Dapr.Planning.Search;

/// <summary>Reads rules, limits and loads of a snapshot into a <see cref="Problem"/>.</summary>
internal sealed class ProblemBuilder
{
    private const double LeastTopicShare = .05;
    private readonly Snapshot _snapshot;
    private readonly PlannerOptions _options;
    private readonly int _b;
    private readonly int _t;
    private readonly List<Refusal> _notes = [];
    private readonly List<RuleConflict> _conflicts = [];
    private readonly Reason?[] _excluded;
    private readonly bool[] _canReceive;
    private readonly bool[] _emptied;
    private readonly bool[] _canSend;
    private readonly Reason?[] _fixed;
    private readonly bool[] _mustLeave;
    private readonly bool[]?[] _allowed;
    private int[] _participants = [];

    private ProblemBuilder(Snapshot snapshot, PlannerOptions options)
    {
        _snapshot = snapshot;
        _options = options;
        _b = snapshot.Brokers.Count;
        _t = snapshot.Topics.Count;
        _excluded = new Reason?[_b];
        _canReceive = new bool[_b];
        _emptied = new bool[_b];
        _canSend = new bool[_b];
        _fixed = new Reason?[_t];
        _mustLeave = new bool[_t];
        _allowed = new bool[]?[_t];
    }

    public static Problem Build(Snapshot snapshot, PlannerOptions options) => new ProblemBuilder(snapshot, options).Build();

    private Problem Build()
    {
        ReadBrokers();
        ReadTopics();
        var rules = new RuleReader(_snapshot, _options.Rules, _canReceive, _canSend, _fixed, _mustLeave, _allowed, _notes, _conflicts);
        BanReturns();
        rules.Read();
        var home = _snapshot.Owners.ToArray();
        var resources = ChooseResources(home);
        var r = resources.Length;
        var scale = new double[r];
        var w = new double[_t * r];
        var startLoad = new double[_b * r];
        var limit = new double[_b * r];
        var low = new double[_b * r];
        var shares = new double[_b * r];
        Array.Fill(limit, double.PositiveInfinity);
        for (var i = 0; i < r; i++) Normalise(resources[i], i, r, home, scale, w, startLoad);
        var before = ImbalanceMeasure.Of(_snapshot, _participants, resources, _snapshot.BrokerLoad);
        var triggered = !_options.OnlyWhenTriggered || (_participants.Length >= _options.Limits.MinBrokers
            && (_options.Policy.IsTriggeredBy(before) || (_options.AlreadyTriggered && !_options.Policy.IsSettled(before))));
        var relaxed = _options.Goal == PlanGoal.Drain || !triggered;
        for (var i = 0; i < r; i++) SetLimits(resources[i], i, r, home, scale, w, startLoad, limit, low, shares, relaxed);

        var cost = new double[_t];
        for (var t = 0; t < _t; t++) cost[t] = _options.Cost.Of(_snapshot.Topics[t]);
        var (byHome, start) = SortByHome(home, w, r);
        var (group, groups) = rules.Groups();
        var zones = Zones();
        rules.FindUnspreadable(group, groups, zones);
        return new Problem
        {
            Snapshot = _snapshot, Options = _options, Resources = resources, Scale = scale, B = _b, T = _t, W = w, Home = home, Fixed = _fixed,
            MustLeave = _mustLeave, Cost = cost, StartLoad = startLoad, Limit = limit, Low = low, Share = shares, Excluded = _excluded, CanReceive = _canReceive,
            Emptied = _emptied, Allowed = _allowed, Group = group, Groups = groups, PerBroker = _options.Rules.MaxPartitionsPerBroker ?? int.MaxValue,
            PerZone = _options.Rules.MaxPartitionsPerZone ?? int.MaxValue, Zone = zones, ByHome = byHome, Start = start, Notes = _notes,
            Conflicts = _conflicts, Triggered = triggered, Before = before, Participants = _participants,
        };
    }

    private void ReadBrokers()
    {
        var excluded = _options.Rules.ExcludedBrokers.ToHashSet(StringComparer.Ordinal);
        var named = _options.Brokers.ToHashSet(StringComparer.Ordinal);
        var draining = _options.Goal is PlanGoal.Drain or PlanGoal.Evacuate;
        for (var b = 0; b < _b; b++)
        {
            var broker = _snapshot.Brokers[b];
            _emptied[b] = broker.State is BrokerState.Draining or BrokerState.Drained || (draining && named.Contains(broker.Id));
            var age = _snapshot.Time - (broker.ReportedAt ?? _snapshot.Time);
            var (reason, detail) = broker switch
            {
                { State: BrokerState.Down } => (Reason.BrokerUnreachable, "does not answer."),
                { Suspect: true } => (Reason.BrokerStuck, "has an unload that does not finish."),
                _ when excluded.Contains(broker.Id) => (Reason.BrokerExcluded, "is excluded by the rules."),
                _ when _emptied[b] => (Reason.BrokerNotActive, "is to be emptied and receives nothing."),
                _ when broker.ReportedAt == DateTimeOffset.MinValue => (Reason.StaleReports, "has not reported yet."),
                _ when age > _options.Limits.MaxReportAge => (Reason.StaleReports, string.Create(CultureInfo.InvariantCulture, $"reported {Math.Round(age.TotalSeconds)} s ago; at most {_options.Limits.MaxReportAge.TotalSeconds} s are allowed.")),
                _ => ((Reason?)null, ""),
            };
            _excluded[b] = reason;
            _canReceive[b] = reason is null && (_options.Goal != PlanGoal.AddBroker || named.Contains(broker.Id));
            _canSend[b] = reason is null or Reason.BrokerNotActive;
            if (reason is null) continue;
            _notes.Add(new(SubjectKind.Broker, broker.Id, reason.Value, $"Broker {broker.Id} {detail}"));
        }

        foreach (var id in named.Where(id => _snapshot.BrokerIndex(id) < 0).Order(StringComparer.Ordinal))
            _notes.Add(new(SubjectKind.Broker, id, Reason.Infeasible, $"Broker {id}, named by the goal {_options.Goal}, is not in the snapshot."));
        _participants = [.. Enumerable.Range(0, _b).Where(b => _excluded[b] is null)];
    }

    private void ReadTopics()
    {
        for (var t = 0; t < _t; t++)
        {
            var topic = _snapshot.Topics[t];
            var owner = _snapshot.OwnerOf(t);
            if (owner >= 0 && _emptied[owner]) _mustLeave[t] = true;
            _fixed[t] = topic switch
            {
                _ when owner < 0 => Reason.Stranded,
                _ when !_canSend[owner] => _excluded[owner],
                { LoadedTwice: true } => Reason.LoadedTwice,
                { Busy: true } => Reason.Reserved,
                { Delivery: Delivery.NonReliable } when !_options.Limits.MoveNonReliable => Reason.NonReliable,
                { Delivery: Delivery.Unknown } => Reason.DeliveryUnknown,
                _ when topic.LastMoved is { } moved && _snapshot.Time - moved < _options.Limits.CoolDown => Reason.CoolDown,
                { RatesKnown: false } when !_mustLeave[t] => Reason.RatesUnknown,
                _ when topic.FirstSeen is { } seen && _snapshot.Time - seen < _options.Limits.MinTopicAge && !_mustLeave[t] => Reason.TopicTooYoung,
                _ => null,
            };
        }
    }

    /// <summary>What left a broker a short time ago does not go back there: reports lag behind, and a topic must not bounce.</summary>
    private void BanReturns()
    {
        for (var t = 0; t < _t; t++)
        {
            var topic = _snapshot.Topics[t];
            if (_fixed[t] is not null || _mustLeave[t] || topic.MovedFrom is null || topic.LastMoved is not { } moved) continue;
            var left = _snapshot.BrokerIndex(topic.MovedFrom);
            if (left < 0 || _snapshot.Time - moved >= _options.Limits.NoReturnWithin) continue;
            var ok = new bool[_b];
            Array.Fill(ok, true);
            ok[left] = false;
            _allowed[t] = ok;
        }
    }

    private Resource[] ChooseResources(int[] home)
    {
        var chosen = new List<Resource>();
        foreach (var resource in _options.Resources)
        {
            double total = 0, topics = 0;
            foreach (var b in _participants) total += _snapshot.BaselineLoad(b, resource);
            for (var t = 0; t < _t; t++)
            {
                if (home[t] < 0 || !(_excluded[home[t]] is null || _mustLeave[t])) continue;
                topics += _snapshot.TopicLoad(t, resource);
            }

            total += topics;
            if (total <= 0) continue;
            if (topics >= LeastTopicShare * total) chosen.Add(resource);
            else
            {
                _notes.Add(new(SubjectKind.Cluster, "", Reason.NotCausedByTopics, string.Create(
                    CultureInfo.InvariantCulture, $"Topics cause {100 * topics / total:0.#} % of the {SnapshotBuilder.Name(resource)} load: moving them cannot balance it.")));
            }
        }

        return [.. chosen];
    }

    private void Normalise(Resource resource, int i, int r, int[] home, double[] scale, double[] w, double[] startLoad)
    {
        double total = 0;
        for (var t = 0; t < _t; t++)
        {
            w[(t * r) + i] = _snapshot.TopicLoad(t, resource);
            if (home[t] >= 0 && _excluded[home[t]] is not null && _mustLeave[t] && _fixed[t] is null) total += w[(t * r) + i];
        }

        for (var b = 0; b < _b; b++)
        {
            startLoad[(b * r) + i] = _snapshot.BrokerLoad(b, resource);
            if (_excluded[b] is null) total += startLoad[(b * r) + i];
        }

        scale[i] = _participants.Length == 0 || total <= 0 ? 1 : total / _participants.Length;
        for (var t = 0; t < _t; t++) w[(t * r) + i] /= scale[i];
        for (var b = 0; b < _b; b++) startLoad[(b * r) + i] /= scale[i];
    }

    /// <summary>
    /// Limit = policy × mean × share of the capacity, not above the allowed share of a known capacity. What cannot move may exceed that; then the limit of that
    /// broker is what cannot move and the usual slack, so that the rest is still planned for.
    /// </summary>
    private void SetLimits(Resource resource, int i, int r, int[] home, double[] scale, double[] w, double[] startLoad, double[] limit, double[] low, double[] shares, bool relaxed)
    {
        double capacity = 0, ceilings = 0;
        foreach (var b in _participants)
        {
            capacity += _snapshot.Capacity(b, resource);
            var known = _snapshot.Brokers[b].Capacity[resource];
            ceilings += known > 0 ? known * _options.Policy.MaxOverCapacity / scale[i] : double.PositiveInfinity;
        }

        if (capacity <= 0) return;
        double total = _participants.Length;
        var ceilingHolds = ceilings >= total * (1 - Problem.Tolerance);
        if (!ceilingHolds)
        {
            _notes.Add(new(SubjectKind.Cluster, "", Reason.Capacity, string.Create(
                CultureInfo.InvariantCulture,
                $"The {SnapshotBuilder.Name(resource)} load of the cluster is {total / ceilings:0.##} × what {_options.Policy.MaxOverCapacity:0.##} of its capacity can carry: add brokers.")));
        }

        var stuck = new double[_b];
        foreach (var b in _participants) stuck[b] = _snapshot.BaselineLoad(b, resource) / scale[i];
        for (var t = 0; t < _t; t++)
            if (home[t] >= 0 && _excluded[home[t]] is null && _fixed[t] is not null && !_mustLeave[t]) stuck[home[t]] += w[(t * r) + i];

        double mostRoom = 0;
        foreach (var b in _participants)
        {
            var share = total * _snapshot.Capacity(b, resource) / capacity;
            shares[(b * r) + i] = share;
            var upper = _options.Policy.TargetMaxOverMean * share;
            var known = _snapshot.Brokers[b].Capacity[resource];
            if (ceilingHolds && known > 0) upper = Math.Min(upper, known * _options.Policy.MaxOverCapacity / scale[i]);
            limit[(b * r) + i] = upper;
            low[(b * r) + i] = _options.Policy.TargetMinOverMean * share;
            if (_canReceive[b]) mostRoom = Math.Max(mostRoom, upper - stuck[b]);
        }

        NameUnsplittable(resource, i, r, home, w, stuck, limit, mostRoom);
        foreach (var b in _participants)
        {
            var share = total * _snapshot.Capacity(b, resource) / capacity;
            if (stuck[b] > limit[(b * r) + i])
            {
                // Not above what it carries now: it must not receive more.
                limit[(b * r) + i] = Math.Min(stuck[b] + ((_options.Policy.TargetMaxOverMean - 1) * share), startLoad[(b * r) + i]);
                var id = _snapshot.Brokers[b].Id;
                if (startLoad[(b * r) + i] > limit[(b * r) + i] + Problem.Tolerance || stuck[b] > 0)
                {
                    _notes.Add(new(SubjectKind.Broker, id, Reason.Capacity, string.Create(
                        CultureInfo.InvariantCulture,
                        $"What cannot move off broker {id} is {stuck[b] / share:0.##} × its share of {SnapshotBuilder.Name(resource)}: it is only relieved down to {limit[(b * r) + i] / share:0.##} ×.")));
                }
            }

            if (relaxed)
            {
                limit[(b * r) + i] = Math.Max(limit[(b * r) + i], startLoad[(b * r) + i]);
                low[(b * r) + i] = 0;
            }
        }
    }

    private void NameUnsplittable(Resource resource, int i, int r, int[] home, double[] w, double[] stuck, double[] limit, double mostRoom)
    {
        for (var t = 0; t < _t; t++)
        {
            var weight = w[(t * r) + i];
            var b = home[t];
            if (weight <= mostRoom + Problem.Tolerance || b < 0 || _mustLeave[t] || _fixed[t] is not null || _excluded[b] is not null) continue;
            var alone = stuck[b] + weight > limit[(b * r) + i] + Problem.Tolerance;
            stuck[b] += weight;
            _fixed[t] = alone ? Reason.Unsplittable : Reason.Capacity;
            if (!alone) continue;
            _notes.Add(new(SubjectKind.Topic, _snapshot.Topics[t].Name, Reason.Unsplittable, string.Create(
                CultureInfo.InvariantCulture,
                $"Topic {_snapshot.Topics[t].Name} alone is {weight:0.##} × the mean broker load of {SnapshotBuilder.Name(resource)}; no broker has more room than {Math.Max(0, mostRoom):0.##} ×. Split it or give it a bigger broker.")));
        }
    }

    private (int[] ByHome, int[] Start) SortByHome(int[] home, double[] w, int r)
    {
        var start = new int[_b + 1];
        foreach (var h in home) if (h >= 0) start[h + 1]++;
        for (var b = 0; b < _b; b++) start[b + 1] += start[b];
        var order = new int[start[_b]];
        var key = new double[start[_b]];
        var next = (int[])start.Clone();
        for (var t = 0; t < _t; t++)
        {
            if (home[t] < 0) continue;
            double heaviest = 0;
            for (var i = 0; i < r; i++) heaviest = Math.Max(heaviest, w[(t * r) + i]);
            var at = next[home[t]]++;
            order[at] = t;
            key[at] = -heaviest;
        }

        // Ties keep the order of the snapshot: Array.Sort is unstable, so that order becomes part of the key.
        for (var b = 0; b < _b; b++)
        {
            int from = start[b], length = start[b + 1] - start[b];
            Array.Sort(key, order, from, length);
            for (int i = from, end; i < from + length; i = end)
            {
                for (end = i + 1; end < from + length && key[end] == key[i];) end++;
                if (end - i > 1) Array.Sort(order, i, end - i);
            }
        }

        return (order, start);
    }

    private int[] Zones()
    {
        var names = new Dictionary<string, int>(StringComparer.Ordinal);
        var zones = new int[_b];
        for (var b = 0; b < _b; b++)
        {
            // A broker of unknown zone is a zone of its own.
            var name = _snapshot.Brokers[b].Zone ?? "\0" + _snapshot.Brokers[b].Id;
            if (!names.TryGetValue(name, out zones[b])) names[name] = zones[b] = names.Count;
        }

        return zones;
    }
}
