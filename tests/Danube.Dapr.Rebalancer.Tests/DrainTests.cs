using System.Net;
using Danube.Dapr.BrokerClient;
using Danube.Dapr.BrokerSimulator;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Actors;
using Danube.Dapr.Rebalancer.Tests.Bench;

namespace Danube.Dapr.Rebalancer.Tests;

/// <summary>Taking a broker out and in.</summary>
public sealed class DrainTests : IAsyncLifetime
{
    private MoveBench _bench = null!;
    private ApiBench _api = null!;

    public async Task InitializeAsync()
    {
        _bench = await MoveBench.StartAsync(brokers: 4, topics: 16);
        _api = await ApiBench.StartAsync(_bench);
    }

    public async Task DisposeAsync()
    {
        await _api.DisposeAsync();
        await _bench.DisposeAsync();
    }

    [Fact]
    public async Task Drain_OfABroker_MovesItsTopicsOffAndItStaysDrainedUntilActivated()
    {
        var broker = _bench.Brokers[1];
        var topics = _bench.TopicsOf(broker);

        using var answer = await _api.PostAsync($"/brokers/{broker}/drain", new DrainRequest(Reason: "test"));
        var taken = await ApiBench.ReadAsync<CommandResponse>(answer, HttpStatusCode.Accepted);
        Assert.Equal(DrainState.Draining, (await StatusAsync(answer.Headers.Location!.OriginalString)).State);
        await _bench.RunWorkflowsAsync();

        Assert.Equal(topics.Count, (await _bench.Directory.Plan(taken.PlanId!).GetAsync())!.Done);
        Assert.Empty(_bench.TopicsOf(broker));
        Assert.Equal("drained", _bench.States()[broker]);
        Assert.Equal(3, _bench.States().Values.Count(s => s == "active"));
        Assert.Equal(DrainState.Drained, (await StatusAsync($"/brokers/{broker}/drain")).State);

        using var activated = await _api.PostAsync($"/brokers/{broker}/activate");
        Assert.Equal(HttpStatusCode.OK, activated.StatusCode);
        Assert.Equal("active", _bench.States()[broker]);
        Assert.Equal(DrainState.None, (await StatusAsync($"/brokers/{broker}/drain")).State);
    }

    [Fact]
    public async Task Drain_DryRun_ShowsThePlanAndTouchesNothing()
    {
        var broker = _bench.Brokers[1];

        using var answer = await _api.PostAsync($"/brokers/{broker}/drain", new DrainRequest(DryRun: true));

        Assert.Equal(_bench.TopicsOf(broker).Count, (await ApiBench.ReadAsync<CommandResponse>(answer, HttpStatusCode.OK)).Plan!.Moves.Count);
        Assert.All(_bench.States().Values, s => Assert.Equal("active", s));
        Assert.Empty((await _bench.Directory.Control.GetStateAsync()).Drains);
    }

    [Fact]
    public async Task Drain_OfABrokerWithATopicThatCannotMove_ListsItAndMovesTheRest()
    {
        var broker = await WithNonReliableTopicAsync("/default/fleeting");

        using var answer = await _api.PostAsync($"/brokers/{broker}/drain");
        var taken = await ApiBench.ReadAsync<CommandResponse>(answer, HttpStatusCode.Accepted);
        await _bench.RunWorkflowsAsync();

        Assert.Contains(taken.Refusals!, r => r is { Subject: "/default/fleeting", Reason: ReasonCode.NonReliable });
        Assert.Equal(["/default/fleeting"], _bench.TopicsOf(broker));
        var status = await StatusAsync($"/brokers/{broker}/drain");
        Assert.Equal((DrainState.Remainder, 1), (status.State, status.TopicsLeft));
        Assert.Equal("/default/fleeting", status.Refusals.Single().Subject);
    }

    [Fact]
    public async Task Drain_StoppedByTheKillSwitch_GoesOnWhenThatIsReleased()
    {
        var broker = _bench.Brokers[1];
        using var answer = await _api.PostAsync($"/brokers/{broker}/drain");
        await _bench.Directory.Control.SwitchAsync(new(ControlSwitch.Kill));
        await _bench.RunWorkflowsAsync();
        _bench.Actors.Crash();
        await _bench.Directory.Control.NudgeAsync();
        await _bench.RunWorkflowsAsync();
        Assert.NotEmpty(_bench.TopicsOf(broker));

        await _bench.Directory.Control.SwitchAsync(new(ControlSwitch.Revive));
        await _bench.Directory.Control.NudgeAsync();
        await _bench.RunWorkflowsAsync();

        Assert.Empty(_bench.TopicsOf(broker));
        Assert.Equal("drained", _bench.States()[broker]);
    }

