using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Grpc.Core;

namespace Danube.Dapr.Conformance;

/// <summary>Something else was seen than expected.</summary>
internal sealed class MismatchException(string expected, string seen) : Exception($"expected {expected}; seen {seen}")
{
    public string Expected { get; } = expected;

    public string Seen { get; } = seen;
}

/// <summary>Compares what is seen with what is expected.</summary>
internal static class Check
{
    public static void Equal<T>(T expected, T seen, string what = "")
    {
        if (!EqualityComparer<T>.Default.Equals(expected, seen))
            throw new MismatchException(Named(what, Text(expected)), Text(seen));
    }

    public static void Sequence<T>(IEnumerable<T> expected, IEnumerable<T> seen, string what = "")
    {
        var (wanted, got) = (expected.ToList(), seen.ToList());
        if (!wanted.SequenceEqual(got))
            throw new MismatchException(Named(what, string.Join(", ", wanted)), string.Join(", ", got));
    }

    public static void True(bool condition, string expected, object? seen)
    {
        if (!condition)
            throw new MismatchException(expected, Text(seen));
    }

    public static void Contains(string expected, string? seen, string what = "") =>
        True(seen?.Contains(expected, StringComparison.Ordinal) == true, Named(what, $"text with '{expected}'"), seen);

    public static void Json(string expected, string seen, string what = "")
    {
        JsonNode? node;
        try
        {
            node = JsonNode.Parse(seen);
        }
        catch (JsonException)
        {
            throw new MismatchException(Named(what, expected), seen);
        }
        if (!JsonNode.DeepEquals(JsonNode.Parse(expected), node))
            throw new MismatchException(Named(what, expected), seen);
    }

    /// <summary>The answer has this status.</summary>
    public static Answer Status(int expected, Answer answer)
    {
        if (answer.Status != expected)
            throw new MismatchException($"status {expected}", answer.ToString());
        return answer;
    }

    /// <summary>The answer is 204 without a body and without a content type.</summary>
    public static void NoContent(Answer answer)
    {
        Status(204, answer);
        True(answer.Body.Length == 0 && answer.ContentType is null, "204 without body and content type", answer);
    }

    /// <summary>The answer is exactly this text as JSON, as daprd writes its errors.</summary>
    public static void Body(int status, string body, Answer answer)
    {
        if (answer.Status != status || answer.Body != body)
            throw new MismatchException($"{status} {body}", answer.ToString());
        Equal("application/json", answer.ContentType, "content type");
    }

    /// <summary>The answer is an error with this code and message, and nothing more.</summary>
    public static void Error(int status, string code, string message, Answer answer) =>
        Body(status, $$"""{"errorCode":{{JsonSerializer.Serialize(code)}},"message":{{JsonValue(message)}}}""", answer);

    /// <summary>The answer is an error with this code and message; it may have details.</summary>
    public static JsonNode DetailedError(int status, string code, string message, Answer answer)
    {
        Status(status, answer);
        var node = JsonNode.Parse(answer.Body)!;
        if ((string?)node["errorCode"] != code || (string?)node["message"] != message)
            throw new MismatchException($"{code}: {message}", answer.Body);
        Equal("application/json", answer.ContentType, "content type");
        return node;
    }

    /// <summary>The call fails with this gRPC status.</summary>
    public static async Task<RpcException> Rpc(StatusCode code, string? message, Func<Task> call)
    {
        var failure = await Failure(call);
        for (var e = failure; e is not null; e = e.InnerException)
        {
            if (e is not RpcException rpc)
                continue;
            if (rpc.StatusCode != code || (message is not null && rpc.Status.Detail != message))
                throw new MismatchException($"{code} {message}", $"{rpc.StatusCode} {rpc.Status.Detail}");
            return rpc;
        }
        throw new MismatchException($"{code} {message}", failure.ToString());
    }

    public static async Task<T> Throws<T>(Func<Task> call) where T : Exception =>
        await Failure(call) is var e && e is T wanted ? wanted : throw new MismatchException(typeof(T).Name, e.ToString());

    private static async Task<Exception> Failure(Func<Task> call)
    {
        try
        {
            await call();
        }
        catch (Exception e)
        {
            return e;
        }
        throw new MismatchException("an error", "no error");
    }

    // Go writes < > & as \u003c..., and leaves the rest as it is.
    private static string JsonValue(string text) => "\"" + text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)
        .Replace("<", "\\u003c", StringComparison.Ordinal).Replace(">", "\\u003e", StringComparison.Ordinal).Replace("&", "\\u0026", StringComparison.Ordinal) + "\"";

    private static string Named(string what, string expected) => what.Length == 0 ? expected : $"{what} {expected}";

    private static string Text(object? value) => value switch
    {
        null => "nothing",
        string s => $"'{s}'",
        IFormattable f => f.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString() ?? "",
    };
}
