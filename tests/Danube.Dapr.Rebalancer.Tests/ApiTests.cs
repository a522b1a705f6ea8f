using System.Net;
using Danube.Dapr.BrokerSimulator;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Tests.Bench;

namespace Danube.Dapr.Rebalancer.Tests;

/// <summary>Commands over HTTP: what they answer, what they refuse, and what a repetition does.</summary>
public sealed class ApiTests : IAsyncLifetime
{
    private MoveBench _bench = null!;
    private ApiBench _api = null!;

    public async Task InitializeAsync()
    {
        _bench = await MoveBench.StartAsync();
        _api = await ApiBench.StartAsync(_bench);
    }

    public async Task DisposeAsync()
    {
        await _api.DisposeAsync();
        await _bench.DisposeAsync();
    }

    [Fact]
    public async Task Move_Asked_IsAcceptedWithItsPlaceAndMade()
    {
        var (a, b) = (_bench.Brokers[0], _bench.Brokers[1]);
        var topic = _bench.TopicsOf(a)[0];

        using var answer = await _api.PostAsync("/moves", new MoveRequest { Topic = topic, To = b, Reason = "test" });
        var taken = await ApiBench.ReadAsync<CommandResponse>(answer, HttpStatusCode.Accepted);
        await _bench.RunWorkflowsAsync();

        var move = await _api.GetAsync<MoveRecord>(answer.Headers.Location!.OriginalString);
        Assert.Equal((MoveState.Done, topic, taken.PlanId), (move.State, move.Topic, move.PlanId));
        Assert.Equal([b], _bench.Topic(topic).AssignedTo);
        Assert.Equal(PlanRunState.Finished, (await _api.GetAsync<PlanRun>($"/plans/{taken.PlanId}")).State);
    }

    [Fact]
    public async Task Move_DryRun_ShowsThePlanAndMovesNothing()
    {
        var (a, b) = (_bench.Brokers[0], _bench.Brokers[1]);
        var topic = _bench.TopicsOf(a)[0];

        using var answer = await _api.PostAsync("/moves", new MoveRequest { Topic = topic, To = b, DryRun = true });

        Assert.Equal(topic, (await ApiBench.ReadAsync<CommandResponse>(answer, HttpStatusCode.OK)).Plan!.Moves.Single().Topic);
        await _bench.RunWorkflowsAsync();
        Assert.Empty(_bench.Unloads());
    }

    [Fact]
    public async Task Move_WithTheSameKeyTwice_IsMadeOnce_AndTheKeyServesNothingElse()
    {
        var (a, b, c) = (_bench.Brokers[0], _bench.Brokers[1], _bench.Brokers[2]);
        var topic = _bench.TopicsOf(a)[0];

        using var first = await _api.PostAsync("/moves", new MoveRequest { Topic = topic, To = b }, "key-1");
        await _bench.RunWorkflowsAsync();
        using var again = await _api.PostAsync("/moves", new MoveRequest { Topic = topic, To = b }, "key-1");
        using var other = await _api.PostAsync("/moves", new MoveRequest { Topic = topic, To = c }, "key-1");

        Assert.Equal(
            (await ApiBench.ReadAsync<CommandResponse>(first, HttpStatusCode.Accepted)).PlanId,
            (await ApiBench.ReadAsync<CommandResponse>(again, HttpStatusCode.Accepted)).PlanId);
        Assert.Equal(first.Headers.Location, again.Headers.Location);
        Assert.Equal(HttpStatusCode.Conflict, other.StatusCode);
        Assert.Equal(nameof(ReasonCode.KeyReused), await ApiBench.CodeAsync(other));
        Assert.Equal(1, _bench.Unloads()[topic]);
    }