    [Fact]
    public async Task Drain_WhenDanubeDoesNotAnswer_IsKeptAndGoesOnWithTheNextCycle()
    {
        var broker = _bench.Brokers[1];
        _bench.Cluster.SetFault(Fault.DroppedAdmin, on: true);
        using var answer = await _api.PostAsync($"/brokers/{broker}/drain", key: "k");
        _bench.Cluster.SetFault(Fault.DroppedAdmin, on: false);

        var taken = await ApiBench.ReadAsync<CommandResponse>(answer, HttpStatusCode.Accepted);
        Assert.Contains("Danube did not answer", taken.Detail, StringComparison.Ordinal);
        Assert.False(Assert.Single((await _bench.Directory.Control.GetStateAsync()).Drains).Closed);
        using var again = await _api.PostAsync($"/brokers/{broker}/drain", key: "k");
        Assert.Equal(HttpStatusCode.Accepted, again.StatusCode);

        await _bench.Directory.Control.NudgeAsync();
        await _bench.RunWorkflowsAsync();
        Assert.Empty(_bench.TopicsOf(broker));
        Assert.Equal("drained", _bench.States()[broker]);
    }

    [Fact]
    public async Task Drain_AskedAgainWithItsKeyAfterACrash_IsTheSameDrain()
    {
        var broker = _bench.Brokers[1];
        // The drain, its look at the mask, and then the plan, which does not come to be.
        _bench.Actors.FailCall = _bench.Actors.Calls + 3;
        await Assert.ThrowsAsync<IOException>(() => _bench.Directory.Control.DrainAsync(new(broker, IdempotencyKey: "k")));
        _bench.Actors.FailCall = 0;
        _bench.Actors.Crash();
        Assert.Single((await _bench.Directory.Control.GetStateAsync()).Drains);
        await _bench.Directory.Control.NudgeAsync();

        var again = await _bench.Directory.Control.DrainAsync(new(broker, IdempotencyKey: "k"));

        Assert.True(again.Result.Reason is null, again.Result.Detail);
        await _bench.RunWorkflowsAsync();
        Assert.Empty(_bench.TopicsOf(broker));
    }

    [Fact]
    public async Task Activate_WhenDanubeDoesNotAnswer_IsRefusedForThatAndTheDrainStays()
    {
        var broker = _bench.Brokers[1];
        using var drained = await _api.PostAsync($"/brokers/{broker}/drain");
        await _bench.RunWorkflowsAsync();
        _bench.Cluster.SetFault(Fault.DroppedAdmin, on: true);

        using var answer = await _api.PostAsync($"/brokers/{broker}/activate");
        var direct = await _bench.Directory.Control.ActivateAsync(broker);

        Assert.Equal((HttpStatusCode.Conflict, nameof(ReasonCode.BrokerUnreachable)), (answer.StatusCode, await ApiBench.CodeAsync(answer)));
        Assert.Equal(ReasonCode.BrokerUnreachable, direct.Reason);
        Assert.Single((await _bench.Directory.Control.GetStateAsync()).Drains);
        _bench.Cluster.SetFault(Fault.DroppedAdmin, on: false);
        using var later = await _api.PostAsync($"/brokers/{broker}/activate");
        Assert.Equal(HttpStatusCode.OK, later.StatusCode);
    }

    [Fact]
    public async Task Drain_CancelledByAnOperator_DoesNotGoOnUntilAskedAgain()
    {
        // In auto, ordinary plans would take topics off a drained broker.
        _bench.Options.Mode = "observe";
        var broker = _bench.Brokers[1];
        using var answer = await _api.PostAsync($"/brokers/{broker}/drain");
        var taken = await ApiBench.ReadAsync<CommandResponse>(answer, HttpStatusCode.Accepted);
        Assert.Null((await _bench.Directory.Control.CancelAsync(taken.PlanId!)).Reason);
        await _bench.RunWorkflowsAsync();

        await _bench.Directory.Control.NudgeAsync();
        await _bench.RunWorkflowsAsync();
        Assert.NotEmpty(_bench.TopicsOf(broker));
        Assert.Equal(DrainState.Remainder, (await StatusAsync($"/brokers/{broker}/drain")).State);

        using var again = await _api.PostAsync($"/brokers/{broker}/drain");
        Assert.Equal(HttpStatusCode.Accepted, again.StatusCode);
        await _bench.RunWorkflowsAsync();
        Assert.Empty(_bench.TopicsOf(broker));
    }

