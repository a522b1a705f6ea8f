using FluentValidation;

namespace Danube.Dapr.ServiceDefaults;

/// <summary>Rules for what callers send. They say what is allowed; <see cref="RequestValidation"/> puts the field and the value before it.</summary>
public static class RequestRules
{
    /// <summary>Most items of a page.</summary>
    public const int MaxLimit = 1_000;

    /// <summary>Allows some values.</summary>
    /// <param name="rule">The rule.</param>
    /// <param name="isAllowed">True for a value that is allowed.</param>
    /// <param name="allowed">Which are, in words that go on after <c>allowed:</c>, without a full stop and without braces.</param>
    /// <typeparam name="T">The request.</typeparam>
    /// <typeparam name="TValue">The value.</typeparam>
    public static IRuleBuilderOptions<T, TValue> Allow<T, TValue>(this IRuleBuilder<T, TValue> rule, Func<TValue, bool> isAllowed, string allowed) =>
        rule.Must(isAllowed).WithMessage(allowed);

    /// <summary>Items of a list to pass over: 0 or more; none is 0.</summary>
    /// <param name="rule">The rule.</param>
    /// <typeparam name="T">The request.</typeparam>
    public static IRuleBuilderOptions<T, Asked<int>?> Offset<T>(this IRuleBuilder<T, Asked<int>?> rule) => rule.Allow(o => o is null or { Value: >= 0 }, "0 or more");

    /// <summary>Items of a page: 1 to <see cref="MaxLimit"/>, or none for the endpoint's default.</summary>
    /// <param name="rule">The rule.</param>
    /// <typeparam name="T">The request.</typeparam>
    public static IRuleBuilderOptions<T, Asked<int>?> Limit<T>(this IRuleBuilder<T, Asked<int>?> rule) => rule.Allow(l => l is null or { Value: >= 1 and <= MaxLimit }, "1 to 1,000");
}