    [Fact]
    public async Task Move_ThatRulesForbid_IsRefusedWithItsReasonUnlessForced()
    {
        var (a, b, c) = (_bench.Brokers[0], _bench.Brokers[1], _bench.Brokers[2]);
        var topic = _bench.TopicsOf(a)[0];
        using var pinned = await _api.PostAsync($"/topics{topic}/pin", new PinRequest(c));
        Assert.Equal(HttpStatusCode.OK, pinned.StatusCode);

        using var refused = await _api.PostAsync("/moves", new MoveRequest { Topic = topic, To = b });
        Assert.Equal((HttpStatusCode.Conflict, nameof(ReasonCode.Pinned)), (refused.StatusCode, await ApiBench.CodeAsync(refused)));

        using var forced = await _api.PostAsync("/moves", new MoveRequest { Topic = topic, To = b, Force = true, Reason = "test" });
        Assert.Equal(HttpStatusCode.Accepted, forced.StatusCode);
        await _bench.RunWorkflowsAsync();
        Assert.Equal([b], _bench.Topic(topic).AssignedTo);
    }

    [Theory]
    [InlineData("/moves/none:/default/a")]
    [InlineData("/moves?plan=none")]
    [InlineData("/plans/none")]
    [InlineData("/brokers/1/drain")]
    public async Task Get_WhatIsNotThere_IsNotFound(string path)
    {
        using var answer = await _api.Http.GetAsync(new Uri(path, UriKind.Relative));

        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        Assert.Equal("not-found", await ApiBench.CodeAsync(answer));
    }

