using Danube.Dapr.LocalSidecar.State;
using Etcdserverpb;
using Google.Protobuf;
using Grpc.Core;
using Mvccpb;

namespace Danube.Dapr.LocalSidecar.Tests.State;

/// <summary>How reads are put together, against an etcd in memory that answers when the test says so.</summary>
public sealed class EtcdReaderTests : IDisposable
{
    private readonly Server _server = new();

    public void Dispose() => _server.Dispose();

    [Fact]
    public async Task Reads_WhileTransactionsAreUnderWay_GoTogether_AndEachGetsItsOwn()
    {
        var reader = new EtcdReader(_server.SendAsync, 128);
        var first = await BlockAsync(reader);
        var reads = Enumerable.Range(0, 32).Select(i => reader.GetAsync(Key(i % 4 == 3 ? $"absent{i}" : $"k{i}"))).ToList();

        _server.AnswerAll();
        await Task.WhenAll([.. first, .. reads]);

        Assert.Equal([1, 1, 32], _server.Requests.Select(static r => r.Success.Count));
        Assert.All(_server.Requests, static r => Assert.All(r.Success, static o => Assert.Equal(RequestOp.RequestOneofCase.RequestRange, o.RequestCase)));
        for (var i = 0; i < reads.Count; i++) Assert.Equal(i % 4 == 3 ? null : $"value of k{i}", (await reads[i])?.Value.ToStringUtf8());
    }

    [Theory]
    [InlineData(10, 10)]
    [InlineData(128, 32)]
    public async Task Transaction_OverTheLimit_IsSplit(int operationsPerTransaction, int most)
    {
        var reader = new EtcdReader(_server.SendAsync, operationsPerTransaction);
        var first = await BlockAsync(reader);
        var reads = Enumerable.Range(0, 100).Select(i => reader.GetAsync(Key($"k{i}"))).ToList();

        _server.AnswerAll();
        await Task.WhenAll([.. first, .. reads]);

        Assert.Equal(most, _server.Requests.Max(static r => r.Success.Count));
        Assert.Equal(102, _server.Requests.Sum(static r => r.Success.Count));
    }

    [Fact]
    public async Task Read_ThatEtcdDoesNotTake_FailsAlone()
    {
        var reader = new EtcdReader(_server.SendAsync, 128);
        var first = await BlockAsync(reader);
        var poison = reader.GetAsync(Key("poison"));
        var good = reader.GetAsync(Key("k"));

        _server.AnswerAll();
        await Task.WhenAll(first);

        Assert.Equal(StatusCode.PermissionDenied, (await Assert.ThrowsAsync<RpcException>(() => poison)).StatusCode);
        Assert.Equal("value of k", (await good)?.Value.ToStringUtf8());
    }

    [Fact]
    public async Task Etcd_ThatIsAway_FailsEveryWaitingCaller_AndIsTriedByTheNext()
    {
        var reader = new EtcdReader(_server.SendAsync, 128);
        _server.Away = true;
        _server.AnswerAll();
        var reads = Enumerable.Range(0, 5).Select(i => reader.GetAsync(Key($"k{i}"))).ToList();
        foreach (var read in reads) Assert.Equal(StatusCode.Unavailable, (await Assert.ThrowsAsync<RpcException>(() => read)).StatusCode);

        _server.Away = false;

        Assert.Equal("value of k", (await reader.GetAsync(Key("k")))?.Value.ToStringUtf8());
    }

    // All places are taken, so that what follows waits.
    private async Task<List<Task>> BlockAsync(EtcdReader reader)
    {
        List<Task> reads = [reader.GetAsync(Key("first"))];
        await _server.ArrivedAsync();
        reads.Add(reader.GetAsync(Key("second")));
        await _server.ArrivedAsync();
        return reads;
    }

    private static ByteString Key(string key) => ByteString.CopyFromUtf8(key);

    private sealed class Server : IDisposable
    {
        private readonly Lock _lock = new();
        private readonly SemaphoreSlim _arrived = new(0);
        private readonly SemaphoreSlim _answers = new(0);

        public List<TxnRequest> Requests { get; } = [];

        public bool Away { get; set; }

        public void Dispose()
        {
            _arrived.Dispose();
            _answers.Dispose();
        }

        public void AnswerAll() => _answers.Release(1_000_000);

        public async Task ArrivedAsync() => Assert.True(await _arrived.WaitAsync(TimeSpan.FromSeconds(30)));

        public async Task<TxnResponse> SendAsync(TxnRequest request)
        {
            lock (_lock) Requests.Add(request);
            _arrived.Release();
            await _answers.WaitAsync();
            if (Away) throw new RpcException(new Status(StatusCode.Unavailable, "away"));
            var keys = request.Success.Select(static o => o.RequestRange.Key.ToStringUtf8()).ToList();
            if (keys.Contains("poison")) throw new RpcException(new Status(StatusCode.PermissionDenied, "no"));
            var response = new TxnResponse { Succeeded = true };
            foreach (var key in keys)
            {
                var found = new RangeResponse();
                if (!key.StartsWith("absent", StringComparison.Ordinal)) found.Kvs.Add(new KeyValue { Key = Key(key), Value = Key("value of " + key) });
                response.Responses.Add(new ResponseOp { ResponseRange = found });
            }
            return response;
        }
    }
}
