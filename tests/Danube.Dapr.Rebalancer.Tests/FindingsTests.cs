using Danube.Dapr.BrokerClient;
using Danube.Dapr.BrokerSimulator;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Control;
using Danube.Dapr.Rebalancer.Findings;
using Danube.Dapr.Rebalancer.Tests.Bench;
using Microsoft.Extensions.Logging.Abstractions;

namespace Danube.Dapr.Rebalancer.Tests;

/// <summary>What is found to be wrong with a cluster, for each defect that the simulated one can show, and what is offered.</summary>
public sealed class FindingsTests : IAsyncLifetime
{
    private MoveBench _bench = null!;
    private ApiBench _api = null!;

    public async Task InitializeAsync()
    {
        _bench = await MoveBench.StartAsync(configure: o =>
        {
            o.MoveTimeoutSeconds = 5;
            o.Mode = "observe";
        });
        _api = await ApiBench.StartAsync(_bench);
    }

    public async Task DisposeAsync()
    {
        await _api.DisposeAsync();
        await _bench.DisposeAsync();
    }

    [Fact]
    public async Task Findings_OfAHealthyCluster_AreNone()
    {
        await _bench.Directory.Control.NudgeAsync();

        Assert.Empty(await FindingsAsync());
        Assert.Empty(_bench.Events.Happened);
    }

    [Fact]
    public async Task BrokerThatWasActivatedHere_IsNotFoundDrainedByAReportFromBefore()
    {
        var broker = _bench.Brokers[1];
        using var drained = await _api.PostAsync($"/brokers/{broker}/drain");
        await _bench.RunWorkflowsAsync();
        var before = _bench.Snapshot();
        using var activated = await _api.PostAsync($"/brokers/{broker}/activate");
        var state = await _bench.Directory.Control.GetStateAsync();

        IReadOnlyList<Finding> Of(ControlState remembered, double seconds) => FindingRules.Of(before with { Time = before.Time.AddSeconds(seconds) }, [], remembered, _bench.Options, _bench.Time.GetUtcNow());
        Assert.DoesNotContain(Of(state, 1), f => f.Kind == FindingKind.BrokerDrained);
        Assert.Equal(broker, Assert.Single(Of(state, _bench.Options.MaxReportAgeSeconds + 60), f => f.Kind == FindingKind.BrokerDrained).Subject);
        Assert.Contains(Of(state with { Activated = [] }, 1), f => f.Kind == FindingKind.BrokerDrained);

        using var again = await _api.PostAsync($"/brokers/{broker}/drain");
        await _bench.RunWorkflowsAsync();
        Assert.Contains(Of(await _bench.Directory.Control.GetStateAsync(), 1), f => f is { Kind: FindingKind.BrokerDrained, Severity: FindingSeverity.Info });
    }

    [Fact]
    public async Task StrandedTopic_IsFoundOfferedForRepairAndAnnounced_AndGoneAfterwards()
    {
        var topic = _bench.TopicsOf(_bench.Brokers[0])[0];
        await _bench.StrandAsync(topic);
        await _bench.Directory.Control.NudgeAsync();

        var finding = Assert.Single(await FindingsAsync(), f => f.Kind == FindingKind.StrandedTopic);
        Assert.Equal((topic, FindingSeverity.Critical, true), (finding.Subject, finding.Severity, finding.CanRepair));

        using var repair = await _api.PostAsync($"/topics{topic}/repair");
        await _bench.RunWorkflowsAsync();
        await _bench.Directory.Control.NudgeAsync();
        Assert.DoesNotContain(await FindingsAsync(), f => f.Kind == FindingKind.StrandedTopic);
        Assert.Equal(
            [BrokerEventKind.FindingOpened, BrokerEventKind.FindingClosed],
            _bench.Events.Happened.Where(e => e.Topic == topic).Select(e => e.Kind));
    }

