using Etcdserverpb;
using Google.Protobuf;
using Grpc.Core;
using Mvccpb;

namespace Danube.Dapr.LocalSidecar.State;

/// <summary>
/// Takes the reads of many callers into few etcd transactions, so that they share round trips. A transaction that only reads is not written
/// to etcd's log, and sees all that was acknowledged before it was sent.
/// </summary>
internal sealed class EtcdReader(Func<TxnRequest, Task<TxnResponse>> send, int operationsPerTransaction)
{
    // While some are on their way the next one fills up.
    private const int TransactionsUnderWay = 2;

    // A value may have 1.5 MiB: the answer stays below 50 MiB.
    private const int ReadsPerTransaction = 32;

    private readonly Lock _lock = new();
    private readonly Queue<Read> _waiting = new();
    private readonly int _most = Math.Min(operationsPerTransaction, ReadsPerTransaction);
    private int _underWay;

    /// <returns>What the key holds, or null.</returns>
    public Task<KeyValue?> GetAsync(ByteString key)
    {
        var read = new Read(key);
        lock (_lock)
        {
            _waiting.Enqueue(read);
            if (_underWay == TransactionsUnderWay) return read.Done.Task;
            _underWay++;
        }
        _ = RunAsync();
        return read.Done.Task;
    }

    private async Task RunAsync()
    {
        // The caller's thread does not make transactions for others; those who come in this moment are taken along.
        await Task.Yield();
        while (true)
        {
            List<Read> group = [];
            lock (_lock)
            {
                while (group.Count < _most && _waiting.TryDequeue(out var read)) group.Add(read);
                if (group.Count == 0)
                {
                    _underWay--;
                    return;
                }
            }
            await SendAsync(group);
        }
    }

    private async Task SendAsync(List<Read> group)
    {
        try
        {
            var request = new TxnRequest();
            foreach (var read in group) request.Success.Add(new RequestOp { RequestRange = new RangeRequest { Key = read.Key } });
            var response = await send(request);
            for (var i = 0; i < group.Count; i++) group[i].Done.TrySetResult(response.Responses[i].ResponseRange.Kvs is [var found, ..] ? found : null);
        }
        catch (RpcException e) when (group.Count > 1 && e.StatusCode is (StatusCode.InvalidArgument or StatusCode.ResourceExhausted or StatusCode.PermissionDenied))
        {
            // etcd refused the transaction as a whole: the one that it does not like fails alone.
            foreach (var read in group) await SendAsync([read]);
        }
        catch (Exception e)
        {
            foreach (var read in group) read.Done.TrySetException(e);
        }
    }

    private sealed class Read(ByteString key)
    {
        public ByteString Key { get; } = key;

        public TaskCompletionSource<KeyValue?> Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
