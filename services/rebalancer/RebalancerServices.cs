using Danube.Dapr.BrokerClient;
using Danube.Dapr.Contracts;
using Danube.Dapr.Rebalancer.Actors;
using Danube.Dapr.Rebalancer.Apis;
using Danube.Dapr.Rebalancer.Control;
using Danube.Dapr.Rebalancer.Cycle;
using Danube.Dapr.Rebalancer.Execution;
using Danube.Dapr.Rebalancer.Findings;
using Danube.Dapr.Rebalancer.Options;
using Danube.Dapr.Rebalancer.Plans;
using Danube.Dapr.Rebalancer.Telemetry;
using Danube.Dapr.Rebalancer.Workflows;
using Danube.Dapr.ServiceDefaults;
using Danube.Dapr.Workflow;
using Dapr.Client;
using Microsoft.Extensions.Options;

namespace Danube.Dapr.Rebalancer;

/// <summary>What the rebalancer is made of.</summary>
internal static class RebalancerServices
{
    public static WebApplicationBuilder AddRebalancer(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddOptionsWithValidateOnStart<RebalancerOptions, RebalancerOptionsValidator>().BindConfiguration(RebalancerOptions.Section);
        services.AddOptionsWithValidateOnStart<DanubeOptions, DanubeOptionsValidator>()
            .BindConfiguration(DanubeOptions.Section)
            .PostConfigure<IConfiguration>(TakeSeedsFromOneText);
        services.ConfigureHttpJsonOptions(json => ContractsJson.Configure(json.SerializerOptions));
        services.AddDaprClient(dapr => dapr.UseJsonSerializationOptions(ContractsJson.Wire));
        services.AddRequestValidators(typeof(RebalancerApi).Assembly);
        services.AddSingleton(p => new DanubeCluster(
            p.GetRequiredService<IOptions<DanubeOptions>>().Value.ToClient(), p.GetRequiredService<TimeProvider>(), p.GetRequiredService<ILoggerFactory>()));
        services.AddSingleton(p => new RankingClient(DaprClient.CreateInvokeHttpClient(
            DaprNames.Apps.Ranking, daprApiToken: p.GetRequiredService<IConfiguration>()["DAPR_API_TOKEN"])));
        services.AddRebalancerCore();
        services.AddActors(actors =>
        {
            actors.UseJsonSerialization = true;
            actors.JsonSerializerOptions = ContractsJson.Wire;
            actors.ActorIdleTimeout = TimeSpan.FromMinutes(10);
            actors.Actors.RegisterActor<ControlLoopActor>(DaprNames.Actors.ControlLoop);
            actors.Actors.RegisterActor<TopicActor>(DaprNames.Actors.Topic);
            actors.Actors.RegisterActor<PlanActor>(DaprNames.Actors.Plan);
            actors.Actors.RegisterActor<MaskActor>(DaprNames.Actors.Mask);
        });
        services.AddDaprWorkflow(workflows =>
        {
            workflows.UseJsonSerializerOptions(ContractsJson.Wire);
            RegisterWorkflows(workflows);
        });
        services.AddSingleton(p => new SteadyClock(p.GetRequiredService<TimeProvider>(), SteadyClock.LinuxProc));
        services.AddHostedService(p => p.GetRequiredService<Nudger>());
        services.AddHostedService<LoopStarter>();
        return builder;
    }

    /// <summary>What needs no sidecar to exist.</summary>
    internal static void AddRebalancerCore(this IServiceCollection services)
    {
        services.AddSingleton<RebalancerMetrics>();
        services.AddSingleton<ActorDirectory>();
        services.AddSingleton<EventPublisher>();
        services.AddSingleton<PlanMaker>();
        services.AddSingleton<Drains>();
        services.AddSingleton<BuiltInProbe>();
        services.AddSingleton<CycleRunner>();
        services.AddSingleton<PlanLauncher>();
        services.AddSingleton<MoveRecorder>();
        services.AddSingleton<BatchPreflight>();
        services.AddSingleton<Recreation>();
        services.AddSingleton<DeadCopies>();
        services.AddSingleton<Ghosts>();
        services.AddSingleton<DoubleLoads>();
        services.AddSingleton<TopicMover>();
        services.AddSingleton<BatchSettler>();
        services.AddSingleton<RepairHold>();
        services.AddSingleton<RepairWatch>();
        services.AddSingleton<RepairPlaces>();
        services.AddSingleton<TopicRepairer>();
        services.AddSingleton<FindingsReader>();
        services.AddSingleton<PlanSteps>();
        services.AddSingleton<PlanReader>();
        services.AddSingleton<StatusReader>();
        services.AddSingleton<Nudger>();
        services.AddSingleton<Repairs>();
    }

    internal static void RegisterWorkflows(WorkflowRuntimeOptions workflows)
    {
        workflows.RegisterWorkflow<ExecutePlanWorkflow>();
        workflows.RegisterWorkflow<MoveBatchWorkflow>();
        workflows.RegisterActivity<BeginPlanActivity>();
        workflows.RegisterActivity<NextBatchActivity>();
        workflows.RegisterActivity<FinishPlanActivity>();
        workflows.RegisterActivity<PreflightActivity>();
        workflows.RegisterActivity<MaskActivity>();
        workflows.RegisterActivity<MoveTopicActivity>();
        workflows.RegisterActivity<CheckWaveActivity>();
        workflows.RegisterActivity<UnmaskActivity>();
        workflows.RegisterActivity<SettleActivity>();
        workflows.RegisterActivity<RepairTopicActivity>();
    }

    /// <summary><c>Danube:Seeds</c> as one text with commas: a list is awkward in an environment variable or an argument.</summary>
    private static void TakeSeedsFromOneText(DanubeOptions options, IConfiguration configuration)
    {
        if (options.Seeds.Count == 0 && configuration[$"{DanubeOptions.Section}:{nameof(options.Seeds)}"] is { } text)
            options.Seeds = text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
    }
}
