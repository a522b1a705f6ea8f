namespace Danube.Dapr.Contracts;

/// <summary>Names in requests and answers over HTTP that callers and services share.</summary>
public static class HttpNames
{
    /// <summary>The header of a command that may be sent twice: with the same key again it is the same command.</summary>
    public const string IdempotencyKey = "Idempotency-Key";

    /// <summary>The <c>code</c> of a problem: the service knows no such thing. A sidecar or proxy that answers 404 does not use it.</summary>
    public const string NotFound = "not-found";
}
