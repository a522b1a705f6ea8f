using Danube.Dapr.MetricsCollector.Resources.Linux;
using Danube.Dapr.MetricsCollector.Resources.Mac;
using Danube.Dapr.MetricsCollector.Resources.Portable;
using Danube.Dapr.MetricsCollector.Resources.Windows;
using Microsoft.Extensions.Options;

namespace Danube.Dapr.MetricsCollector.Resources;

/// <summary>Which readers belong to the operating system.</summary>
internal static class ResourcePlatform
{
    public static IServiceCollection AddResourceReaders(this IServiceCollection services)
    {
        // It starts sampling the collector's own container, so only where that can be a target.
        if (OperatingSystem.IsWindows())
            services.AddResourceMonitoring().AddSingleton<OwnContainerReader>();
        return services.AddSingleton(Resolver);
    }

    private static ITargetResolver Resolver(IServiceProvider services)
    {
        var time = services.GetRequiredService<TimeProvider>();
        if (OperatingSystem.IsWindows())
        {
            return new PortableTargetResolver(
                Host(time, new WindowsHost()), services.GetRequiredService<OwnContainerReader>(), _ => default, WindowsListeners.ProcessOn, LocalMachine.Has);
        }

        if (OperatingSystem.IsMacOS())
            return new PortableTargetResolver(Host(time, new MacHost()), null, MacHost.UsageOf, null, LocalMachine.Has);
        return new LinuxTargetResolver(new SystemFiles(services.GetRequiredService<IOptions<CollectorOptions>>().Value.HostRoot), LocalMachine.Has, LocalMachine.Addresses);
    }

#if HARDWARE_INFO
    private static HardwareInfo.HardwareInfoReader Host(TimeProvider time, IResourceReader own) => new(time);
#else
    private static IResourceReader Host(TimeProvider time, IResourceReader own) => own;
#endif
}
