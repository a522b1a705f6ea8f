namespace Danube.Dapr.Planning.Tests;

/// <summary>Where the files of these tests are: in the source tree, so that they can be read and updated in place.</summary>
internal static class TestFiles
{
    /// <summary>Root of the repository: the folder above this assembly that holds the solution (the compiler's own paths are rewritten in a deterministic build).</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>Folder of this test project.</summary>
    public static string Project { get; } = Path.Combine(Root, "tests", "Danube.Dapr.Planning.Tests");

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Danube.Dapr.sln")))
                return folder.FullName;
        }
        throw new InvalidOperationException("Danube.Dapr.sln was not found above the test.");
    }
}
