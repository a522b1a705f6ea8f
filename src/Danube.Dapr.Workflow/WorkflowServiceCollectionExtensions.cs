using System.Text.Json;
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
    /// <summary>Adds a worker without workflows of its own, and <see cref="DaprWorkflowClient"/>: for an app that starts workflows, or that registers them elsewhere.</summary>
    /// <param name="services">The app's services.</param>
    /// <returns>Sets more.</returns>
    public static DaprWorkflowBuilder AddDaprWorkflow(this IServiceCollection services) => services.AddDaprWorkflow(static _ => { });

    /// <summary>
    /// Adds the worker that runs this app's workflows and activities, and <see cref="DaprWorkflowClient"/>. May be called more than once;
    /// the registrations add up.
    /// </summary>
    /// <param name="services">The app's services.</param>
    /// <param name="configure">Registers workflows and activities and sets limits.</param>
    /// <param name="lifetime">How long a client lives.</param>
    /// <returns>Sets more.</returns>
    public static DaprWorkflowBuilder AddDaprWorkflow(
        this IServiceCollection services, Action<WorkflowRuntimeOptions> configure, ServiceLifetime lifetime = ServiceLifetime.Singleton)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configure);

        services.AddOptions<WorkflowRuntimeOptions>().Configure(configure);
        if (services.Any(service => service.ServiceType == typeof(SidecarConnection)))
            return new DaprWorkflowBuilder(services);

        services.AddLogging();
        services.TryAddSingleton(TimeProvider.System);
        services.Configure<WorkflowRuntimeOptions>(options => options.RegisterActivity<RaiseEventActivity>(RaiseEventActivity.ReservedName));
        services.AddSingleton(provider => new SidecarConnection(provider.GetService<IConfiguration>(), Options(provider)));
        services.AddSingleton(provider =>
            WorkflowEnvironment.Create(Options(provider), provider, provider.GetRequiredService<ILoggerFactory>()));
        services.Add(new ServiceDescriptor(
            typeof(DaprWorkflowClient),
            provider => new DaprWorkflowClient(
                provider.GetRequiredService<SidecarConnection>().TaskHub,
                provider.GetRequiredService<WorkflowEnvironment>().Payloads,
                provider.GetRequiredService<TimeProvider>()),
            lifetime));
        services.Add(new ServiceDescriptor(
            typeof(IDaprWorkflowClient), provider => provider.GetRequiredService<DaprWorkflowClient>(), lifetime));
        services.AddSingleton<IHostedService>(provider => new WorkflowWorker(
            provider.GetRequiredService<SidecarConnection>(),
            provider.GetRequiredService<WorkflowEnvironment>(),
            Options(provider),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<WorkflowWorker>>()));
        return new DaprWorkflowBuilder(services);
    }

    private static WorkflowRuntimeOptions Options(IServiceProvider provider) => provider.GetRequiredService<IOptions<WorkflowRuntimeOptions>>().Value;

    /// <summary>Sets what is seldom set.</summary>
    public readonly record struct DaprWorkflowBuilder
    {
        internal DaprWorkflowBuilder(IServiceCollection services) => Services = services;

        /// <summary>The app's services.</summary>
        public IServiceCollection Services { get; }

        /// <summary>Sets how payloads become JSON, as <see cref="WorkflowRuntimeOptions.UseJsonSerializerOptions"/> does.</summary>
        /// <param name="jsonOptions">The options.</param>
        /// <returns>The same builder.</returns>
        public DaprWorkflowBuilder WithJsonSerializer(JsonSerializerOptions jsonOptions)
        {
            ArgumentNullException.ThrowIfNull(jsonOptions);
            Services.Configure<WorkflowRuntimeOptions>(options => options.UseJsonSerializerOptions(jsonOptions));
            return this;
        }

        /// <summary>Bounds the messages from and to the sidecar, which have no bound by default.</summary>
        /// <param name="maxReceiveMessageSize">The largest message to take, in bytes, more than 0; default no bound.</param>
        /// <param name="maxSendMessageSize">The largest message to send, in bytes, more than 0; default no bound.</param>
        /// <returns>The same builder.</returns>
        public DaprWorkflowBuilder WithGrpcMessageSizeLimits(int? maxReceiveMessageSize = null, int? maxSendMessageSize = null)
        {
            ThrowIfNotPositive(maxReceiveMessageSize, nameof(maxReceiveMessageSize));
            ThrowIfNotPositive(maxSendMessageSize, nameof(maxSendMessageSize));
            Services.Configure<WorkflowRuntimeOptions>(options => (options.MaxReceiveMessageSize, options.MaxSendMessageSize) = (maxReceiveMessageSize, maxSendMessageSize));
            return this;
        }

        private static void ThrowIfNotPositive(int? value, string name)
        {
            if (value is { } given)
                ArgumentOutOfRangeException.ThrowIfNegativeOrZero(given, name);
        }
    }
}
