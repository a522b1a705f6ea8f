using Danube.Dapr.LocalSidecar.State;
using Etcdserverpb;
using Google.Protobuf;
using Grpc.Core;
using Mvccpb;

namespace Danube.Dapr.LocalSidecar.Tests.State;

/// <summary>How writes are put together, against an etcd in memory that answers when the test says so.</summary>
public sealed class EtcdWriterTests : IDisposable
{
    private readonly Server _server = new();

    public void Dispose() => _server.Dispose();

    [Fact]
    public async Task Writes_WhileTransactionsAreUnderWay_GoTogether()
    {
        var writer = new EtcdWriter(_server.SendAsync, 128);
        var writes = new List<Task>();
        for (var i = 0; i < 2; i++)
        {
            writes.Add(writer.WriteAsync([Put($"first{i}", "1")]));
            await _server.ArrivedAsync(i + 1);
        }
        for (var i = 0; i < 100; i++) writes.Add(writer.WriteAsync([Put($"k{i}", "1")]));

        _server.AnswerAll();
        await Task.WhenAll(writes);

        Assert.Equal(102, _server.Values.Count);
        Assert.Equal(3, _server.Requests.Count);
        Assert.Equal(100, _server.Requests[2].Success.Count);
    }

    [Fact]
    public async Task Writes_OfOneKey_AreNeverInOneTransaction_AndKeepTheirOrder()
    {
        var writer = new EtcdWriter(_server.SendAsync, 128);
        var writes = await BlockAsync(writer);
        for (var i = 1; i <= 3; i++) writes.Add(writer.WriteAsync([Put("k", $"{i}"), Put($"other{i}", "1")]));
        // It has no key in common with what is before it in the queue and is there, but one with what has to wait.
        writes.Add(writer.WriteAsync([Put("other3", "last")]));

        _server.AnswerOne();
        await _server.ArrivedAsync(3);
        _server.AnswerAll();
        await Task.WhenAll(writes);

        Assert.All(_server.Requests, static r => Assert.Equal(r.Success.Count, r.Success.Select(static o => o.RequestPut.Key).Distinct().Count()));
        Assert.Equal(["1", "2", "3"], _server.Requests.SelectMany(static r => r.Success).Where(static o => o.RequestPut.Key.ToStringUtf8() == "k").Select(static o => o.RequestPut.Value.ToStringUtf8()));
        Assert.Equal("last", _server.Values["other3"].Value);
    }

    [Fact]
    public async Task Write_OfAKeyThatIsUnderWay_WaitsForItsEnd()
    {
        var writer = new EtcdWriter(_server.SendAsync, 128);
        var older = writer.WriteAsync([Put("k", "older")]);
        await _server.ArrivedAsync(1);
        var newer = writer.WriteAsync([Put("k", "newer")]);
        // It comes later and would have gone together with that one.
        var other = writer.WriteAsync([Put("other", "1")]);
        await _server.ArrivedAsync(2);
        var underWay = _server.Requests.Last().Success.Select(static o => o.RequestPut.Key.ToStringUtf8()).ToList();

        _server.AnswerAll();
        await Task.WhenAll(older, newer, other);

        Assert.Equal(["other"], underWay);
        Assert.Equal("newer", _server.Values["k"].Value);
    }

    [Fact]
    public async Task Guard_ThatDoesNotHold_RefusesItsBatchAlone()
    {
        var writer = new EtcdWriter(_server.SendAsync, 128);
        _server.Values["taken"] = ("x", 7);
        var writes = await BlockAsync(writer);
        var good = writer.WriteAsync([Put("a", "1", 0)]);
        var bad = writer.WriteAsync([Put("b", "1"), Put("taken", "1", 0)]);
        var old = writer.WriteAsync([Put("taken", "2", 6)]);
        var right = writer.WriteAsync([Put("c", "1"), Put("d", "1")]);

        _server.AnswerAll();
        await Task.WhenAll([.. writes, good, right]);

        Assert.Equal("taken", (await Assert.ThrowsAsync<ETagMismatchException>(() => bad)).Key);
        await Assert.ThrowsAsync<ETagMismatchException>(() => old);
        Assert.Equal(("x", 7), _server.Values["taken"]);
        Assert.False(_server.Values.ContainsKey("b"));
        Assert.True(_server.Values.ContainsKey("a") && _server.Values.ContainsKey("c") && _server.Values.ContainsKey("d"));
    }