    [Fact]
    public async Task Drain_WithAnyOneCallLost_EndsWithAnEmptyBrokerThatStaysDrained()
    {
        for (var call = 1; ; call++)
        {
            var broker = _bench.Brokers.First(b => _bench.TopicsOf(b).Count > 0);
            _bench.Actors.FailCall = _bench.Actors.Calls + call;
            try
            {
                await _bench.Directory.Control.DrainAsync(new(broker));
            }
            catch (IOException)
            {
                // The operator saw an error: the drain may have been taken or not.
            }

            var reached = _bench.Actors.FailCall <= _bench.Actors.Calls;
            _bench.Actors.FailCall = 0;
            _bench.Actors.Crash();
            await _bench.Directory.Control.StartAsync();
            await _bench.RunWorkflowsAsync();
            await _bench.Directory.Control.NudgeAsync();
            await _bench.RunWorkflowsAsync();
            var taken = (await _bench.Directory.Control.GetStateAsync()).Drains.Any(d => d.BrokerId == broker);
            Assert.True(taken ? _bench.TopicsOf(broker).Count == 0 && _bench.States()[broker] == "drained" : _bench.States()[broker] == "active", $"call {call}: taken {taken}, {_bench.States()[broker]}, {_bench.TopicsOf(broker).Count} topics");
            Assert.All(_bench.States().Where(s => s.Key != broker), s => Assert.Equal("active", s.Value));
            Assert.All(_bench.Cluster.Truth().Topics, t => Assert.Single(t.AssignedTo));
            Assert.Null((await _bench.Directory.Control.ActivateAsync(broker)).Reason);
            await _bench.Host.AdvanceAsync(TimeSpan.FromMinutes(2));
            if (!reached)
                break;
        }
    }

    [Fact]
    public async Task Activate_WhileItsDrainRuns_StopsThePlan()
    {
        var broker = _bench.Brokers[1];
        using var answer = await _api.PostAsync($"/brokers/{broker}/drain");
        var taken = await ApiBench.ReadAsync<CommandResponse>(answer, HttpStatusCode.Accepted);

        using var activated = await _api.PostAsync($"/brokers/{broker}/activate");
        await _bench.RunWorkflowsAsync();

        Assert.Equal(HttpStatusCode.OK, activated.StatusCode);
        Assert.Equal((PlanRunState.Stopped, ReasonCode.Cancelled), ((await _bench.Directory.Plan(taken.PlanId!).GetAsync())!.State, (await _bench.Directory.Plan(taken.PlanId!).GetAsync())!.Reason));
        Assert.Equal("active", _bench.States()[broker]);
        Assert.Empty(_bench.Unloads());
    }

    [Fact]
    public async Task Drain_ActivatedByAnotherHand_IsForgotten()
    {
        var broker = await WithNonReliableTopicAsync("/default/fleeting");
        using var answer = await _api.PostAsync($"/brokers/{broker}/drain");
        await _bench.RunWorkflowsAsync();
        await _bench.Danube.ActivateBrokerAsync(broker, "another hand");

        await _bench.Directory.Control.NudgeAsync();

        Assert.Empty((await _bench.Directory.Control.GetStateAsync()).Drains);
        Assert.Equal("active", _bench.States()[broker]);
    }

    [Theory]
    [InlineData("drain")]
    [InlineData("activate")]
    public async Task Command_ForABrokerThatIsNotThere_IsNotFound(string command)
    {
        using var answer = await _api.PostAsync($"/brokers/12/{command}");

        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
    }

    [Theory]
    [InlineData("drain")]
    [InlineData("activate")]
    public async Task Command_ForAnIdThatNoBrokerCanHave_NamesIt(string command)
    {
        using var answer = await _api.PostAsync($"/brokers/one/{command}");

        Assert.Equal((HttpStatusCode.BadRequest, "invalid"), (answer.StatusCode, await ApiBench.CodeAsync(answer)));
        Assert.Contains("id is 'one', allowed: a broker's decimal id.", (await answer.Content.ReadAsStringAsync()).Replace("\\u0027", "'", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    private async Task<DrainStatus> StatusAsync(string path) => await _api.GetAsync<DrainStatus>(path);

    private async Task<string> WithNonReliableTopicAsync(string topic)
    {
        await _bench.Danube.CreateTopicAsync(topic, TopicDelivery.NonReliable);
        await MoveBench.UntilAsync(() => _bench.Topic(topic).LoadedOn.Count == 1, "the topic is loaded");
        return _bench.Topic(topic).AssignedTo.Single();
    }
}
