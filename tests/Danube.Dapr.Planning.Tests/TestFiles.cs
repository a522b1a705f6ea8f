using System.Runtime.CompilerServices;

namespace Danube.Dapr.Planning.Tests;

/// <summary>Where the files of these tests are: in the source tree, so that they can be read and updated in place.</summary>
internal static class TestFiles
{
    /// <summary>Folder of this test project.</summary>
    public static string Project { get; } = Path.GetDirectoryName(Here())!;

    /// <summary>Root of the repository.</summary>
    public static string Root { get; } = Path.GetFullPath(Path.Combine(Project, "..", ".."));

    private static string Here([CallerFilePath] string path = "") => path;
}
