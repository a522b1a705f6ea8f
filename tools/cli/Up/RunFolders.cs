using System.Globalization;

namespace Danube.Dapr.Cli.Up;

/// <summary>Folders of one run: logs stay, the run's own folder (components, state) goes at the end, unless the user named a place for the state.</summary>
internal sealed class RunFolders : IDisposable
{
    private RunFolders(string logs, string run, string state)
    {
        Logs = logs;
        Run = run;
        State = state;
    }

    public string Logs { get; }

    public string Run { get; }

    public string State { get; }

    public static RunFolders Create(UpSettings settings, TimeProvider time)
    {
        try
        {
            var run = Directory.CreateTempSubdirectory("danube-lb-").FullName;
            var name = $"{time.GetLocalNow().ToString("yyyyMMdd-HHmmss", CultureInfo.InvariantCulture)}-{Environment.ProcessId}";
            var logs = Directory.CreateDirectory(settings.LogDirectory ?? Path.Combine(Programs.FolderWith("artifacts") ?? Environment.CurrentDirectory, "artifacts", "run", name));
            var state = Directory.CreateDirectory(settings.StateDirectory ?? Path.Combine(run, "state"));
            return new RunFolders(logs.FullName, run, state.FullName);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CliException($"A folder of the run cannot be made: {e.Message}");
        }
    }

    public void Dispose()
    {
        try
        {
            Directory.Delete(Run, recursive: true);
        }
        catch (IOException e)
        {
            Console.Error.WriteLine($"danube-lb: the temporary folder {Run} could not be removed: {e.Message}");
        }
    }
}
