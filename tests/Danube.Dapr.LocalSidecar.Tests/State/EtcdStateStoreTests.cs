using System.Globalization;
using System.Net;
using System.Text;
using Danube.Dapr.LocalSidecar.State;
using Danube.Dapr.LocalSidecar.Tests.Processes;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Danube.Dapr.LocalSidecar.Tests.State;

/// <summary>The store on a real etcd.</summary>
public sealed class EtcdStateStoreTests : IAsyncLifetime
{
    private EtcdServer? _etcd;

    public async Task InitializeAsync() => _etcd = EtcdServer.Program is null ? null : await EtcdServer.StartAsync();

    public async Task DisposeAsync()
    {
        if (_etcd is not null) await _etcd.DisposeAsync();
    }

    [EtcdFact]
    public async Task Component_WithTls_IsServedByAnEtcdThatAsksForACertificate()
    {
        var certificates = new TestCertificates();
        await using var etcd = await EtcdServer.StartAsync(certificates);
        using var folder = new TempFolder();
        static string Indented(string pem) => "|\n      " + pem.ReplaceLineEndings("\n      ");
        folder.Write("statestore.yaml",
            $"kind: Component\nmetadata: {{ name: statestore }}\nspec:\n  type: state.etcd\n  version: v1\n  metadata:\n  - {{ name: endpoints, value: '{etcd.Endpoint}' }}\n  - {{ name: tlsEnable, value: 'true' }}\n"
            + $"  - name: ca\n    value: {Indented(certificates.Authority)}\n  - name: cert\n    value: {Indented(certificates.Client)}\n  - name: key\n    value: {Indented(certificates.ClientKey)}\n");
        await using var sidecar = await TestSidecar.StartAsync(folder, false, static o => o, ("a", null));

        Assert.Equal((204, ""), await sidecar.SendAsync("POST", "/v1.0/state/statestore", """[{"key":"k","value":"over tls"}]"""));
        Assert.Equal((200, "\"over tls\""), await sidecar.SendAsync("GET", "/v1.0/state/statestore/k"));
    }

    [EtcdFact]
    public async Task Store_EtagsBatchesListsAndExpiry_AreEtcds()
    {
        await using var store = Create();
        await store.ApplyAsync([Put("p||a", "1", firstWrite: true), Put("p||b", "1"), Put("q", "1")], default);
        var etag = (await store.GetAsync("p||a", default))!.ETag;
        await store.ApplyAsync([Put("p||a", "2", etag)], default);

        await Assert.ThrowsAsync<ETagMismatchException>(() => store.ApplyAsync([Put("p||a", "3", etag)], default));
        await Assert.ThrowsAsync<ETagMismatchException>(() => store.ApplyAsync([Put("p||a", "3", "no revision")], default));
        await Assert.ThrowsAsync<ETagMismatchException>(() => store.ApplyAsync([Put("p||a", "3", firstWrite: true)], default));
        Assert.Equal("p||b", (await Assert.ThrowsAsync<ETagMismatchException>(() => store.ApplyAsync([Put("q", "2"), new StateOperation("p||b", null, "1"), Put("r", "2")], default))).Key);
        await Assert.ThrowsAsync<TooManyOperationsException>(() => store.ApplyAsync([.. Enumerable.Range(0, 129).Select(static i => Put($"{i}", "1"))], default));

        Assert.Equal([("p||a", "2"), ("p||b", "1")], (await store.ListAsync("p||", default)).Select(static e => (e.Key, Encoding.UTF8.GetString(e.Value))));
        Assert.Equal("1", Encoding.UTF8.GetString((await store.GetAsync("q", default))!.Value));
        Assert.Null(await store.GetAsync("r", default));
        await store.ApplyAsync([Put("p||a", "3"), Put("p||a", "4"), new StateOperation("q", null)], default);
        Assert.Equal("4", Encoding.UTF8.GetString((await store.GetAsync("p||a", default))!.Value));
        Assert.Null(await store.GetAsync("q", default));

        await store.ApplyAsync([new StateOperation("short", [1], TimeToLive: TimeSpan.FromSeconds(6))], default);
        Assert.NotNull(await store.GetAsync("short", default));
        await TestSidecar.Eventually(async () => await store.GetAsync("short", default) is null);
    }

