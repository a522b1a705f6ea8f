namespace Danube.Dapr.Planning.Search;

/// <summary>Brings a placement within its limits step by step, each step the one that relieves most per cost; with noise it finds other ways.</summary>
internal sealed class Repair(Problem p, Placement at, Preferences preferences)
{
    private const int Shortlist = 12;
    private const int MostHeavy = 4;
    private readonly List<int> _heavy = [];
    private readonly List<int> _candidates = [];
    private readonly List<double> _rank = [];
    private readonly bool[] _stuck = new bool[p.B];
    private double[] _ranks = [];
    private int[] _order = [];

    /// <summary>Elementary steps done so far.</summary>
    public long Work { get; private set; }

    public void WorkDone(long steps) => Work += steps;

    /// <summary>A topic that must stay where it is during this repair, -1 = none.</summary>
    public int Held { get; set; } = -1;

    /// <summary>Fill the fullest receiver that has room (true) or the emptiest (false).</summary>
    public bool BestFit { get; set; }

    /// <param name="random">Source of the noise.</param>
    /// <param name="noisy">True: near seconds may go first.</param>
    /// <param name="costLimit">Give up as soon as the placement costs more.</param>
    /// <param name="brokers">Where excess may be; null = anywhere. Brokers that get into excess are added.</param>
    /// <returns>False when it gave up.</returns>
    public bool Run(ref DeterministicRandom random, bool noisy, double costLimit, List<int>? brokers = null)
    {
        Array.Clear(_stuck);
        if (at.Unplaced > 0 || at.Crowded > 0) PlaceForced(ref random, noisy);
        while (at.Violation > Problem.Tolerance)
        {
            if (at.Cost > costLimit + 1e-9) return false;
            var worst = -1;
            if (brokers is null)
            {
                for (var b = 0; b < p.B; b++) if (!_stuck[b] && at.Excess[b] > Problem.Tolerance && (worst < 0 || at.Excess[b] > at.Excess[worst])) worst = b;
                Work += p.B;
            }
            else
            {
                foreach (var b in brokers) if (!_stuck[b] && at.Excess[b] > Problem.Tolerance && (worst < 0 || at.Excess[b] > at.Excess[worst])) worst = b;
                Work += brokers.Count;
            }

            if (worst < 0) return true;
            var mark = at.Mark;
            var before = at.Violation;
            if ((IsLow(worst) ? FillOnce(worst, ref random, noisy) : RelieveOnce(worst, ref random, noisy, brokers)) && at.Violation < before - Problem.Tolerance) continue;
            // A step that relieves one resource may leave a broker too low in another: what does not lower the sum would go round in circles.
            at.Revert(mark);
            _stuck[worst] = true;
        }

        return true;
    }

    /// <summary>Sends moved topics of these brokers home where that breaks nothing.</summary>
    public void Drop(IEnumerable<int> homes)
    {
        foreach (var home in homes)
        {
            for (var i = at.Outbound[home].Count - 1; i >= 0; i--)
            {
                if (i >= at.Outbound[home].Count) continue;
                var t = at.Outbound[home][i];
                Work += p.R;
                if (p.MustLeave[t] || !at.MayPut(t, home)) continue;
                if (at.Change(t, home, 1) + at.Change(t, at.At[t], -1) > Problem.Tolerance) continue;
                at.Move(t, home);
            }
        }
    }

    /// <summary>The best broker within its limits for a topic, -1 when there is none.</summary>
    public int Receiver(int topic, ref DeterministicRandom random, bool noisy)
    {
        var best = -1;
        var bestScore = double.NegativeInfinity;
        var from = at.At[topic];
        var soft = preferences.Any;
        Work += p.B;
        for (var d = 0; d < p.B; d++)
        {
            if (d == from || d == p.Home[topic] || !p.CanReceive[d] || !at.Fits(topic, d) || !at.MayPut(topic, d)) continue;
            var score = Fill(topic, d);
            if (!BestFit) score = -score;
            if (noisy) score += .5 * random.NextDouble();
            if (soft) score += preferences.Bonus(topic, d);
            if (score <= bestScore) continue;
            bestScore = score;
            best = d;
        }

        return best;
    }

    public double Fill(int topic, int broker)
    {
        double fill = 0;
        int w = topic * p.R;
        for (int i = broker * p.R, end = i + p.R; i < end; i++, w++) fill = Math.Max(fill, (at.Load[i] + p.W[w]) / p.Limit[i]);
        return fill;
    }

