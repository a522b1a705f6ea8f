using Danube.Dapr.Contracts;

namespace Danube.Dapr.Ranking.Balance;

/// <summary>The last samples of the balance, for a curve.</summary>
internal sealed class BalanceCurve(int capacity)
{
    private readonly Queue<BalanceSample> _samples = new();

    /// <summary>Adds a sample; the oldest gives way. A moment at which no broker took part is none.</summary>
    internal void Add(BalanceReport balance)
    {
        if (balance.Brokers == 0)
            return;
        if (_samples.Count == capacity)
            _samples.Dequeue();
        _samples.Enqueue(new BalanceSample(balance.Time, balance.CoefficientOfVariation, balance.MaxOverMean, balance.Cause));
    }

    /// <summary>The samples, oldest first.</summary>
    internal IReadOnlyList<BalanceSample> Samples() => [.. _samples];
}