    [Theory]
    [InlineData("/moves", "{bad")]
    [InlineData("/moves", "")]
    [InlineData("/moves", """{"topic":"/default/a","to":"1","dry_run":true}""")]
    [InlineData("/moves", """{"topic":"/default/a","to":"1","dryRun":"yes"}""")]
    [InlineData("/rebalance", """{"dryrun_":true}""")]
    [InlineData("/topics/repair", """{"dry":true}""")]
    public async Task Command_ThatCannotBeRead_SaysWhyAndDoesNothing(string path, string body)
    {
        using var content = new StringContent(body, System.Text.Encoding.UTF8, "application/json");
        using var answer = await _api.Http.PostAsync(new Uri(path, UriKind.Relative), content);

        Assert.Equal((HttpStatusCode.BadRequest, "bad-request"), (answer.StatusCode, await ApiBench.CodeAsync(answer)));
        Assert.Contains("body", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Empty(_bench.Unloads());
    }

    [Fact]
    public async Task Path_ThatIsNotThere_HasACodeToo()
    {
        using var answer = await _api.Http.GetAsync(new Uri("/nosuch", UriKind.Relative));

        Assert.Equal((HttpStatusCode.NotFound, "not-found"), (answer.StatusCode, await ApiBench.CodeAsync(answer)));
    }

    [Fact]
    public async Task Pin_OfATopicOrToABrokerThatIsNotThere_IsNotFound_AndTakenAwayAnyway()
    {
        using var noTopic = await _api.PostAsync("/topics/default/none/pin", new PinRequest(_bench.Brokers[0]));
        using var noBroker = await _api.PostAsync($"/topics{_bench.TopicsOf(_bench.Brokers[0])[0]}/pin", new PinRequest("5"));
        using var unpinned = await _api.PostAsync("/topics/default/none/pin", new PinRequest());

        Assert.Equal([HttpStatusCode.NotFound, HttpStatusCode.NotFound, HttpStatusCode.OK], [noTopic.StatusCode, noBroker.StatusCode, unpinned.StatusCode]);
        Assert.Empty((await _bench.Directory.Control.GetStateAsync()).Pins);
    }

    [Fact]
    public async Task Move_ToABrokerThatIsNotThere_OrOfATopicThatIsNot_IsNotFound()
    {
        using var topic = await _api.PostAsync("/moves", new MoveRequest { Topic = "/default/none", To = _bench.Brokers[0] });
        using var broker = await _api.PostAsync("/moves", new MoveRequest { Topic = _bench.TopicsOf(_bench.Brokers[0])[0], To = "12" });

        Assert.Equal((HttpStatusCode.NotFound, HttpStatusCode.NotFound), (topic.StatusCode, broker.StatusCode));
    }

    [Fact]
    public async Task Delete_OfAMoveThatWaits_CancelsIt()
    {
        var (a, b) = (_bench.Brokers[0], _bench.Brokers[1]);
        using var answer = await _api.PostAsync("/moves", new MoveRequest { Topic = _bench.TopicsOf(a)[0], To = b });
        var place = answer.Headers.Location!.OriginalString;

        using var cancelled = await _api.SendAsync(HttpMethod.Delete, place);
        await _bench.RunWorkflowsAsync();
        using var tooLate = await _api.SendAsync(HttpMethod.Delete, place);

        Assert.Equal(HttpStatusCode.Accepted, cancelled.StatusCode);
        Assert.Equal(MoveState.Cancelled, (await _api.GetAsync<MoveRecord>(place)).State);
        Assert.Equal((HttpStatusCode.Conflict, nameof(ReasonCode.Cancelled)), (tooLate.StatusCode, await ApiBench.CodeAsync(tooLate)));
        Assert.Empty(_bench.Unloads());
    }

    [Fact]
    public async Task Delete_OfAMoveThatIsDone_SaysThatItIsThere()
    {
        var (a, b) = (_bench.Brokers[0], _bench.Brokers[1]);
        using var answer = await _api.PostAsync("/moves", new MoveRequest { Topic = _bench.TopicsOf(a)[0], To = b });
        await _bench.RunWorkflowsAsync();

        using var tooLate = await _api.SendAsync(HttpMethod.Delete, answer.Headers.Location!.OriginalString);

        Assert.Equal((HttpStatusCode.Conflict, nameof(ReasonCode.AlreadyThere)), (tooLate.StatusCode, await ApiBench.CodeAsync(tooLate)));
    }

    [Fact]
    public async Task Delete_OfAMoveInFlight_SaysThatItEndsFirst_AndTheOthersAreCancelled()
    {
        var a = _bench.Brokers.MaxBy(broker => _bench.TopicsOf(broker).Count)!;
        var b = _bench.Brokers.First(broker => broker != a);
        _bench.Cluster.SetFault(Fault.HangingWatcher, on: true, target: a);
        var plan = _bench.PlanOf([.. _bench.TopicsOf(a).Take(3).Select(t => (t, b))]);
        await _bench.Directory.Control.SubmitAsync(new(plan, "test"));
        var running = _bench.RunWorkflowsAsync();
        await MoveBench.UntilAsync(() => _bench.Unloads().Count == 1, "the first unload");
        var place = $"/moves/{MoveRecord.IdOf(plan.Id, plan.Moves[0].Topic)}";

        using var cancelled = await _api.SendAsync(HttpMethod.Delete, place);
        _bench.Cluster.SetFault(Fault.HangingWatcher, on: false, target: a);
        await running;

        var answer = await ApiBench.ReadAsync<CommandResponse>(cancelled, HttpStatusCode.Accepted);
        Assert.Contains("is between its brokers already: it ends well first", answer.Detail, StringComparison.Ordinal);
        var moves = await _bench.Directory.Plan(plan.Id).GetMovesAsync();
        Assert.Equal([MoveState.Done, MoveState.Cancelled, MoveState.Cancelled], moves.Select(m => m.State));
        Assert.All(moves.Skip(1), m => Assert.Equal((ReasonCode.Cancelled, "An operator cancelled the plan."), (m.Reason!.Value, m.Detail)));
        Assert.All(_bench.States().Values, state => Assert.Equal("active", state));
    }

    [Fact]
    public async Task Repair_OfOneTopicAndOfAll_GivesThemOwners()
    {
        var topics = new[] { _bench.TopicsOf(_bench.Brokers[0])[0], _bench.TopicsOf(_bench.Brokers[1])[0] };
        await _bench.StrandAsync(topics);
        // Nothing is lost that its clients could have read: they have no broker.
        _bench.Options.StorageMode = "unknown";

        using var dry = await _api.PostAsync("/topics/repair", new RepairRequest(DryRun: true));
        Assert.Equal(topics.OrderDescending(), (await ApiBench.ReadAsync<CommandResponse>(dry, HttpStatusCode.OK)).Plan!.Moves.Select(m => m.Topic));
        Assert.Equal(2, _bench.Cluster.Truth().Stranded.Count);

        using var one = await _api.PostAsync($"/topics{topics[0]}/repair");
        Assert.Equal(HttpStatusCode.Accepted, one.StatusCode);
        await _bench.RunWorkflowsAsync();
        Assert.Equal([topics[1]], _bench.Cluster.Truth().Stranded);

        using var all = await _api.PostAsync("/topics/repair", new RepairRequest(Reason: "test"));
        Assert.Equal(HttpStatusCode.Accepted, all.StatusCode);
        await _bench.RunWorkflowsAsync();
        Assert.Empty(_bench.Cluster.Truth().Stranded);

        var repaired = await ApiBench.ReadAsync<CommandResponse>(all, HttpStatusCode.Accepted);
        Assert.Equal([topics[1]], (await _api.GetAsync<Page<MoveRecord>>($"/moves?plan={repaired.PlanId}")).Items.Select(m => m.Topic));

        using var nothing = await _api.PostAsync("/topics/repair");
        Assert.False((await ApiBench.ReadAsync<CommandResponse>(nothing, HttpStatusCode.OK)).Started);
        using var owned = await _api.PostAsync($"/topics{topics[0]}/repair");
        Assert.Equal(nameof(ReasonCode.AlreadyThere), await ApiBench.CodeAsync(owned));
    }

    [Fact]
    public async Task Repair_OfATopicThatDanubeMayStillGiveAnOwner_WaitsForTheLimitUnlessForced()
    {
        var topics = new[] { _bench.TopicsOf(_bench.Brokers[0])[0], _bench.TopicsOf(_bench.Brokers[1])[0] };
        await _bench.StrandAsync(topics);
        _bench.UnownedSince = _bench.Time.GetUtcNow().AddSeconds(5 - _bench.Options.StrandedAfterSeconds);

        Assert.DoesNotContain(await _api.GetAsync<IReadOnlyList<Finding>>("/findings"), f => f.Kind == FindingKind.StrandedTopic);
        using var one = await _api.PostAsync($"/topics{topics[0]}/repair");
        Assert.Equal((HttpStatusCode.Conflict, nameof(ReasonCode.NotSustained)), (one.StatusCode, await ApiBench.CodeAsync(one)));
        using var all = await _api.PostAsync("/topics/repair");
        var nothing = await ApiBench.ReadAsync<CommandResponse>(all, HttpStatusCode.OK);
        Assert.False(nothing.Started);
        Assert.Equal(topics.Order(), nothing.Refusals!.Select(r => r.Subject).Order());
        Assert.All(nothing.Refusals!, r => Assert.Equal(ReasonCode.NotSustained, r.Reason));
        using var unexplained = await _api.PostAsync("/topics/repair", new RepairRequest(Force: true));
        Assert.Equal(HttpStatusCode.BadRequest, unexplained.StatusCode);

        using var forced = await _api.PostAsync($"/topics{topics[0]}/repair", new RepairRequest(Reason: "test", Force: true));
        Assert.Equal(HttpStatusCode.Accepted, forced.StatusCode);
        await _bench.RunWorkflowsAsync();
        Assert.Equal([topics[1]], _bench.Cluster.Truth().Stranded);

        _bench.UnownedSince = _bench.Time.GetUtcNow().AddSeconds(-_bench.Options.StrandedAfterSeconds);
        Assert.Equal(topics[1], Assert.Single(await _api.GetAsync<IReadOnlyList<Finding>>("/findings"), f => f.Kind == FindingKind.StrandedTopic).Subject);
    }

    [Fact]
    public async Task Repair_OfAll_LeavesOutAndNamesWhatCannotBeRepairedOrFailedBefore()
    {
        var lost = _bench.TopicsOf(_bench.Brokers[0])[0];
        await _bench.StrandAsync(lost);
        foreach (var name in new[] { "/default/z-part-0", "/default/z1" })
            await RepairTests.OrphanAsync(_bench, name);
        await _bench.Danube.CreateTopicAsync("/default/z1-too", BrokerClient.TopicDelivery.NonReliable);
        await MoveBench.UntilAsync(() => _bench.Topic("/default/z1-too").LoadedOn.Count == 1, "the other topic is loaded");

        async Task<CommandResponse> RepairAsync(string path)
        {
            using var answer = await _api.PostAsync(path);
            var taken = await ApiBench.ReadAsync<CommandResponse>(answer, HttpStatusCode.Accepted);
            await _bench.RunWorkflowsAsync();
            return taken;
        }

        // The names that come first in the order of a repair are those that it cannot get past.
        var first = await RepairAsync("/topics/repair");
        Assert.Equal([("/default/z-part-0", ReasonCode.IsPartition)], first.Refusals!.Select(r => (r.Subject, r.Reason)));
        Assert.Contains(lost, _bench.Cluster.Truth().Stranded);
        Assert.Contains("failed", Assert.Single(await _api.GetAsync<IReadOnlyList<Finding>>("/findings"), f => f.Subject == "/default/z1").Evidence, StringComparison.Ordinal);

        var again = await RepairAsync("/topics/repair");
        Assert.Equal([("/default/z-part-0", ReasonCode.IsPartition), ("/default/z1", ReasonCode.NameCollision)], again.Refusals!.Select(r => (r.Subject, r.Reason)).Order());
        Assert.DoesNotContain(lost, _bench.Cluster.Truth().Stranded);

        using var rest = await _api.PostAsync("/topics/repair");
        Assert.Equal(2, (await ApiBench.ReadAsync<CommandResponse>(rest, HttpStatusCode.OK)).Refusals!.Count);
        var alone = await RepairAsync("/topics/default/z1/repair");
        Assert.Equal(ReasonCode.NameCollision, (await _bench.Directory.Plan(alone.PlanId!).GetMovesAsync()).Single().Reason);
    }

    [Fact]
    public async Task Repair_WithPolicyOff_IsRefused()
    {
        _bench.Options.Repair = "off";

        using var answer = await _api.PostAsync("/topics/repair");

        Assert.Equal((HttpStatusCode.Conflict, nameof(ReasonCode.PolicyForbids)), (answer.StatusCode, await ApiBench.CodeAsync(answer)));
    }

    [Fact]
    public async Task KillSwitch_OnAndOff_ShowsInTheStatusAndHoldsBackCommands()
    {
        var (a, b) = (_bench.Brokers[0], _bench.Brokers[1]);
        using var on = await _api.PostAsync("/kill-switch", new SwitchRequest(true, "test"));
        using var refused = await _api.PostAsync("/moves", new MoveRequest { Topic = _bench.TopicsOf(a)[0], To = b });
        using var off = await _api.PostAsync("/kill-switch", new SwitchRequest(false));

        Assert.True((await ApiBench.ReadAsync<RebalancerStatus>(on, HttpStatusCode.OK)).KillSwitch);
        Assert.Equal(nameof(ReasonCode.KillSwitch), await ApiBench.CodeAsync(refused));
        Assert.False((await ApiBench.ReadAsync<RebalancerStatus>(off, HttpStatusCode.OK)).KillSwitch);
    }

    [Fact]
    public async Task Rebalance_WithTheSameKeyTwice_IsOnePlan()
    {
        await using var bench = await MoveBench.StartAsync("skew", brokers: 4, topics: 40);
        await using var api = await ApiBench.StartAsync(bench);

        using var first = await api.PostAsync("/rebalance", new RebalanceRequest(), "k");
        using var again = await api.PostAsync("/rebalance", new RebalanceRequest(), "k");
        using var other = await api.PostAsync("/rebalance", new RebalanceRequest { MaxMoves = 1 }, "k");

        var plan = (await ApiBench.ReadAsync<RebalanceResponse>(first, HttpStatusCode.Accepted)).Plan!;
        Assert.Equal(plan.Id, (await ApiBench.ReadAsync<RebalanceResponse>(again, HttpStatusCode.Accepted)).Plan!.Id);
        Assert.Equal(nameof(ReasonCode.KeyReused), await ApiBench.CodeAsync(other));
    }

    [Fact]
    public async Task Masks_OfAWindow_AreShownBeforeAndAMomentAfterIt()
    {
        await _bench.Directory.Mask.OpenAsync(new("plan", "batch", _bench.Brokers[0], 1));
        var during = await _api.GetAsync<IReadOnlyList<MaskSpan>>("/masks");
        await _bench.Directory.Mask.CloseAsync("batch");
        var after = await _api.GetAsync<IReadOnlyList<MaskSpan>>("/masks");

        Assert.Equal(_bench.Brokers.Skip(1).Order(), during.Select(m => m.BrokerId).Order());
        Assert.All(during, m => Assert.Null(m.To));
        Assert.Equal(2, after.Count);
        Assert.All(after, m => Assert.True(m.To >= m.From));
    }
}