    [Fact]
    public async Task SealThatFails_IsFoundAsADeadCopyAndAWatcherThatHangs()
    {
        var (a, b) = (_bench.Brokers[0], _bench.Brokers[1]);
        var topic = _bench.TopicsOf(a)[0];
        _bench.Cluster.SetFault(Fault.SealFails, on: true, target: a);
        await _bench.RunPlanAsync((topic, b));

        var findings = await FindingsAsync();
        Assert.Equal(topic, Assert.Single(findings, f => f.Kind == FindingKind.DeadCopy).Subject);
        Assert.Equal(a, Assert.Single(findings, f => f.Kind == FindingKind.WatcherHangs).Subject);
    }

    [Fact]
    public async Task WatcherThatHangs_IsFound_AndNothingMovesFromOrToItAnyMore()
    {
        var (a, b) = (_bench.Brokers[0], _bench.Brokers[1]);
        var topics = _bench.TopicsOf(a).ToArray();
        _bench.Cluster.SetFault(Fault.HangingWatcher, on: true, target: a);
        await _bench.RunPlanAsync((topics[0], b));
        _bench.Cluster.SetFault(Fault.HangingWatcher, on: false, target: a);

        Assert.Equal(a, Assert.Single(await FindingsAsync(), f => f.Kind == FindingKind.WatcherHangs).Subject);
        using var refused = await _api.PostAsync("/moves", new MoveRequest { Topic = topics[1], To = b });
        Assert.Equal(nameof(ReasonCode.BrokerExcluded), await ApiBench.CodeAsync(refused));
        var forced = await _bench.RunPlanAsync((topics[1], b));
        Assert.Equal(ReasonCode.BrokerStuck, (await _bench.Directory.Plan(forced.Plan.Id).GetMovesAsync()).Single().Reason);
    }

    [Fact]
    public async Task WatcherThatHangs_OnTheTarget_IsBlamed_AndTheSourceIsNot()
    {
        await _bench.Danube.CreateTopicAsync("/default/quiet", TopicDelivery.Reliable);
        await MoveBench.UntilAsync(() => _bench.Topic("/default/quiet").LoadedOn.Count == 1, "the topic is loaded");
        var source = _bench.Topic("/default/quiet").LoadedOn.Single();
        var (target, third) = (_bench.Brokers.First(b => b != source), _bench.Brokers.Last(b => b != source));
        _bench.Cluster.SetFault(Fault.HangingWatcher, on: true, target: target);
        var run = await _bench.RunPlanAsync(("/default/quiet", target));
        _bench.Cluster.SetFault(Fault.HangingWatcher, on: false, target: target);

        var move = (await _bench.Directory.Plan(run.Plan.Id).GetMovesAsync()).Single();
        Assert.Equal((MoveState.Stuck, target), (move.State, move.Owner));
        var state = await _bench.Directory.Control.GetStateAsync();
        Assert.Equal([target], state.StuckBrokers);
        Assert.Empty(state.Banned);
        Assert.Equal(target, Assert.Single(await FindingsAsync(), f => f.Kind == FindingKind.WatcherHangs).Subject);
        Assert.Equal(1, (await _bench.RunPlanAsync((_bench.TopicsOf(source)[0], third))).Done);
    }

    [Fact]
    public async Task RacingLoads_MarkExactlyTheTopicThatWasLoadedTwice_AndItIsNotMovedAgain()
    {
        var a = _bench.Brokers.MaxBy(broker => _bench.TopicsOf(broker).Count)!;
        var b = _bench.Brokers.First(broker => broker != a);
        var topics = _bench.TopicsOf(a).Take(3).ToArray();
        await _bench.RunPlanAsync((topics[0], b));
        _bench.Options.CoolDownSeconds = 0;
        _bench.Cluster.SetFault(Fault.RacingLoads, on: true);
        var run = await _bench.RunPlanAsync((topics[1], b), (topics[2], b));
        _bench.Cluster.SetFault(Fault.RacingLoads, on: false);

        var moves = await _bench.Directory.Plan(run.Plan.Id).GetMovesAsync();
        Assert.Equal([(MoveState.Failed, ReasonCode.LoadedTwice), (MoveState.Skipped, ReasonCode.LoadedTwice)], moves.Select(m => (m.State, m.Reason!.Value)));
        Assert.Equal(topics[1], Assert.Single(await FindingsAsync(), f => f is { Kind: FindingKind.LoadedTwice, About: SubjectKind.Topic }).Subject);
        Assert.Equal(ReasonCode.LoadedTwice, (await _bench.Directory.Control.GetStateAsync()).Circuit?.Reason);
        var again = await _bench.RunPlanAsync((topics[1], a));
        Assert.Equal(ReasonCode.LoadedTwice, (await _bench.Directory.Plan(again.Plan.Id).GetMovesAsync()).Single().Reason);
        Assert.DoesNotContain(_bench.Cluster.Events(), e => e.Event == "messages-lost");

        // What the finding advises ends it.
        using var forced = await _api.PostAsync("/moves", new MoveRequest { Topic = topics[1], To = a, Force = true, Reason = "test" });
        await _bench.RunWorkflowsAsync();
        Assert.Equal([a], _bench.Topic(topics[1]).AssignedTo);
        Assert.DoesNotContain(await FindingsAsync(), f => f.Kind == FindingKind.LoadedTwice);
        Assert.Empty((await _bench.Directory.Control.GetStateAsync()).LoadedTwiceOn);
        using var plain = await _api.PostAsync("/moves", new MoveRequest { Topic = topics[1], To = b });
        await _bench.RunWorkflowsAsync();
        Assert.Equal([b], _bench.Topic(topics[1]).AssignedTo);
    }

