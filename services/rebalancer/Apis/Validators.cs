using Danube.Dapr.Contracts;
using Danube.Dapr.Planning;
using Danube.Dapr.ServiceDefaults;
using FluentValidation;

namespace Danube.Dapr.Rebalancer.Apis;

internal sealed class BrokerPathValidator : AbstractValidator<BrokerPath>
{
    public BrokerPathValidator() => RuleFor(p => p.Id).Allow(Identifiers.IsBroker, Identifiers.BrokerForm);
}

internal sealed class TopicPathValidator : AbstractValidator<TopicPath>
{
    public TopicPathValidator()
    {
        RuleFor(p => p.Ns).Allow(Identifiers.IsTopicPart, Identifiers.TopicPartForm);
        RuleFor(p => p.Name).Allow(Identifiers.IsTopicPart, Identifiers.TopicPartForm);
    }
}

internal sealed class PlanPathValidator : AbstractValidator<PlanPath>
{
    public PlanPathValidator() => RuleFor(p => p.Id).Allow(Identifiers.IsPlan, Identifiers.PlanForm);
}

internal sealed class MovePathValidator : AbstractValidator<MovePath>
{
    public MovePathValidator() => RuleFor(p => p.Id).Allow(id => MoveRecord.TryParseId(id, out _, out _), Identifiers.MoveForm);
}

internal sealed class PlanFilterValidator : AbstractValidator<PlanFilter>
{
    public PlanFilterValidator() => RuleFor(f => f.Plan).Allow(p => p is null || Identifiers.IsPlan(p), Identifiers.PlanForm);
}

internal sealed class PageQueryValidator : AbstractValidator<PageQuery>
{
    public PageQueryValidator()
    {
        RuleFor(q => q.Offset).Offset();
        RuleFor(q => q.Limit).Limit();
    }
}

internal sealed class IdempotencyHeaderValidator : AbstractValidator<IdempotencyHeader>
{
    public IdempotencyHeaderValidator() => RuleFor(h => h.Keys)
        .Allow(keys => keys.Count == 0 || (keys.Count == 1 && keys[0] is { Length: <= 100 } key && !string.IsNullOrWhiteSpace(key)), "one key of 1 to 100 characters, or none")
        .OverridePropertyName(HttpNames.IdempotencyKey);
}

internal sealed class RebalanceRequestValidator : AbstractValidator<RebalanceRequest>
{
    public RebalanceRequestValidator()
    {
        RuleFor(r => r.Policy).Allow(p => p is null || ImbalancePolicy.Names.Contains(p), string.Join(", ", ImbalancePolicy.Names));
        RuleFor(r => r.MaxMoves).Allow(m => m is null or (>= 1 and <= 10_000), "1 to 10,000");
        RuleFor(r => r.Reason).Reason();
    }
}

internal sealed class PauseRequestValidator : AbstractValidator<PauseRequest>
{
    public PauseRequestValidator()
    {
        RuleFor(r => r.Minutes).Allow(m => m is null or (>= 1 and <= 10_080), "1 to 10,080, or none to pause until told");
        RuleFor(r => r.Reason).Reason();
    }
}

internal sealed class SwitchRequestValidator : AbstractValidator<SwitchRequest>
{
    public SwitchRequestValidator() => RuleFor(r => r.Reason).Reason();
}

internal sealed class ApproveRequestValidator : AbstractValidator<ApproveRequest>
{
    public ApproveRequestValidator()
    {
        RuleFor(r => r.Approver).Allow(a => a is { Length: >= 1 and <= 100 }, "1 to 100 characters");
        RuleFor(r => r.Hash).Allow(h => h is null || (h.Length == 64 && h.All(char.IsAsciiHexDigit)), "64 hexadecimal digits, or none to approve the plan as it is");
    }
}

internal sealed class MoveRequestValidator : AbstractValidator<MoveRequest>
{
    public MoveRequestValidator()
    {
        RuleFor(r => r.Topic).Allow(Identifiers.IsTopic, Identifiers.TopicForm);
        RuleFor(r => r.To).Allow(Identifiers.IsBroker, Identifiers.BrokerForm);
        RuleFor(r => r.Reason).Reason();
        RuleFor(r => r.Reason).ReasonOfForce().When(r => r.Force);
    }
}

internal sealed class DrainRequestValidator : AbstractValidator<DrainRequest>
{
    public DrainRequestValidator() => RuleFor(r => r.Reason).Reason();
}

internal sealed class RepairRequestValidator : AbstractValidator<RepairRequest>
{
    public RepairRequestValidator()
    {
        RuleFor(r => r.Reason).Reason();
        RuleFor(r => r.Reason).ReasonOfForce().When(r => r.Force);
    }
}

internal sealed class PinRequestValidator : AbstractValidator<PinRequest>
{
    public PinRequestValidator() => RuleFor(r => r.BrokerId).Allow(b => b is null || Identifiers.IsBroker(b), $"{Identifiers.BrokerForm}, or none to unpin");
}

/// <summary>Rules that several requests share.</summary>
internal static class CommonRules
{
    public static IRuleBuilderOptions<T, string?> Reason<T>(this IRuleBuilder<T, string?> rule) => rule.Allow(r => r is null or { Length: <= 500 }, "up to 500 characters");

    public static IRuleBuilderOptions<T, string?> ReasonOfForce<T>(this IRuleBuilder<T, string?> rule) =>
        rule.Allow(r => !string.IsNullOrWhiteSpace(r), "1 to 500 characters with force, for the record");
}
