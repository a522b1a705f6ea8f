using System.Text.RegularExpressions;
using Danube.Dapr.Contracts;

namespace Danube.Dapr.Architecture.Tests;

/// <summary>Lists in the documents are the lists of the code, and links lead somewhere.</summary>
public sealed partial class DocumentTests
{
    [Fact]
    public void Reasons_Document_ExplainsEachAndNoOther()
    {
        var documented = ReasonRow().Matches(Repository.Read("docs/reasons.md")).Select(m => m.Groups[1].Value);
        Assert.Equal(Enum.GetNames<ReasonCode>(), documented);
    }

    [Fact]
    public void Markdown_RelativeLinks_LeadToFiles()
    {
        foreach (var file in Directory.EnumerateFiles(Repository.Root, "*.md").Concat(Repository.Files("docs", "*.md")))
        {
            foreach (var target in Link().Matches(File.ReadAllText(file)).Select(m => m.Groups[1].Value.Split('#')[0]))
            {
                if (target.Length > 0 && !target.Contains("://", StringComparison.Ordinal))
                    Assert.True(Path.Exists(Path.Combine(Path.GetDirectoryName(file)!, target)), $"{Repository.Relative(file)} links to {target}, which does not exist.");
            }
        }
    }

    [Fact]
    public void Workflow_TestsOfSurprises_AreThere()
    {
        var code = string.Concat(Repository.Files("tests/Danube.Dapr.Workflow.Tests", "*.cs").Select(File.ReadAllText));
        var named = TestName().Matches(Repository.Read("docs/workflow.md")).Select(m => m.Groups[1].Value).ToArray();
        Assert.NotEmpty(named);
        Assert.All(named, name => Assert.Contains($" {name}(", code, StringComparison.Ordinal));
    }

    [GeneratedRegex(@"`([A-Z][a-z]\w*_\w+_\w+)`")]
    private static partial Regex TestName();

    [GeneratedRegex(@"^\| `(\w+)` \|", RegexOptions.Multiline)]
    private static partial Regex ReasonRow();

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();
}