    [Fact]
    public async Task TopicThatWasLoadedTwice_DeletedAndCreatedAgain_IsAsAnyOther()
    {
        var a = _bench.Brokers.MaxBy(broker => _bench.TopicsOf(broker).Count)!;
        var topic = _bench.TopicsOf(a)[0];
        _bench.Options.CoolDownSeconds = 0;
        _bench.Cluster.SetFault(Fault.RacingLoads, on: true);
        await _bench.RunPlanAsync((topic, _bench.Brokers.First(broker => broker != a)));
        _bench.Cluster.SetFault(Fault.RacingLoads, on: false);
        Assert.True((await _bench.Directory.Topic(topic).GetAsync())!.LoadedTwice);

        await _bench.Danube.DeleteTopicAsync(topic);
        await _bench.Directory.Control.NudgeAsync();
        await _bench.Danube.CreateTopicAsync(topic, TopicDelivery.Reliable);
        await MoveBench.UntilAsync(() => _bench.Topic(topic).ServedBy is not null, "it is there again");

        Assert.DoesNotContain(await FindingsAsync(), f => f is { Kind: FindingKind.LoadedTwice, About: SubjectKind.Topic });
        Assert.False((await _bench.Directory.Topic(topic).GetAsync())!.LoadedTwice);
        Assert.Equal(1, (await _bench.RunPlanAsync((topic, _bench.Brokers.First(broker => !_bench.Topic(topic).AssignedTo.Contains(broker))))).Done);
    }

    [Fact]
    public void TopicThatWasLoadedTwice_OfABrokerThatIsGone_IsForgottenOnceAnotherOwnsIt()
    {
        var topic = _bench.TopicsOf(_bench.Brokers[0])[0];
        var state = new ControlState { LoadedTwice = [topic, "/default/gone"], LoadedTwiceOn = [new TopicPin(topic, "1")], RepairFailed = [topic, "/default/gone"] };
        var now = _bench.Snapshot();
        var orphaned = now with { Topics = [.. now.Topics.Select(t => t.Name == topic ? t with { BrokerId = null } : t)] };
        var unread = now with { Brokers = [.. now.Brokers.Select((b, i) => i == 0 ? b with { ReportTime = null } : b)] };
        var there = state with { LoadedTwiceOn = [new TopicPin(topic, _bench.Brokers[1])] };

        Assert.Empty(ClusterLearning.Learn(state, now).LoadedTwice);
        Assert.Empty(ClusterLearning.Learn(state, now).LoadedTwiceOn);
        Assert.Equal([topic], ClusterLearning.Learn(there, now).LoadedTwice);
        Assert.Equal([topic], ClusterLearning.Learn(state, orphaned).LoadedTwice);
        Assert.Equal(["/default/gone"], ClusterLearning.Learn(state, unread).LoadedTwice);
        Assert.Empty(ClusterLearning.Learn(state, now).RepairFailed);
        Assert.Equal([topic], ClusterLearning.Learn(state, orphaned).RepairFailed);
    }

