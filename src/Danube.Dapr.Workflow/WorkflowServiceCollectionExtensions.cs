using Danube.Dapr.Workflow.Engine;
using Danube.Dapr.Workflow.Worker;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Danube.Dapr.Workflow;

/// <summary>Adds workflows to an app.</summary>
public static class WorkflowServiceCollectionExtensions
{
    /// <summary>
    /// Adds the worker that runs this app's workflows and activities, and <see cref="DaprWorkflowClient"/>. May be called more than once;
    /// the registrations add up.
    /// </summary>
    /// <param name="serviceCollection">The app's services.</param>
    /// <param name="configure">Registers workflows and activities and sets limits.</param>
    /// <param name="lifetime">How long a client lives.</param>
    /// <returns>The same services.</returns>
    public static IServiceCollection AddDaprWorkflow(
        this IServiceCollection serviceCollection, Action<WorkflowRuntimeOptions> configure, ServiceLifetime lifetime = ServiceLifetime.Singleton)
    {
        ArgumentNullException.ThrowIfNull(serviceCollection);
        ArgumentNullException.ThrowIfNull(configure);

        serviceCollection.AddOptions<WorkflowRuntimeOptions>().Configure(configure);
        if (serviceCollection.Any(service => service.ServiceType == typeof(SidecarConnection)))
            return serviceCollection;

        serviceCollection.AddLogging();
        serviceCollection.TryAddSingleton(TimeProvider.System);
        serviceCollection.Configure<WorkflowRuntimeOptions>(options => options.RegisterActivity<RaiseEventActivity>(RaiseEventActivity.ReservedName));
        serviceCollection.AddSingleton(services => new SidecarConnection(services.GetService<IConfiguration>(), Options(services)));
        serviceCollection.AddSingleton(services =>
            WorkflowEnvironment.Create(Options(services), services, services.GetRequiredService<ILoggerFactory>()));
        serviceCollection.Add(new ServiceDescriptor(
            typeof(DaprWorkflowClient),
            services => new DaprWorkflowClient(
                services.GetRequiredService<SidecarConnection>().TaskHub,
                services.GetRequiredService<WorkflowEnvironment>().Payloads,
                services.GetRequiredService<TimeProvider>()),
            lifetime));
        serviceCollection.Add(new ServiceDescriptor(
            typeof(IDaprWorkflowClient), services => services.GetRequiredService<DaprWorkflowClient>(), lifetime));
        serviceCollection.AddSingleton<IHostedService>(services => new WorkflowWorker(
            services.GetRequiredService<SidecarConnection>(),
            services.GetRequiredService<WorkflowEnvironment>(),
            Options(services),
            services.GetRequiredService<TimeProvider>(),
            services.GetRequiredService<ILogger<WorkflowWorker>>()));
        return serviceCollection;
    }

    private static WorkflowRuntimeOptions Options(IServiceProvider services) => services.GetRequiredService<IOptions<WorkflowRuntimeOptions>>().Value;
}
