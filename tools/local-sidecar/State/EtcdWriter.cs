using Etcdserverpb;
using Google.Protobuf;
using Grpc.Core;

namespace Danube.Dapr.LocalSidecar.State;

/// <summary>
/// Takes the batches of many callers into few etcd transactions, so that they share round trips and flushes to the disk. Batches in one
/// transaction have no key in common, and neither have two transactions that are under way: an older write never lands after a newer one. When guards do not hold, the answer tells which: their batches are refused, the others go again.
/// </summary>
internal sealed class EtcdWriter(Func<TxnRequest, Task<TxnResponse>> send, int operationsPerTransaction)
{
    // While some are on their way the next one fills up. More of them would be smaller ones, and cost etcd more than they save.
    private const int TransactionsUnderWay = 2;

    // etcd refuses requests over 1.5 MiB.
    private const int BytesPerTransaction = 256 * 1024;

    private readonly Lock _lock = new();
    private readonly LinkedList<Batch> _waiting = [];
    private readonly HashSet<ByteString> _keysUnderWay = [];
    private int _underWay;

    /// <exception cref="ETagMismatchException">A guard did not hold; nothing of this batch was written.</exception>
    public Task WriteAsync(IReadOnlyList<Write> writes)
    {
        var batch = new Batch(writes);
        lock (_lock)
        {
            _waiting.AddLast(batch);
            if (_underWay == TransactionsUnderWay) return batch.Done.Task;
            _underWay++;
        }
        _ = RunAsync();
        return batch.Done.Task;
    }

    private async Task RunAsync()
    {
        // The caller's thread does not make transactions for others; those who come in this moment are taken along.
        await Task.Yield();
        List<Batch> group = [];
        while (true)
        {
            lock (_lock)
            {
                foreach (var batch in group) _keysUnderWay.ExceptWith(batch.WrittenKeys);
                // What waits for the keys of the other transaction is taken when that one ends.
                group = TakeLocked();
                if (group.Count == 0)
                {
                    _underWay--;
                    return;
                }
            }
            await SendAsync(group);
        }
    }

    private List<Batch> TakeLocked()
    {
        List<Batch> group = [];
        var (operations, bytes) = (0, 0);
        HashSet<ByteString>? passed = null;
        for (var node = _waiting.First; node is not null && operations < operationsPerTransaction;)
        {
            var (next, batch) = (node.Next, node.Value);
            if ((group.Count == 0 || (!batch.Alone && operations + batch.Writes.Count <= operationsPerTransaction && bytes + batch.Bytes <= BytesPerTransaction)) && !Meets(batch, passed))
            {
                _waiting.Remove(node);
                group.Add(batch);
                _keysUnderWay.UnionWith(batch.WrittenKeys);
                if (batch.Alone) break;
                operations += batch.Writes.Count;
                bytes += batch.Bytes;
            }
            else
            {
                // It keeps its place before later ones with the same keys.
                (passed ??= []).UnionWith(batch.WrittenKeys);
            }
            node = next;
        }
        return group;
    }

    private bool Meets(Batch batch, HashSet<ByteString>? passed)
    {
        foreach (var write in batch.Writes)
            if (_keysUnderWay.Contains(write.Key) || passed?.Contains(write.Key) == true) return true;
        return false;
    }

    private async Task SendAsync(List<Batch> group)
    {
        try
        {
            var response = await send(Transaction(group));
            if (response.Succeeded)
            {
                foreach (var batch in group) batch.Done.TrySetResult();
                return;
            }
            Refuse(group, response);
        }
        catch (RpcException e) when (group.Count > 1 && e.StatusCode is StatusCode.InvalidArgument or StatusCode.ResourceExhausted or StatusCode.NotFound)
        {
            // etcd refused the transaction as a whole, before it did anything (not found: a lease that ran out): the one that it does not like fails alone.
            foreach (var batch in group) batch.Alone = true;
            Again(group);
        }
        catch (Exception e)
        {
            foreach (var batch in group) batch.Done.TrySetException(e);
        }
    }

    private void Refuse(List<Batch> group, TxnResponse response)
    {
        List<Batch> again = [];
        var guard = 0;
        foreach (var batch in group)
        {
            string? failed = null;
            foreach (var write in batch.Writes.Where(static w => w.Revision is not null))
            {
                var revision = response.Responses[guard++].ResponseRange.Kvs is [var kv, ..] ? kv.ModRevision : 0;
                if (revision != write.Revision) failed ??= write.Name;
            }
            if (failed is not null) batch.Done.TrySetException(new ETagMismatchException(failed));
            else again.Add(batch);
        }
        // Of those whose guards hold nothing was written; they are not to wait behind newer ones.
        Again(again);
    }

    private void Again(List<Batch> batches)
    {
        lock (_lock)
            for (var i = batches.Count - 1; i >= 0; i--) _waiting.AddFirst(batches[i]);
    }

    private static TxnRequest Transaction(List<Batch> group)
    {
        var request = new TxnRequest();
        foreach (var batch in group)
        {
            foreach (var write in batch.Writes)
            {
                if (write.Revision is { } revision)
                {
                    request.Compare.Add(new Compare { Key = write.Key, Target = Compare.Types.CompareTarget.Mod, Result = Compare.Types.CompareResult.Equal, ModRevision = revision });
                    // The answer when some guard does not hold: what each key is at.
                    request.Failure.Add(new RequestOp { RequestRange = new RangeRequest { Key = write.Key, KeysOnly = true } });
                }
                if (write.CheckOnly) continue;
                request.Success.Add(write.Value is null
                    ? new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = write.Key } }
                    : new RequestOp { RequestPut = new PutRequest { Key = write.Key, Value = write.Value, Lease = write.Lease } });
            }
        }
        return request;
    }

    /// <summary>One write of a batch; no other of the same batch has its key.</summary>
    /// <param name="Name">The key as the caller knows it.</param>
    /// <param name="Value">Null deletes.</param>
    /// <param name="Revision">The revision at which the key must be, 0 for absent, null for any.</param>
    /// <param name="CheckOnly">Whether only its revision matters; any number of batches may look at the same key together.</param>
    internal readonly record struct Write(string Name, ByteString Key, ByteString? Value, long Lease, long? Revision, bool CheckOnly = false);

    private sealed class Batch(IReadOnlyList<Write> writes)
    {
        public IReadOnlyList<Write> Writes { get; } = writes;

        public IEnumerable<ByteString> WrittenKeys => Writes.Where(static w => !w.CheckOnly).Select(static w => w.Key);

        public int Bytes { get; } = writes.Sum(static w => w.Key.Length + (w.Value?.Length ?? 0));

        /// <summary>Not to be put together with others.</summary>
        public bool Alone { get; set; }

        public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
