namespace Danube.Dapr.Cli.Up;

/// <summary>An installed Dapr runtime.</summary>
/// <param name="Daprd">Path of the sidecar.</param>
/// <param name="Placement">Path of the placement service, when it is installed as a program.</param>
/// <param name="Scheduler">Path of the scheduler service, when it is installed as a program.</param>
internal sealed record DaprInstallation(string Daprd, string? Placement, string? Scheduler)
{
    /// <summary>Looks on PATH and in the Dapr home folder (<c>~/.dapr/bin</c>, or <c>DAPR_RUNTIME_PATH</c>); null when there is none.</summary>
    public static DaprInstallation? Find()
    {
        var home = Environment.GetEnvironmentVariable("DAPR_RUNTIME_PATH") is { Length: > 0 } path ? path : Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        var bin = Path.Combine(home, ".dapr", "bin");
        return Programs.OnPath("daprd", bin) is { } daprd
            ? new DaprInstallation(daprd, Programs.OnPath("placement", bin), Programs.OnPath("scheduler", bin))
            : null;
    }
}
