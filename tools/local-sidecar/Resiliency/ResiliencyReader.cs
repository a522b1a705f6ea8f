using System.Globalization;
using System.Text.RegularExpressions;
using Danube.Dapr.LocalSidecar.Components;

namespace Danube.Dapr.LocalSidecar.Resiliency;

/// <summary>Reads <c>Resiliency</c> documents.</summary>
internal static partial class ResiliencyReader
{
    public static ResiliencyResource Read(YamlFields document, ILogger logger)
    {
        var spec = document.RequiredMapping("spec");
        var policies = spec.Mapping("policies");
        var timeouts = Timeouts(policies?.Mapping("timeouts"));
        var retries = Each(policies?.Mapping("retries"), r => Retry(r, logger));
        var breakers = Each(policies?.Mapping("circuitBreakers"), Breaker);

        PolicySet Policies(YamlFields target) => new(
            Named(target, "timeout", name => timeouts.TryGetValue(name, out var timeout) ? timeout : (TimeSpan?)null),
            Named(target, "retry", name => retries.GetValueOrDefault(name)),
            Named(target, "circuitBreaker", name => breakers.GetValueOrDefault(name)));

        var targets = spec.Mapping("targets");
        return new ResiliencyResource(document.Texts("scopes"),
            Each(targets?.Mapping("apps"), Policies),
            Each(targets?.Mapping("actors"), a =>
            {
                if (a.Text("circuitBreakerScope") is not "type") Notices.HasNoEffect(logger, a, "circuitBreakerScope", "all actors of a type share one circuit breaker");
                return Policies(a);
            }),
            Each(targets?.Mapping("components"), c => c.Mapping("inbound") is { } inbound ? Policies(inbound) : new PolicySet(null, null, null)),
            Each(targets?.Mapping("components"), c => c.Mapping("outbound") is { } outbound ? Policies(outbound) : new PolicySet(null, null, null)),
            new PolicyNames(timeouts, retries, breakers));
    }

    private static Dictionary<string, TimeSpan> Timeouts(YamlFields? fields)
    {
        var all = new Dictionary<string, TimeSpan>(StringComparer.Ordinal);
        foreach (var name in fields?.Names ?? [])
            if (fields!.Duration(name) is { } timeout) all[name] = timeout;
        return all;
    }

    private static T? Named<T>(YamlFields target, string field, Func<string, T?> find)
    {
        if (target.Text(field) is not { Length: > 0 } name) return default;
        return find(name) ?? throw target.Wrong(field, $"there is no policy '{name}'");
    }

    private static Dictionary<string, T> Each<T>(YamlFields? fields, Func<YamlFields, T> read)
    {
        var all = new Dictionary<string, T>(StringComparer.Ordinal);
        if (fields is not null)
            foreach (var name in fields.Names) all[name] = read(fields.RequiredMapping(name));
        return all;
    }

    private static RetrySettings Retry(YamlFields fields, ILogger logger)
    {
        var exponential = fields.Text("policy") switch
        {
            null or "" or "constant" => false,
            "exponential" => true,
            var other => throw fields.Wrong("policy", $"'{other}' is neither constant nor exponential"),
        };
        var matching = fields.Mapping("matching");
        var codes = matching?.Text("httpStatusCodes");
        if (matching is not null) Notices.HasNoEffect(logger, matching, "gRPCStatusCodes", "a failed gRPC call is tried again whatever its status");
        return new RetrySettings(exponential, fields.Duration("duration") ?? TimeSpan.FromSeconds(5), fields.Duration("maxInterval") ?? TimeSpan.FromSeconds(60),
            fields.Integer("maxRetries") ?? -1,
            string.IsNullOrWhiteSpace(codes) ? null : [.. codes.Split(',', StringSplitOptions.TrimEntries).Select(c => Range(fields, c))]);
    }

    private static (int From, int To) Range(YamlFields fields, string text)
    {
        var parts = text.Split('-');
        if (parts.Length <= 2 && int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var from) && int.TryParse(parts[^1], NumberStyles.None, CultureInfo.InvariantCulture, out var to))
            return (from, to);
        throw fields.Wrong("matching.httpStatusCodes", $"'{text}' is neither a code nor a range such as 500-599");
    }

    private static BreakerSettings Breaker(YamlFields fields)
    {
        var failures = 5;
        if (fields.Text("trip") is { Length: > 0 } trip)
        {
            var match = Trip().Match(trip);
            if (!match.Success) throw fields.Wrong("trip", $"'{trip}' is not understood; only 'consecutiveFailures > N' and 'consecutiveFailures >= N' are");
            failures = int.Parse(match.Groups[2].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture) - (match.Groups[1].Length == 2 ? 1 : 0);
        }
        var maxRequests = fields.Integer("maxRequests") ?? 1;
        if (maxRequests < 0) throw fields.Wrong("maxRequests", $"'{maxRequests}' is below 0");
        return new BreakerSettings(failures, fields.Duration("timeout") ?? TimeSpan.FromSeconds(60), fields.Duration("interval") ?? TimeSpan.Zero, Math.Max(1, maxRequests));
    }

    [GeneratedRegex(@"^\s*consecutiveFailures\s*(>=?)\s*(\d{1,9})\s*$", RegexOptions.IgnoreCase)]
    private static partial Regex Trip();
}
