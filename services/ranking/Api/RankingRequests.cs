using Danube.Dapr.Contracts;
using Danube.Dapr.ServiceDefaults;
using FluentValidation;

namespace Danube.Dapr.Ranking.Api;

/// <summary>A topic at the end of a path.</summary>
internal sealed record TopicPath(string Name = "")
{
    public string Topic => Identifiers.TopicOfPath(Name);
}

internal sealed class TopicPathValidator : AbstractValidator<TopicPath>
{
    public TopicPathValidator() => RuleFor(p => p.Name).Allow(n => Identifiers.IsTopic(Identifiers.TopicOfPath(n)), Identifiers.TopicForm);
}

internal sealed class TopicQueryValidator : AbstractValidator<TopicQuery>
{
    public TopicQueryValidator()
    {
        RuleFor(q => q.Offset).Offset();
        RuleFor(q => q.Limit).Limit();
        RuleFor(q => q.Broker).Allow(b => b is null or "" || Identifiers.IsBroker(b), $"{Identifiers.BrokerForm}, or nothing for topics without owner");
        RuleFor(q => q.Namespace).Allow(n => n is null || Identifiers.IsTopicPart(n.Trim('/')), $"a namespace of {Identifiers.TopicPartForm}");
        RuleFor(q => q.Sort).Allow(s => s is null || TopicQuery.Sorts.Contains(s), string.Join(", ", TopicQuery.Sorts));
    }
}