    private bool IsLow(int b)
    {
        for (int i = b * p.R, end = i + p.R; i < end; i++) if (at.Load[i] > p.Limit[i] + Problem.Tolerance) return false;
        return true;
    }

    /// <summary>Topics that must leave and partitions that are too many: the heaviest first, within limits where possible, else where it adds least excess.</summary>
    private void PlaceForced(ref DeterministicRandom random, bool noisy)
    {
        var topics = new List<int>();
        for (var b = 0; b < p.B; b++)
        {
            if (at.Unplaced == 0 && at.Crowded == 0) break;
            foreach (var t in p.HomeTopics(b))
                if (at.At[t] == b && p.Fixed[t] is null && (p.MustLeave[t] || at.IsCrowded(t))) topics.Add(t);
            Work += p.Start[b + 1] - p.Start[b];
        }

        var key = new double[topics.Count];
        for (var i = 0; i < key.Length; i++) key[i] = (p.MustLeave[topics[i]] ? 0 : 100) - Size(topics[i]) * (noisy ? .7 + (.6 * random.NextDouble()) : 1);
        var order = topics.ToArray();
        Array.Sort(key, order);
        foreach (var t in order)
        {
            if (!p.MustLeave[t] && !at.IsCrowded(t)) continue;
            var d = Receiver(t, ref random, noisy);
            if (d < 0) d = LeastBad(t, double.PositiveInfinity);
            if (d >= 0) at.Move(t, d);
        }
    }

    private double Size(int t)
    {
        double size = 0;
        foreach (var w in p.Weight(t)) size = Math.Max(size, w);
        return size;
    }

    /// <summary>The broker where a topic adds least excess, if the sum falls by that with which the topic leaves its own (<paramref name="below"/> limits the growth).</summary>
    private int LeastBad(int topic, double below)
    {
        var best = -1;
        Work += p.B;
        for (var d = 0; d < p.B; d++)
        {
            if (d == at.At[topic] || !at.MayPut(topic, d)) continue;
            var growth = at.Change(topic, d, 1);
            if (growth >= below) continue;
            below = growth;
            best = d;
        }

        return best;
    }

    /// <summary>One step that relieves a broker: the topic that relieves it most per cost, and where it goes; false when none helps.</summary>
    public bool RelieveOnce(int b, ref DeterministicRandom random, bool noisy, List<int>? brokers)
    {
        Rank(b, ref random, noisy);
        var tries = 0;
        _heavy.Clear();
        foreach (var t in _order.AsSpan(0, _candidates.Count))
        {
            if (tries++ >= Shortlist * 8) break;
            var home = p.Home[t];
            if (home != b && at.Fits(t, home) && at.MayPut(t, home))
            {
                at.Move(t, home);
                return true;
            }

            var d = Receiver(t, ref random, noisy);
            if (d < 0)
            {
                if (_heavy.Count < MostHeavy) _heavy.Add(t);
                else if (noisy && random.Next(4) == 0) _heavy[random.Next(MostHeavy)] = t;
                continue;
            }

            foreach (var heavy in _heavy) if (MoveWithRoom(b, heavy, Covered(b, t) / p.Cost[t], ref random, noisy)) return true;
            at.Move(t, d);
            return true;
        }

        foreach (var heavy in _heavy) if (MoveWithRoom(b, heavy, 0, ref random, noisy)) return true;

        // Nothing fits anywhere: push into the broker that suffers least and let it pass the excess on, as long as the sum falls.
        tries = 0;
        int bestTopic = -1, bestBroker = -1;
        var bestChange = -Math.Max(1e-7, .02 * at.Excess[b]);
        foreach (var t in _order.AsSpan(0, _candidates.Count))
        {
            if (tries++ >= Shortlist) break;
            var gain = at.Change(t, b, -1);
            var home = p.Home[t];
            if (home != b && at.MayPut(t, home) && gain + at.Change(t, home, 1) < bestChange)
                (bestTopic, bestBroker, bestChange) = (t, home, gain + at.Change(t, home, 1));
            var d = LeastBad(t, bestChange - gain);
            if (d >= 0) (bestTopic, bestBroker, bestChange) = (t, d, gain + at.Change(t, d, 1));
        }

        if (bestTopic < 0) return false;
        at.Move(bestTopic, bestBroker);
        if (brokers is not null && !brokers.Contains(bestBroker)) brokers.Add(bestBroker);
        return true;
    }