    [Fact]
    public async Task Transaction_OverTheLimits_IsSplit()
    {
        var writer = new EtcdWriter(_server.SendAsync, 10);
        var writes = await BlockAsync(writer);
        for (var i = 0; i < 9; i++) writes.Add(writer.WriteAsync([.. Enumerable.Range(0, 4).Select(n => Put($"{i}-{n}", "1"))]));
        for (var i = 0; i < 3; i++) writes.Add(writer.WriteAsync([Put($"large{i}", new string('x', 200_000))]));

        _server.AnswerAll();
        await Task.WhenAll(writes);

        Assert.All(_server.Requests, static r => Assert.InRange(r.Success.Count, 1, 10));
        Assert.All(_server.Requests, static r => Assert.InRange(r.CalculateSize(), 1, 300_000));
        Assert.Equal(2 + 36 + 3, _server.Values.Count);
    }

    [Theory]
    [InlineData(StatusCode.InvalidArgument)]
    [InlineData(StatusCode.NotFound)] // a lease that ran out
    public async Task Batch_ThatEtcdDoesNotTake_FailsAlone(StatusCode refusal)
    {
        _server.Refusal = refusal;
        var writer = new EtcdWriter(_server.SendAsync, 128);
        var writes = await BlockAsync(writer);
        var poison = writer.WriteAsync([Put("poison", "1")]);
        writes.Add(writer.WriteAsync([Put("a", "1")]));
        writes.Add(writer.WriteAsync([Put("b", "1")]));

        _server.AnswerAll();
        await Task.WhenAll(writes);

        Assert.Equal(refusal, (await Assert.ThrowsAsync<RpcException>(() => poison)).StatusCode);
    }

    [Fact]
    public async Task Etcd_ThatIsAway_FailsEveryWaitingCaller_AndIsTriedByTheNext()
    {
        var writer = new EtcdWriter(_server.SendAsync, 128);
        _server.Away = true;
        _server.AnswerAll();
        var writes = Enumerable.Range(0, 5).Select(i => writer.WriteAsync([Put($"k{i}", "1")])).ToList();
        foreach (var write in writes) Assert.Equal(StatusCode.Unavailable, (await Assert.ThrowsAsync<RpcException>(() => write)).StatusCode);

        _server.Away = false;
        await writer.WriteAsync([Put("k", "1")]);

        Assert.Equal("k", Assert.Single(_server.Values).Key);
    }

    // All places are taken, so that what follows waits.
    private async Task<List<Task>> BlockAsync(EtcdWriter writer)
    {
        List<Task> writes = [writer.WriteAsync([Put("first", "1")])];
        await _server.ArrivedAsync(1);
        writes.Add(writer.WriteAsync([Put("second", "1")]));
        await _server.ArrivedAsync(2);
        return writes;
    }

    private static EtcdWriter.Write Put(string key, string value, long? revision = null) => new(key, ByteString.CopyFromUtf8(key), ByteString.CopyFromUtf8(value), 0, revision);

    private sealed class Server : IDisposable
    {
        private readonly Lock _lock = new();
        private readonly SemaphoreSlim _arrived = new(0);
        private readonly SemaphoreSlim _answers = new(0);
        private int _seen;
        private long _revision = 100;

        public List<TxnRequest> Requests { get; } = [];

        public Dictionary<string, (string Value, long Revision)> Values { get; } = new(StringComparer.Ordinal);

        public bool Away { get; set; }

        /// <summary>How the key "poison" is refused.</summary>
        public StatusCode Refusal { get; set; }

        public void Dispose()
        {
            _arrived.Dispose();
            _answers.Dispose();
        }

        public void AnswerOne() => _answers.Release();

        public void AnswerAll() => _answers.Release(1_000_000);

        public async Task ArrivedAsync(int count)
        {
            for (; _seen < count; _seen++) Assert.True(await _arrived.WaitAsync(TimeSpan.FromSeconds(30)));
        }

        public async Task<TxnResponse> SendAsync(TxnRequest request)
        {
            lock (_lock) Requests.Add(request);
            _arrived.Release();
            await _answers.WaitAsync();
            if (Away) throw new RpcException(new Status(StatusCode.Unavailable, "away"));
            if (request.Success.Any(static o => o.RequestPut.Key.ToStringUtf8() == "poison")) throw new RpcException(new Status(Refusal, "no"));
            lock (_lock)
            {
                if (request.Compare.All(c => At(c.Key) == c.ModRevision))
                {
                    _revision++;
                    foreach (var put in request.Success.Select(static o => o.RequestPut)) Values[put.Key.ToStringUtf8()] = (put.Value.ToStringUtf8(), _revision);
                    return new TxnResponse { Succeeded = true };
                }
                var response = new TxnResponse();
                foreach (var range in request.Failure.Select(static o => o.RequestRange))
                {
                    var found = new RangeResponse();
                    if (At(range.Key) is var at and > 0) found.Kvs.Add(new KeyValue { Key = range.Key, ModRevision = at });
                    response.Responses.Add(new ResponseOp { ResponseRange = found });
                }
                return response;
            }
        }

        private long At(ByteString key) => Values.TryGetValue(key.ToStringUtf8(), out var entry) ? entry.Revision : 0;
    }
}
