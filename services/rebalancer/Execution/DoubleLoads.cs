using System.Globalization;
using Danube.Dapr.BrokerClient;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Control;
using Danube.Dapr.Rebalancer.Telemetry;
using Danube.Dapr.Rebalancer.Workflows;

namespace Danube.Dapr.Rebalancer.Execution;

/// <summary>
/// Sees that a target loaded each topic once: it must have loaded exactly as many more as it was given. What was loaded twice ends the batch, as long as it is known which it was, or among
/// which few.
/// </summary>
internal sealed class DoubleLoads(DanubeCluster danube, MoveRecorder recorder, TimeProvider time)
{
    /// <summary>A broker counts a topic a moment before or after it lists it; only a difference that stays means something.</summary>
    private const int Looks = 5;
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(250);

    /// <summary>A move that landed while no other was in flight; null when all is well, or cannot be known.</summary>
    public async Task<MoveResult?> CheckAsync(MoveInput input, double elapsedMs, CancellationToken cancellationToken)
    {
        if (input.Excess is not { } before || await GrownAsync(input.Move.To, before, cancellationToken) is not { } excess)
            return null;
        var detail = string.Create(CultureInfo.InvariantCulture,
            $"Broker {input.Move.To} loaded it more than once: it has loaded {excess:0} topics more than it owns, {Math.Max(before, 0):0} before.");
        await recorder.EndAsync(input.PlanId, recorder.At(input.PlanId, input.Move, MoveState.Failed, ReasonCode.LoadedTwice, detail, elapsedMs), input.Move.To);
        return new MoveResult(MoveProgress.Ended, new BatchResult(ContinuationKind.Stop, ReasonCode.LoadedTwice, $"{input.Move.Topic}: {detail}"), elapsedMs, excess);
    }

    /// <summary>Moves that landed together. The broker's count does not say which of them was loaded twice, so none of them is moved again by itself.</summary>
    public async Task<MoveResult> CheckAsync(WaveInput wave, CancellationToken cancellationToken = default)
    {
        using var span = RebalancerTracing.Start("check wave", wave.TraceParent);
        if (await GrownAsync(wave.Target, wave.Excess, cancellationToken) is not { } excess)
            return new MoveResult(MoveProgress.Landed);
        var detail = string.Create(CultureInfo.InvariantCulture,
            $"Broker {wave.Target} loaded it, or another of the {wave.Landed.Count} topics that landed together, more than once: it has loaded {excess:0} topics more than it owns, {Math.Max(wave.Excess, 0):0} before.");
        foreach (var landed in wave.Landed)
        {
            await recorder.EndAsync(wave.PlanId, recorder.At(wave.PlanId, landed.Move, MoveState.Failed, ReasonCode.LoadedTwice, detail, landed.DurationMs), wave.Target);
        }

        return new MoveResult(
            MoveProgress.Ended, new BatchResult(ContinuationKind.Stop, ReasonCode.LoadedTwice, $"{string.Join(", ", wave.Landed.Select(l => l.Move.Topic))}: {detail}"), null, excess);
    }

    /// <summary>Topics that the target has loaded beyond those that it owns, when that are more than before, and stay so; else null.</summary>
    private async Task<double?> GrownAsync(string target, double before, CancellationToken cancellationToken)
    {
        double excess = 0;
        for (var look = 1; look <= Looks; look++)
        {
            var listed = (await danube.ListBrokerTopicsAsync(target, cancellationToken)).Count;
            if (await TargetScan.ReadAsync(danube, target, cancellationToken) is not { Owned: { } owned })
                return null;
            excess = owned - listed;
            if (excess <= Math.Max(before, 0))
                return null;
            await Task.Delay(BetweenLooks, time, cancellationToken);
        }

        return excess;
    }
}