    [Fact]
    public void DeadCopy_OfABrokerThatIsGone_IsNoFindingAnyMore()
    {
        var topic = _bench.TopicsOf(_bench.Brokers[0])[0];
        var state = new ControlState { Banned = [new TopicPin(topic, "1"), new TopicPin(topic, _bench.Brokers[1])] };

        var finding = Assert.Single(FindingRules.Of(_bench.Snapshot(), [], state, _bench.Options, _bench.Time.GetUtcNow()), f => f.Kind == FindingKind.DeadCopy);
        Assert.Contains(_bench.Brokers[1], finding.Evidence, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ConsumersThatStall_AreFoundWhenItLasts_AndTheOfferedMoveStartsThemAgain()
    {
        var topic = _bench.Cluster.Truth().Topics.First(t => t.MessagesPerSecond > 0).Name;
        _bench.Cluster.SetFault(Fault.StalledConsumers, on: true, target: topic);
        await MoveBench.UntilAsync(() => _bench.Topic(topic).Backlog >= 1, "a backlog");
        await _bench.Directory.Control.NudgeAsync();
        Assert.Empty(await FindingsAsync());
        await _bench.Host.AdvanceAsync(TimeSpan.FromMinutes(2));
        await _bench.Directory.Control.NudgeAsync();

        var finding = Assert.Single(await FindingsAsync());
        Assert.Equal((FindingKind.ConsumerStalled, topic), (finding.Kind, finding.Subject));
        Assert.Contains(_bench.Events.Happened, e => e.Kind == BrokerEventKind.FindingOpened && e.Topic == topic);

        using var move = await _api.PostAsync("/moves", new MoveRequest { Topic = topic, To = finding.MoveTo! });
        await _bench.RunWorkflowsAsync();
        await MoveBench.UntilAsync(() => _bench.Topic(topic).Backlog < 1, "the consumers catch up");
        Assert.Empty(await FindingsAsync());
    }

    [Fact]
    public async Task BuiltInRebalancing_ThatMoves_IsFound()
    {
        await using var bench = await MoveBench.StartAsync("skew", brokers: 3, topics: 30, configure: o => o.Mode = "observe");
        await using var api = await ApiBench.StartAsync(bench);
        await bench.SeeBuiltInAsync();

        Assert.Contains(await api.GetAsync<IReadOnlyList<Finding>>("/findings"), f => f is { Kind: FindingKind.BuiltInRebalancing, Severity: FindingSeverity.Critical });
        bench.Options.Mode = "auto";
        Assert.Equal(ReasonCode.BuiltInRebalancing, ControlRules.WhyNotStart(await bench.Directory.Control.GetStateAsync(), bench.Options, bench.Time.GetUtcNow())?.Reason);
    }

    [Fact]
    public async Task BrokerReplacedUnderTheSameAddress_IsFound()
    {
        await _bench.Directory.Control.NudgeAsync();
        var old = _bench.Brokers.Last(b => b != _bench.Cluster.Truth().LeaderId);
        var slot = _bench.Cluster.Brokers.Single(b => b.Id == old).Slot;
        _bench.Cluster.SetFault(Fault.NoRestart, on: true);
        await _bench.Cluster.KillBrokerAsync(old);
        var fresh = await _bench.Cluster.ReviveSlotAsync(slot);
        await MoveBench.UntilAsync(() => _bench.Cluster.Truth().Brokers.Any(b => b.Broker.Id == fresh.Id && b.Registered), "the new broker is registered");
        await _bench.Directory.Control.NudgeAsync();

        var finding = Assert.Single(await FindingsAsync(), f => f.Kind == FindingKind.BrokerReplaced);
        Assert.Equal(fresh.Id, finding.Subject);
        Assert.Contains(old, finding.Evidence, StringComparison.Ordinal);
    }

    [Fact]
    public async Task BrokerThatIsDead_IsFoundAtOnce()
    {
        var dead = _bench.Brokers.Last(b => b != _bench.Cluster.Truth().LeaderId);
        await _bench.Cluster.KillBrokerAsync(dead);

        Assert.Equal(dead, Assert.Single(await FindingsAsync(), f => f.Kind == FindingKind.BrokerUnreachable).Subject);
    }

    [Fact]
    public async Task BrokerLeftDrained_IsAWarning_AndToKnowOnlyWhenAnOperatorDrainedItHere()
    {
        var broker = _bench.Brokers[1];
        await _bench.Danube.MaskBrokerAsync(broker);
        Assert.Equal(FindingSeverity.Warning, Assert.Single(await FindingsAsync(), f => f.Kind == FindingKind.BrokerDrained).Severity);

        using var drained = await _api.PostAsync($"/brokers/{broker}/drain");
        await _bench.RunWorkflowsAsync();
        Assert.Equal(FindingSeverity.Info, Assert.Single(await FindingsAsync(), f => f.Kind == FindingKind.BrokerDrained).Severity);
    }

    [Fact]
    public async Task NameCollision_IsFoundWhereDanubeFindsTheWrongBroker()
    {
        var (first, last) = (_bench.Brokers.Min(StringComparer.Ordinal)!, _bench.Brokers.Max(StringComparer.Ordinal)!);
        await CreateOnAsync("/default/t-part-1", last);
        await CreateOnAsync("/default/t-part-10", first);

        var finding = Assert.Single(await FindingsAsync(), f => f.Kind == FindingKind.NameCollision);
        Assert.Equal("/default/t-part-1", finding.Subject);
        var run = await _bench.RunPlanAsync(("/default/t-part-1", _bench.Brokers.First(b => b != first && b != last)));
        Assert.Equal(ReasonCode.NameCollision, (await _bench.Directory.Plan(run.Plan.Id).GetMovesAsync()).Single().Reason);
    }

    [Fact]
    public async Task Nudges_OfABurst_AskForOneCycle()
    {
        using var nudger = new Nudger(_bench.Directory, new FixedOptions(_bench.Options), TimeProvider.System, NullLogger<Nudger>.Instance);
        await nudger.StartAsync(default);
        for (var i = 0; i < 50; i++)
            nudger.Take(new BrokerEvent { Id = $"{i}", Time = default, Kind = BrokerEventKind.BrokerGone });

        await MoveBench.UntilAsync(() => !_bench.Events.Cycles.IsEmpty, "a cycle");
        await nudger.StopAsync(default);
        Assert.Single(_bench.Events.Cycles);
    }

    [Fact]
    public async Task Nudge_ForAStrandedTopic_ComesAgainWhenItIsDue_AndItIsRepaired()
    {
        _bench.Options.Mode = "auto";
        _bench.Options.Repair = "auto";
        _bench.Options.StrandedAfterSeconds = 2;
        _bench.UnownedSince = _bench.Time.GetUtcNow();
        var topic = _bench.TopicsOf(_bench.Brokers[0])[0];
        await _bench.StrandAsync(topic);
        _bench.UnownedSince = _bench.Time.GetUtcNow();
        using var nudger = new Nudger(_bench.Directory, new FixedOptions(_bench.Options), TimeProvider.System, NullLogger<Nudger>.Instance);
        await nudger.StartAsync(default);
        nudger.Take(new BrokerEvent { Id = "1", Time = default, Kind = BrokerEventKind.TopicStranded });

        await MoveBench.UntilAsync(() => _bench.Events.Plans.Any(p => p.Trigger == PlanTrigger.Repair), "a repair plan");
        await nudger.StopAsync(default);
        await _bench.RunWorkflowsAsync();
        Assert.Empty(_bench.Cluster.Truth().Stranded);
    }

    private async Task CreateOnAsync(string topic, string broker)
    {
        foreach (var other in _bench.Brokers.Where(b => b != broker))
            await _bench.Danube.MaskBrokerAsync(other);
        await _bench.Danube.CreateTopicAsync(topic, TopicDelivery.Reliable);
        await MoveBench.UntilAsync(() => _bench.Topic(topic).AssignedTo.Contains(broker), "the topic is there");
        foreach (var other in _bench.Brokers.Where(b => b != broker))
            await _bench.Danube.ActivateBrokerAsync(other, "test");
    }

    private Task<IReadOnlyList<Finding>> FindingsAsync() => _api.GetAsync<IReadOnlyList<Finding>>("/findings");
}
