using Danube.Dapr.Contracts;
using Danube.Dapr.Planning;
using Danube.Dapr.Rebalancer.Control;
using FluentValidation;

namespace Danube.Dapr.Rebalancer.Apis;

internal sealed class RebalanceRequestValidator : AbstractValidator<RebalanceRequest>
{
    public RebalanceRequestValidator()
    {
        RuleFor(r => r.Policy).Must(p => p is null || ImbalancePolicy.Names.Contains(p))
            .WithMessage(r => $"policy is '{r.Policy}', allowed: {string.Join(", ", ImbalancePolicy.Names)}.");
        RuleFor(r => r.MaxMoves).Must(m => m is null or (>= 1 and <= 10_000)).WithMessage(r => $"maxMoves is {r.MaxMoves}, allowed: 1 to 10,000.");
        RuleFor(r => r.Reason).Reason();
    }
}

internal sealed class PauseRequestValidator : AbstractValidator<PauseRequest>
{
    public PauseRequestValidator()
    {
        RuleFor(r => r.Minutes).Must(m => m is null or (>= 1 and <= 10_080)).WithMessage(r => $"minutes is {r.Minutes}, allowed: 1 to 10,080, or none to pause until told.");
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
        RuleFor(r => r.Approver).Must(a => a is { Length: >= 1 and <= 100 }).WithMessage("approver is missing or too long, allowed: 1 to 100 characters.");
        RuleFor(r => r.Hash).Must(h => h is null or { Length: 64 }).WithMessage("hash is not 64 hexadecimal digits; leave it out to approve the plan as it is.");
    }
}

internal sealed class MoveRequestValidator : AbstractValidator<MoveRequest>
{
    public MoveRequestValidator()
    {
        RuleFor(r => r.Topic).Must(TopicNames.IsValid).WithMessage(r => $"topic is '{r.Topic}', allowed: /namespace/topic of letters, digits, '_' and '-'.");
        RuleFor(r => r.To).BrokerId("to");
        RuleFor(r => r.Reason).Must((r, reason) => !r.Force || !string.IsNullOrWhiteSpace(reason)).WithMessage("reason is missing: force needs one, for the record.");
        RuleFor(r => r.Reason).Reason();
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
        RuleFor(r => r.Reason).Must((r, reason) => !r.Force || !string.IsNullOrWhiteSpace(reason)).WithMessage("reason is missing: force needs one, for the record.");
        RuleFor(r => r.Reason).Reason();
    }
}

internal sealed class PinRequestValidator : AbstractValidator<PinRequest>
{
    public PinRequestValidator() => RuleFor(r => r.BrokerId).Must(b => b is null || IsBrokerId(b)).WithMessage(r => $"brokerId is '{r.BrokerId}', allowed: a broker's decimal id, or none to unpin.");

    internal static bool IsBrokerId(string? id) => id is not null && ulong.TryParse(id, System.Globalization.NumberStyles.None, null, out _);
}

/// <summary>Rules that several requests share.</summary>
internal static class CommonRules
{
    public static IRuleBuilderOptions<T, string?> Reason<T>(this IRuleBuilder<T, string?> rule) =>
        rule.Must(r => r is null or { Length: <= 500 }).WithMessage("reason is too long, allowed: up to 500 characters.");

    public static IRuleBuilderOptions<T, string> BrokerId<T>(this IRuleBuilder<T, string> rule, string field) =>
        rule.Must(PinRequestValidator.IsBrokerId).WithMessage((_, id) => $"{field} is '{id}', allowed: a broker's decimal id.");
}
