using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Danube.Dapr.Testing;

/// <summary>A service in this process on a free port, with a sidecar of its own.</summary>
/// <typeparam name="TProgram">The service's entry point.</typeparam>
public sealed class ServiceUnderTest<TProgram> : IAsyncDisposable where TProgram : class
{
    private readonly ServiceFactory<TProgram> _factory;

    internal ServiceUnderTest(TestSidecar sidecar, ServiceFactory<TProgram> factory)
    {
        Sidecar = sidecar;
        _factory = factory;
        Http = new HttpClient { BaseAddress = sidecar.App };
    }

    public TestSidecar Sidecar { get; }

    /// <summary>Calls the service directly.</summary>
    public HttpClient Http { get; }

    public IServiceProvider Services => _factory.Services;

    /// <summary>Ends the service but keeps the sidecar with all its state.</summary>
    public async Task StopAsync()
    {
        Http.Dispose();
        await _factory.DisposeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        await Sidecar.DisposeAsync();
    }
}

/// <summary>One service for all tests of a class.</summary>
/// <typeparam name="TProgram">The service's entry point.</typeparam>
public sealed class ServiceFixture<TProgram> : IAsyncLifetime where TProgram : class
{
    public ServiceUnderTest<TProgram> Service { get; private set; } = null!;

    public async Task InitializeAsync() => Service = await ServiceUnderTest.StartAsync<TProgram>();

    public async Task DisposeAsync() => await Service.DisposeAsync();
}

/// <summary>Starts services.</summary>
public static class ServiceUnderTest
{
    /// <summary>Starts a service with a new sidecar.</summary>
    public static async Task<ServiceUnderTest<TProgram>> StartAsync<TProgram>(TimeProvider? clock = null, params (string Key, string Value)[] settings) where TProgram : class =>
        Start<TProgram>(await TestSidecar.StartAsync(), clock, settings);

    /// <summary>Starts the service on a sidecar that is there already, for instance after a restart.</summary>
    public static ServiceUnderTest<TProgram> Start<TProgram>(TestSidecar sidecar, TimeProvider? clock = null, params (string Key, string Value)[] settings) where TProgram : class
    {
        ArgumentNullException.ThrowIfNull(sidecar);
        var factory = new ServiceFactory<TProgram>(clock ?? TimeProvider.System, [("DAPR_HTTP_PORT", $"{sidecar.HttpPort}"), ("DAPR_GRPC_PORT", $"{sidecar.GrpcPort}"), .. settings]);
        factory.UseKestrel(0);
        factory.StartServer();
        sidecar.App = new Uri(factory.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());
        return new ServiceUnderTest<TProgram>(sidecar, factory);
    }
}

internal sealed class ServiceFactory<TProgram>(TimeProvider clock, (string Key, string Value)[] settings) : WebApplicationFactory<TProgram> where TProgram : class
{
    protected override void ConfigureWebHost(IWebHostBuilder builder)
    {
        foreach (var (key, value) in settings)
            builder.UseSetting(key, value);
        builder.ConfigureLogging(log => log.ClearProviders());
        builder.ConfigureServices(services => services.AddSingleton(clock));
    }
}
