using Danube.Dapr.BrokerClient;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Execution;
using Danube.Dapr.Rebalancer.Options;
using Dapr.Actors.Runtime;
using Microsoft.Extensions.Options;
using BrokerStatus = Danube.Dapr.BrokerClient.BrokerStatus;

namespace Danube.Dapr.Rebalancer.Actors;

/// <summary>
/// Holds the one mask window. Masking and unmasking happen inside its turns, so they never overlap; what will be masked is stored before the first broker
/// is, and a reminder closes a window whose holder did not come back.
/// </summary>
internal sealed partial class MaskActor(
    ActorHost host, DanubeCluster danube, Ghosts ghosts, IOptionsMonitor<RebalancerOptions> options, TimeProvider time, ILogger<MaskActor> logger)
    : FreshActor(host), IMaskActor, IRemindable
{
    private const string StateKey = "window";
    private const string SpansKey = "spans";
    private const string EndedKey = "ended";
    private const string ExpiryReminder = "expiry";
    private const int RememberedBatches = 16;
    private static readonly TimeSpan RetryPeriod = TimeSpan.FromSeconds(5);

    public async Task<MaskWindow?> GetAsync()
    {
        var stored = await StateManager.TryGetStateAsync<MaskWindow>(StateKey);
        return stored.HasValue ? stored.Value : null;
    }

    public async Task<IReadOnlyList<MaskSpan>> GetSpansAsync() => MaskSpans.Recent(await SpansAsync(), time.GetUtcNow());

    public async Task<MaskAnswer> OpenAsync(MaskRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        if ((await EndedAsync()).Contains(request.BatchId))
            return new MaskAnswer([], ReasonCode.Reserved, "Its batch has ended.");
        var window = await GetAsync();
        if (window is not null && window.BatchId != request.BatchId)
        {
            await CloseAsync(window);
            if (await GetAsync() is { } other && other.BatchId != request.BatchId)
                return new MaskAnswer([], ReasonCode.Reserved, $"The window of batch {other.BatchId} was opened meanwhile.");
            window = null;
        }

        var topology = await danube.DiscoverAsync();
        if (topology.Find(request.Target) is not { Status: BrokerStatus.Active })
        {
            if (window is not null)
                await CloseAsync(window);
            return new MaskAnswer([], ReasonCode.BrokerNotActive, $"Broker {request.Target} is {topology.Find(request.Target)?.Status.ToString() ?? "not registered"}.");
        }

        await ghosts.SilenceAsync(await ghosts.FindAsync());
        var toMask = MaskRules.ToMask(topology, request.Target);
        window = await JournalAsync(window, request, toMask);
        var looked = time.GetTimestamp();
        foreach (var broker in toMask)
        {
            if (time.GetElapsedTime(looked) > TopicMover.Late)
            {
                if (!await IsStillOpenAsync(window))
                    return new MaskAnswer([], ReasonCode.Reserved, "Its window was closed while its brokers were masked.");
                looked = time.GetTimestamp();
            }

            var result = await danube.MaskBrokerAsync(broker);
            if (result.Outcome == MaskOutcome.Masked)
                continue;
            await CloseAsync(window);
            return new MaskAnswer([], ReasonCode.Refused, result.Outcome == MaskOutcome.MovedTopics
                ? $"Danube began to move {result.TopicsTouched} topics of broker {broker} when it was only to be masked; it was activated again."
                : $"Danube refused to mask broker {broker}: {result.Detail}");
        }

        if (!MaskRules.InForce(await danube.DiscoverAsync(), request.Target))
        {
            await CloseAsync(window);
            return new MaskAnswer([], ReasonCode.Refused, "Another broker became active while the others were masked.");
        }

        return new MaskAnswer([.. window.Masked.Select(m => m.Id)]);
    }

    public async Task CloseAsync(string batchId)
    {
        if (await GetAsync() is { } window && window.BatchId == batchId)
            await CloseAsync(window);
    }

    public async Task EndAsync(string batchId)
    {
        var ended = await EndedAsync();
        if (!ended.Contains(batchId))
        {
            await StateManager.SetStateAsync<IReadOnlyList<string>>(EndedKey, [.. ended.TakeLast(RememberedBatches - 1), batchId]);
            await SaveStateAsync();
        }

        await CloseAsync(batchId);
    }

    public async Task CloseUnlessAsync(string runningPlanId)
    {
        if (await GetAsync() is { } window && window.PlanId != runningPlanId)
        {
            LeftOver(window.PlanId, string.Join(", ", window.Masked.Select(m => m.Id)));
            await CloseAsync(window);
        }
    }

    public async Task ReceiveReminderAsync(string reminderName, byte[] state, TimeSpan dueTime, TimeSpan period)
    {
        if (await GetAsync() is not { } window)
        {
            await UnregisterReminderAsync(ExpiryReminder);
        }
        else if (MaskRules.IsOver(window, time.GetUtcNow()))
        {
            LeftOver(window.PlanId, string.Join(", ", window.Masked.Select(m => m.Id)));
            await CloseAsync(window);
        }
    }

    private async Task<MaskWindow> JournalAsync(MaskWindow? old, MaskRequest request, IReadOnlyList<string> toMask)
    {
        var now = time.GetUtcNow();
        var masked = old?.Masked.ToList() ?? [];
        foreach (var broker in toMask.Where(b => masked.All(m => m.Id != b)))
            masked.Add(new MaskedBroker(broker, (await danube.ListBrokerTopicsAsync(broker)).Count));
        var window = new MaskWindow
        {
            PlanId = request.PlanId,
            BatchId = request.BatchId,
            Target = request.Target,
            // Taken again in the middle of its batch the window is still for all of it: what it took from a broker must not look like an operator's drain.
            Moves = Math.Max(old?.Moves ?? 0, request.Moves),
            MovesFrom = request.MovesFrom ?? old?.MovesFrom,
            OpenedAt = old is not null && old.OpenedAt < now ? old.OpenedAt : now,
            ExpiresAt = now.AddSeconds(options.CurrentValue.MaxMaskSeconds),
            Masked = masked,
        };
        if (old is null)
            await RegisterReminderAsync(ExpiryReminder, null, TimeSpan.FromSeconds(options.CurrentValue.MaxMaskSeconds), RetryPeriod);
        await StateManager.SetStateAsync(StateKey, window);
        await StateManager.SetStateAsync(SpansKey, MaskSpans.Begin(await SpansAsync(), masked.Select(m => m.Id), now));
        await SaveStateAsync();
        return window;
    }

    private async Task CloseAsync(MaskWindow window)
    {
        var topology = await danube.DiscoverAsync();
        var looked = time.GetTimestamp();
        foreach (var masked in window.Masked)
        {
            if (time.GetElapsedTime(looked) > TopicMover.Late)
            {
                if (!await IsStillOpenAsync(window))
                    return;
                topology = await danube.DiscoverAsync();
                looked = time.GetTimestamp();
            }

            var node = topology.Find(masked.Id);
            var topics = node is { Status: BrokerStatus.Drained } ? (await danube.ListBrokerTopicsAsync(masked.Id)).Count : 0;
            switch (MaskRules.Decide(masked, window, node, topics))
            {
                case UnmaskDecision.Activate:
                    await danube.ActivateBrokerAsync(masked.Id, "rebalancer_unmask");
                    break;
                case UnmaskDecision.DrainedByOperator:
                    LeftDrained(masked.Id);
                    break;
            }
        }

        await StateManager.RemoveStateAsync(StateKey);
        await StateManager.SetStateAsync(SpansKey, MaskSpans.End(await SpansAsync(), time.GetUtcNow()));
        await SaveStateAsync();
        await UnregisterReminderAsync(ExpiryReminder);
    }

    /// <summary>Asked where time has passed: this process may have stood still, and another one closed the window since. What it did to brokers then is not to be undone.</summary>
    private async Task<bool> IsStillOpenAsync(MaskWindow window)
    {
        await StateManager.ClearCacheAsync();
        return (await GetAsync())?.BatchId == window.BatchId;
    }

    private Task<IReadOnlyList<string>> EndedAsync() => ListAsync<string>(EndedKey);

    private Task<IReadOnlyList<MaskSpan>> SpansAsync() => ListAsync<MaskSpan>(SpansKey);

    private async Task<IReadOnlyList<T>> ListAsync<T>(string key)
    {
        var stored = await StateManager.TryGetStateAsync<IReadOnlyList<T>>(key);
        return stored.HasValue ? stored.Value : [];
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "A mask window of plan {PlanId} was left over; activating {Brokers} again")]
    private partial void LeftOver(string planId, string brokers);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Broker {Broker} was drained by somebody else while it was masked; it stays drained")]
    private partial void LeftDrained(string broker);
}