    [EtcdFact]
    public async Task ManyWriters_WithEtagsAndWithout_LoseNoUpdate()
    {
        await using var store = Create();
        await using var second = Create();
        await store.ApplyAsync([Put("n", "0")], default);
        var refused = 0;

        // Two stores, as two sidecars have; beside the contended key each writer has its own, in the same groups.
        await Task.WhenAll(Enumerable.Range(0, 16).Select(w => Task.Run(async () =>
        {
            var mine = w % 2 == 0 ? store : second;
            for (var done = 0; done < 10;)
            {
                await mine.ApplyAsync([Put($"own{w}", $"{done}")], default);
                var entry = (await mine.GetAsync("n", default))!;
                try
                {
                    await mine.ApplyAsync([Put("n", (int.Parse(Encoding.UTF8.GetString(entry.Value), CultureInfo.InvariantCulture) + 1).ToString(CultureInfo.InvariantCulture), entry.ETag)], default);
                    done++;
                }
                catch (ETagMismatchException)
                {
                    Interlocked.Increment(ref refused);
                }
            }
        })));

        Assert.Equal("160", Encoding.UTF8.GetString((await store.GetAsync("n", default))!.Value));
        Assert.All(await store.ListAsync("own", default), static e => Assert.Equal("9", Encoding.UTF8.GetString(e.Value)));
        Assert.True(refused > 0);
    }

    [EtcdFact]
    public async Task Value_LargerThanEtcdTakes_FailsAlone()
    {
        await using var store = Create();

        var large = store.ApplyAsync([new StateOperation("large", new byte[2 * 1024 * 1024])], default);
        await Task.WhenAll(Enumerable.Range(0, 50).Select(i => store.ApplyAsync([Put($"k{i:00}", "1")], default)));

        await Assert.ThrowsAsync<Grpc.Core.RpcException>(() => large);
        Assert.Equal(50, (await store.ListAsync("k", default)).Count);
    }

    [Fact]
    public async Task Write_OfUnknownOutcome_IsNotSentAgain()
    {
        var sent = 0;
        await using var etcd = await StartUnavailableAsync(() => Interlocked.Increment(ref sent));
        await using var store = new EtcdStateStore(new EtcdOptions([new Uri(etcd.Urls.Single()).Authority]));

        var e = await Assert.ThrowsAsync<RpcException>(() => store.ApplyAsync([Put("k", "1", firstWrite: true)], default));

        Assert.Equal((StatusCode.Unavailable, 1), (e.StatusCode, sent));
    }

    [Fact]
    public async Task Write_WhileEtcdIsNotThere_IsSentWhenItIs()
    {
        var (sent, port) = (0, TestApp.FreePort());
        await using var store = new EtcdStateStore(new EtcdOptions([$"127.0.0.1:{port}"]));
        var write = store.ApplyAsync([Put("k", "1", firstWrite: true)], default);
        await Assert.ThrowsAsync<TimeoutException>(() => write.WaitAsync(TimeSpan.FromMilliseconds(500)));

        await using var etcd = await StartUnavailableAsync(() => Interlocked.Increment(ref sent), port);

        await Assert.ThrowsAsync<RpcException>(() => write);
        Assert.Equal(1, sent);
    }

    // It may have applied what it got.
    private static async Task<WebApplication> StartUnavailableAsync(Action got, int? port = null)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(k => k.Listen(IPAddress.Loopback, port ?? TestApp.FreePort(), static o => o.Protocols = HttpProtocols.Http2));
        var web = builder.Build();
        web.Run(context =>
        {
            got();
            context.Response.ContentType = "application/grpc";
            context.Response.Headers["grpc-status"] = "14";
            return Task.CompletedTask;
        });
        await web.StartAsync();
        return web;
    }

    private EtcdStateStore Create() => new(new EtcdOptions([_etcd!.Endpoint], "test"));

    private static StateOperation Put(string key, string value, string? etag = null, bool firstWrite = false) => new(key, Encoding.UTF8.GetBytes(value), etag, firstWrite);
}
