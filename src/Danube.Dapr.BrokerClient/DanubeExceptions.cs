using Grpc.Core;

namespace Danube.Dapr.BrokerClient;

/// <summary>A call to a Danube broker did not give an answer that can be used. The subclasses say why.</summary>
public abstract class DanubeException : Exception
{
    private protected DanubeException(string message, Uri? address, string operation, StatusCode status, Exception? inner)
        : base(message, inner)
    {
        Address = address;
        Operation = operation;
        Status = status;
    }

    /// <summary>Whom we asked; null when there was nobody to ask.</summary>
    public Uri? Address { get; }

    /// <summary>What we asked for: the name of the RPC, or <c>metrics</c>.</summary>
    public string Operation { get; }

    /// <summary>The gRPC status, or the one nearest to what happened.</summary>
    public StatusCode Status { get; }
}

/// <summary>The broker cannot be reached, or did not answer in time (UNAVAILABLE, DEADLINE_EXCEEDED, a refused or broken connection). What was asked may or may not have happened.</summary>
public sealed class DanubeUnreachableException : DanubeException
{
    internal DanubeUnreachableException(Uri? address, string operation, StatusCode status, string detail, Exception? inner)
        : base($"{operation} on {address?.ToString() ?? "the cluster"} failed: no answer ({status}: {detail}).", address, operation, status, inner)
    {
    }

    /// <summary>The broker itself said UNAVAILABLE; otherwise the connection failed.</summary>
    internal bool BrokerAnswered { get; init; }

    internal string? Detail { get; init; }
}

/// <summary>The broker answered with an error, such as a missing permission or an operation that its mode does not offer.</summary>
public sealed class DanubeRefusedException : DanubeException
{
    internal DanubeRefusedException(Uri? address, string operation, StatusCode status, string detail, Exception? inner)
        : base($"{operation} on {address} was refused ({status}: {detail}).", address, operation, status, inner) => Detail = detail;

    /// <summary>The broker's own words.</summary>
    public string Detail { get; }
}

/// <summary>The broker answered something that it should not: too much, not readable, or against its own contract.</summary>
public sealed class DanubeUnexpectedAnswerException : DanubeException
{
    internal DanubeUnexpectedAnswerException(Uri? address, string operation, string detail, Exception? inner = null)
        : base($"{operation} on {address} gave an answer that cannot be used: {detail}.", address, operation, StatusCode.Internal, inner)
    {
    }
}

/// <summary>The cluster names no leader, or a leader that is not registered. Usually for up to 10 s after a leader died.</summary>
public sealed class DanubeNoLeaderException : DanubeException
{
    internal DanubeNoLeaderException(string operation, string detail)
        : base($"{operation} needs the cluster's leader, and there is none: {detail}.", null, operation, StatusCode.Unavailable, null)
    {
    }
}

/// <summary>No registered broker has this id (any more).</summary>
public sealed class DanubeUnknownBrokerException : DanubeException
{
    internal DanubeUnknownBrokerException(string brokerId, string operation, string detail)
        : base($"{operation} needs broker {brokerId}: {detail}.", null, operation, StatusCode.NotFound, null) => BrokerId = brokerId;

    /// <summary>The id that was asked for.</summary>
    public string BrokerId { get; }
}
