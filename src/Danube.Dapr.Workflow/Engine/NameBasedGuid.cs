using System.Security.Cryptography;
using System.Text;

namespace Danube.Dapr.Workflow.Engine;

/// <summary>Version 5 UUIDs (RFC 9562, 5.5): the same name gives the same id at each replay.</summary>
internal static class NameBasedGuid
{
    // The name space of this library's ids. A change would change the ids of running instances.
    private static readonly Guid Namespace = new("8f4c2a6e-5d0b-4f57-9a5e-3c1d7b6e2f90");

    public static Guid Create(string name)
    {
        Span<byte> input = new byte[16 + Encoding.UTF8.GetByteCount(name)];
        Namespace.TryWriteBytes(input, bigEndian: true, out _);
        Encoding.UTF8.GetBytes(name, input[16..]);

        Span<byte> hash = stackalloc byte[SHA1.HashSizeInBytes];
#pragma warning disable CA5350 // Version 5 is defined over SHA-1; nothing here rests on its strength.
        SHA1.HashData(input, hash);
#pragma warning restore CA5350
        hash[6] = (byte)((hash[6] & 0x0F) | 0x50);
        hash[8] = (byte)((hash[8] & 0x3F) | 0x80);
        return new Guid(hash[..16], bigEndian: true);
    }
}
