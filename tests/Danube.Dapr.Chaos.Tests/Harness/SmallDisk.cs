using System.Diagnostics;

namespace Danube.Dapr.Chaos.Tests.Harness;

/// <summary>A disk of a few megabytes that one process sees, in a mount namespace of its own: it needs no rights, and is gone with the process.</summary>
internal static class SmallDisk
{
    private const string Mount = "mount -t tmpfs -o size=${0}m tmpfs \"$1\" && cd \"$1\" && shift && exec \"$@\"";

    /// <summary>True where a user may mount a disk in a namespace of their own: tried, not guessed.</summary>
    public static bool IsPossible { get; } = Try();

    /// <summary>The same process with the disk on <paramref name="folder"/>, which is its working directory.</summary>
    public static ProcessStartInfo Wrap(ProcessStartInfo start, string folder, int megabytes)
    {
        var wrapped = new ProcessStartInfo("unshare") { WorkingDirectory = folder };
        string[] arguments =
        [
            "--user", "--map-root-user", "--mount", "sh", "-c", Mount, FormattableString.Invariant($"{megabytes}"), folder, start.FileName, .. start.ArgumentList,
        ];
        foreach (var argument in arguments)
            wrapped.ArgumentList.Add(argument);
        foreach (var (name, value) in start.Environment)
            wrapped.Environment[name] = value;
        return wrapped;
    }

    /// <summary>A file of the disk, as seen from outside.</summary>
    public static string PathOf(int processId, string folder, string file) => FormattableString.Invariant($"/proc/{processId}/root{folder}/{file}");

    /// <summary>Writes until no byte is left.</summary>
    public static void Fill(string file)
    {
        using var stream = new FileStream(file, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
        foreach (var size in (int[])[65536, 4096, 1])
        {
            var chunk = new byte[size];
            try
            {
                while (true)
                    stream.Write(chunk);
            }
            catch (IOException)
            {
                // Nothing of this size fits any more.
            }
        }
    }

    private static bool Try()
    {
        var folder = Directory.CreateTempSubdirectory("small-disk-");
        try
        {
            var start = Wrap(new ProcessStartInfo("true"), folder.FullName, 1);
            start.RedirectStandardError = true;
            using var process = Process.Start(start)!;
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
        finally
        {
            folder.Delete();
        }
    }
}
