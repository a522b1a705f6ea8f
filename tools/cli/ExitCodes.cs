namespace Danube.Dapr.Cli;

/// <summary>What the process ends with. Every command uses these and no others.</summary>
internal static class ExitCodes
{
    /// <summary>It worked; for <c>up --until-balanced</c>: balanced.</summary>
    public const int Ok = 0;

    /// <summary>It could not start or could not be done: wrong flag, unreachable service, a process died.</summary>
    public const int Failed = 1;

    /// <summary>It ran, and the answer is no: not balanced in time, a malformed file, a plan that does not verify, a refusal.</summary>
    public const int No = 2;
}

/// <summary>A failure that is told to the user as one line, without a stack trace.</summary>
/// <param name="message">What, where, and what is allowed.</param>
/// <param name="exitCode">One of <see cref="ExitCodes"/>.</param>
internal sealed class CliException(string message, int exitCode = ExitCodes.Failed) : Exception(message)
{
    public int ExitCode { get; } = exitCode;

    /// <summary>The code of the refusal of a service; null for everything else.</summary>
    public string? Code { get; init; }
}
