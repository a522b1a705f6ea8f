using System.Text.RegularExpressions;

namespace Danube.Dapr.Architecture.Tests;

/// <summary>docs/configuration.md names every setting of every service.</summary>
public sealed partial class ConfigurationDocumentTests
{
    public static TheoryData<string> OptionFiles()
    {
        var data = new TheoryData<string>();
        foreach (var file in Repository.Files("services", "*Options.cs"))
            data.Add(Repository.Relative(file));
        return data;
    }

    [Theory]
    [MemberData(nameof(OptionFiles))]
    public void ConfigurationDocument_Settings_AreAllThere(string file)
    {
        var document = Repository.Read("docs/configuration.md");
        var names = Property().Matches(Repository.Read(file)).Select(m => m.Groups[1].Value).ToArray();
        Assert.NotEmpty(names);
        Assert.All(names, name => Assert.Matches($@"`[\w:]+:{name}`|`[\w:]+:{name}:", document));
    }

    [GeneratedRegex(@"^    public [\w<>?]+ (\w+) \{ get;", RegexOptions.Multiline)]
    private static partial Regex Property();
}
