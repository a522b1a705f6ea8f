using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace Danube.Dapr.Workflow.Tests;

public sealed class RegistrationTests
{
    private static ServiceProvider Build(IEnumerable<KeyValuePair<string, string?>> configuration, Action<IServiceCollection> add)
    {
        var services = new ServiceCollection();
        services.AddSingleton<IConfiguration>(new ConfigurationBuilder().AddInMemoryCollection(configuration).Build());
        add(services);
        return services.BuildServiceProvider();
    }

    [Fact]
    public async Task AddDaprWorkflow_CalledTwice_AddsUp()
    {
        await using ServiceProvider services = Build([], collection => collection
            .AddDaprWorkflow(options => options.RegisterWorkflow<string, string>("A", (_, s) => Task.FromResult(s))).Services
            .AddDaprWorkflow(options => options.RegisterWorkflow<string, string>("B", (_, s) => Task.FromResult(s))));

        Assert.Equal(["A", "B"], services.GetRequiredService<IOptions<WorkflowRuntimeOptions>>().Value.Registry.WorkflowNames);
        Assert.Single(services.GetServices<IHostedService>());
        Assert.Same(services.GetRequiredService<DaprWorkflowClient>(), services.GetRequiredService<IDaprWorkflowClient>());
    }

    [Theory]
    [InlineData("DAPR_GRPC_PORT", "none", "allowed is a port from 1 to 65535")]
    [InlineData("DAPR_GRPC_PORT", "70000", "allowed is a port from 1 to 65535")]
    [InlineData("DAPR_GRPC_ENDPOINT", "localhost", "allowed is an http or https address")]
    public async Task Address_ThatIsNone_IsNamedInTheError(string name, string value, string expected)
    {
        await using ServiceProvider services = Build([new(name, value)], collection => collection.AddDaprWorkflow(_ => { }));

        var e = Assert.Throws<InvalidOperationException>(() => services.GetRequiredService<DaprWorkflowClient>());
        Assert.Contains($"{name} is '{value}'; {expected}", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("DAPR_GRPC_PORT", "4711", "http://localhost:4711/")]
    [InlineData("DAPR_GRPC_ENDPOINT", "https://sidecar:443", "https://sidecar/")]
    public async Task Address_OfTheSidecar_ComesFromTheConfiguration(string name, string value, string expected)
    {
        await using ServiceProvider services = Build([new(name, value)], collection => collection.AddDaprWorkflow(_ => { }));

        Assert.Equal(new Uri(expected), services.GetRequiredService<Worker.SidecarConnection>().Address);
    }
}
