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

    [GeneratedRegex(@"^\| `(\w+)` \|", RegexOptions.Multiline)]
    private static partial Regex ReasonRow();

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();
}