    /// <summary>Excess of a broker that a topic's leaving takes away.</summary>
    private double Covered(int b, int t)
    {
        double covered = 0;
        int w = t * p.R;
        for (int i = b * p.R, end = i + p.R; i < end; i++, w++)
        {
            var excess = at.Load[i] - p.Limit[i];
            if (excess > Problem.Tolerance) covered += Math.Min(p.W[w], excess);
        }

        return covered;
    }

    /// <summary>
    /// Moves a topic that fits nowhere onto a broker that in turn sends one of its own elsewhere, or back in exchange, if the two moves cover more per cost than
    /// <paramref name="efficiency"/>, the best single move.
    /// </summary>
    private bool MoveWithRoom(int b, int t, double efficiency, ref DeterministicRandom random, bool noisy)
    {
        var covered = Covered(b, t);
        int roomMaker = -1, roomAt = -1, exchanged = -1, exchangeAt = -1;
        double lightest = double.PositiveInfinity, bestExchange = efficiency;
        for (var d = 0; d < p.B; d++)
        {
            if (d == b || d == p.Home[t] || !at.MayPut(t, d) || at.Excess[d] > Problem.Tolerance) continue;
            var x = RoomMaker(t, d, covered, efficiency);
            if (x < 0) continue;
            var noise = noisy ? 1 + (.5 * random.NextDouble()) : 1;
            if (Size(x) * noise < lightest)
            {
                lightest = Size(x) * noise;
                roomMaker = x;
                roomAt = d;
            }

            var net = CoveredByExchange(b, t, x) / (p.Cost[t] + p.Cost[x]);
            if (net / noise <= bestExchange || !at.MayPut(x, b)) continue;
            bestExchange = net / noise;
            exchanged = x;
            exchangeAt = d;
        }

        if (roomMaker < 0) return false;
        var mark = at.Mark;
        at.Move(t, roomAt);
        var elsewhere = Receiver(roomMaker, ref random, noisy);
        if (elsewhere >= 0 && elsewhere != b)
        {
            at.Move(roomMaker, elsewhere);
            return true;
        }

        at.Revert(mark);
        if (exchanged < 0) return false;
        at.Move(t, exchangeAt);
        at.Move(exchanged, b);
        return true;
    }

    /// <summary>Excess of a broker that goes away when one topic leaves and another comes; 0 when the other brings new excess.</summary>
    private double CoveredByExchange(int b, int t, int x)
    {
        double covered = 0;
        int w = t * p.R, v = x * p.R;
        for (int i = b * p.R, end = i + p.R; i < end; i++, w++, v++)
        {
            var excess = at.Load[i] - p.Limit[i];
            var leaves = p.W[w] - p.W[v];
            if (excess > Problem.Tolerance) covered += Math.Min(leaves, excess);
            else if (leaves < 0 && excess - leaves > Problem.Tolerance) return 0;
        }

        return covered;
    }

    /// <summary>The lightest topic at home on a broker whose leaving makes room for another, -1 when none is worth its cost.</summary>
    private int RoomMaker(int t, int d, double covered, double efficiency)
    {
        var topics = p.HomeTopics(d);
        var best = -1;
        double bestSize = double.PositiveInfinity;
        int from = 0, to = topics.Length;
        if (p.R == 1)
        {
            // The heaviest come first: the last one that is heavy enough, and a few before it in case that has moved.
            var need = at.Load[d] + p.W[t] - p.Limit[d] - Problem.Tolerance;
            int low = 0, high = topics.Length;
            while (low < high)
            {
                var middle = (low + high) >>> 1;
                if (p.W[topics[middle]] >= need) low = middle + 1;
                else high = middle;
            }

            to = low;
            from = Math.Max(0, low - 4);
        }
        else
        {
            to = Math.Min(to, 4 * Shortlist);
        }

        Work += to - from + 4;
        for (var k = from; k < to; k++)
        {
            var x = topics[k];
            if (at.At[x] != d || p.Fixed[x] is not null || x == Held || covered / (p.Cost[t] + p.Cost[x]) <= efficiency) continue;
            var size = Size(x);
            if (size >= bestSize) continue;
            var enough = true;
            for (var r = 0; r < p.R && enough; r++)
                enough = at.Load[(d * p.R) + r] + p.W[(t * p.R) + r] - p.W[(x * p.R) + r] <= p.Limit[(d * p.R) + r] + Problem.Tolerance;
            if (!enough) continue;
            best = x;
            bestSize = size;
        }

        return best;
    }

