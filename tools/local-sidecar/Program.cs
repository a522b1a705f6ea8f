using Danube.Dapr.LocalSidecar.CommandLine;
using Danube.Dapr.LocalSidecar.Components;
using Danube.Dapr.LocalSidecar.Hosting;

try
{
    if (CommandLineParser.Parse(args, Environment.GetEnvironmentVariable, out var ignored) is not { } options) return 0;
    foreach (var flag in ignored) Console.Error.WriteLine($"local-sidecar: {flag} has no effect here");
    await using var sidecar = await SidecarHost.StartAsync(options);
    foreach (var app in options.Apps)
        Console.Out.WriteLine($"local-sidecar: {app.AppId} on HTTP port {app.DaprHttpPort} and gRPC port {app.DaprGrpcPort}{(app.AppPort is { } port ? $", app on port {port}" : "")}");
    await sidecar.WaitForShutdownAsync();
    return 0;
}
catch (Exception e) when (e is CommandLineException or ResourceException or IOException or UnauthorizedAccessException)
{
    await Console.Error.WriteLineAsync("local-sidecar: " + e.Message);
    return 1;
}
