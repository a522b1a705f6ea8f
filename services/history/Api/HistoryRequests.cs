using System.Globalization;
using Danube.Dapr.Contracts;
using Danube.Dapr.History.Record;
using Danube.Dapr.ServiceDefaults;
using FluentValidation;

namespace Danube.Dapr.History.Api;

/// <summary>A question for entries, as a caller puts it.</summary>
internal sealed record HistoryQuery(string? Kind = null, string? Topic = null, string? Broker = null, string? Plan = null, string? Before = null, Asked<int>? Limit = null)
{
    /// <summary>The question, once it is validated.</summary>
    internal HistoryFilter ToFilter() => new(
        Kind, Topic, Broker, Plan, IsPosition(Before, out var position) ? position : null, IsTime(Before, out var time) ? time : null, Limit?.Value ?? 100);

    internal static bool IsBoundary(string? before) => IsPosition(before, out _) || IsTime(before, out _);

    private static bool IsPosition(string? before, out long position) => long.TryParse(before, NumberStyles.None, CultureInfo.InvariantCulture, out position);

    private static bool IsTime(string? before, out DateTimeOffset time)
    {
        time = default;
        return !IsPosition(before, out _) && DateTimeOffset.TryParse(before, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out time);
    }
}

/// <summary>The time that statistics are about, up to now; none for a day.</summary>
internal sealed record StatisticsQuery(Asked<double>? Hours = null);

/// <summary>A plan in a path.</summary>
internal sealed record PlanPath(string Id);

/// <summary>A move at the end of a path, in one of the forms that <see cref="MoveRecord.TryParseId"/> takes.</summary>
internal sealed record MovePath(string MoveId = "");

internal sealed class HistoryQueryValidator : AbstractValidator<HistoryQuery>
{
    public HistoryQueryValidator()
    {
        RuleFor(q => q.Kind).Allow(k => k is null || Entries.Kinds.Contains(k), string.Join(", ", Entries.Kinds));
        RuleFor(q => q.Topic).Allow(t => t is null || Identifiers.IsTopic(t), Identifiers.TopicForm);
        RuleFor(q => q.Broker).Allow(b => b is null || Identifiers.IsBroker(b), Identifiers.BrokerForm);
        RuleFor(q => q.Plan).Allow(p => p is null || Identifiers.IsPlan(p), Identifiers.PlanForm);
        RuleFor(q => q.Before).Allow(b => b is null || HistoryQuery.IsBoundary(b), "the position of an entry or a time such as 2026-01-31T12:00:00Z");
        RuleFor(q => q.Limit).Limit();
    }
}

internal sealed class StatisticsQueryValidator : AbstractValidator<StatisticsQuery>
{
    private const int MaxHours = 24 * 365;

    public StatisticsQueryValidator() => RuleFor(q => q.Hours).Allow(h => h is null or { Value: > 0 and <= MaxHours }, "above 0 to 8,760");
}

internal sealed class PlanPathValidator : AbstractValidator<PlanPath>
{
    public PlanPathValidator() => RuleFor(p => p.Id).Allow(Identifiers.IsPlan, Identifiers.PlanForm);
}

internal sealed class MovePathValidator : AbstractValidator<MovePath>
{
    public MovePathValidator() => RuleFor(p => p.MoveId).Allow(id => MoveRecord.TryParseId(id, out _, out _), Identifiers.MoveForm);
}