    /// <summary>What can leave an overloaded broker, the best first: what covers the whole excess (the cheapest, then the lightest), else what covers most per cost.</summary>
    private void Rank(int b, ref DeterministicRandom random, bool noisy)
    {
        _candidates.Clear();
        _rank.Clear();
        foreach (var t in at.Inbound[b]) Consider(b, t, ref random, noisy);
        foreach (var t in p.HomeTopics(b)) if (at.At[t] == b && p.Fixed[t] is null) Consider(b, t, ref random, noisy);
        var n = _candidates.Count;
        Work += (long)n * p.R;
        if (_order.Length < n)
        {
            _order = new int[n * 2];
            _ranks = new double[n * 2];
        }

        _candidates.CopyTo(_order);
        _rank.CopyTo(_ranks);
        if (n > 4 * Shortlist)
        {
            SelectBest(4 * Shortlist, n);
            n = 4 * Shortlist;
            _candidates.RemoveRange(n, _candidates.Count - n);
        }

        Array.Sort(_ranks, _order, 0, n);
    }

    /// <summary>Quickselect: the best <paramref name="k"/> of the first n to the front.</summary>
    private void SelectBest(int k, int n)
    {
        int low = 0, high = n - 1;
        while (low < high)
        {
            var pivot = _ranks[(low + high) >>> 1];
            int i = low, j = high;
            while (i <= j)
            {
                while (_ranks[i] < pivot) i++;
                while (_ranks[j] > pivot) j--;
                if (i > j) break;
                (_ranks[i], _ranks[j]) = (_ranks[j], _ranks[i]);
                (_order[i], _order[j]) = (_order[j], _order[i]);
                i++;
                j--;
            }

            if (k - 1 <= j) high = j;
            else if (k - 1 >= i) low = i;
            else break;
        }
    }

    private void Consider(int b, int t, ref DeterministicRandom random, bool noisy)
    {
        if (t == Held) return;
        double covered = 0, size = 0, open = 0;
        int w = t * p.R;
        for (int i = b * p.R, end = i + p.R; i < end; i++, w++)
        {
            size += p.W[w];
            var excess = at.Load[i] - p.Limit[i];
            if (excess <= Problem.Tolerance) continue;
            open += excess;
            covered += Math.Min(p.W[w], excess);
        }

        if (covered <= Problem.Tolerance) return;
        var cost = p.Home[t] == b ? p.Cost[t] : .05 * p.Cost[t];
        var whole = covered >= open - Problem.Tolerance;
        // The smaller the better. What covers all is ranked by cost and then by size; noise lets a near second go first.
        var rank = whole ? -1e6 * covered / cost : -covered / cost;
        if (whole) rank += (1e3 * size) + (cost * 1e-3);
        else rank *= 1e3;
        if (noisy) rank *= whole ? 1 - (.3 * random.NextDouble()) : 1 - (.6 * random.NextDouble());
        _candidates.Add(t);
        _rank.Add(rank);
    }

    /// <summary>Brings one topic to a broker below its lower limit, from where it is missed least.</summary>
    private bool FillOnce(int b, ref DeterministicRandom random, bool noisy)
    {
        int bestTopic = -1;
        double best = 0;
        for (var from = 0; from < p.B; from++)
        {
            if (from == b || p.Excluded[from] is not null) continue;
            Work += p.Start[from + 1] - p.Start[from];
            foreach (var t in p.HomeTopics(from)) if (at.At[t] == from && p.Fixed[t] is null) Try(t, p.Cost[t], ref random);
            foreach (var t in at.Inbound[from]) if (p.Home[t] != b) Try(t, .05 * p.Cost[t], ref random);
        }

        foreach (var t in at.Outbound[b].ToArray()) Try(t, .01 * p.Cost[t], ref random);
        if (bestTopic < 0) return false;
        at.Move(bestTopic, b);
        return true;

        void Try(int t, double cost, ref DeterministicRandom noise)
        {
            if (t == Held || !at.MayPut(t, b)) return;
            var change = at.Change(t, b, 1) + at.Change(t, at.At[t], -1);
            if (change > -1e-7) return;
            var value = -change / cost;
            if (noisy) value *= 1 - (.3 * noise.NextDouble());
            if (value <= best) return;
            best = value;
            bestTopic = t;
        }
    }
}
