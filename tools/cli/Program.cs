using Danube.Dapr.Cli;

return await CommandLine.RunAsync(args);
