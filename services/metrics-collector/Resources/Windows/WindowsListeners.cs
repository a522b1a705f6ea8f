using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Danube.Dapr.MetricsCollector.Resources.Windows;

/// <summary>Who listens on a TCP port, from the IP helper's tables.</summary>
internal static partial class WindowsListeners
{
    private const int OwnerPidListeners = 3;
    private const int InsufficientBuffer = 122;
    private static readonly TableLayout[] Layouts = [new(2, 24, 8, 20), new(23, 56, 20, 52)];

    public static int? ProcessOn(int port)
    {
        foreach (var layout in Layouts)
        {
            if (Find(Table(layout.Family), layout, port) is { } pid)
                return pid;
        }

        return null;
    }

    /// <summary>Finds a port in a table: the number of rows, then rows of one length.</summary>
    internal static int? Find(ReadOnlySpan<byte> table, TableLayout layout, int port)
    {
        if (table.Length < 4)
            return null;
        var rows = Math.Min(BinaryPrimitives.ReadInt32LittleEndian(table), (table.Length - 4) / layout.RowBytes);
        for (var i = 0; i < rows; i++)
        {
            var row = table.Slice(4 + (i * layout.RowBytes), layout.RowBytes);
            // A port is in network order in the first two of its four bytes.
            if (BinaryPrimitives.ReadUInt16BigEndian(row[layout.PortAt..]) == port)
                return BinaryPrimitives.ReadInt32LittleEndian(row[layout.PidAt..]);
        }

        return null;
    }

    private static byte[] Table(int family)
    {
        var size = 0;
        byte[] table = [];
        // The table can grow between asking for its size and reading it.
        for (var attempt = 0; attempt < 5; attempt++)
        {
            var result = GetExtendedTcpTable(table, ref size, false, family, OwnerPidListeners, 0);
            if (result == 0)
                return table;
            if (result != InsufficientBuffer)
                throw new ResourceUnreadableException($"GetExtendedTcpTable failed with error {result}");
            table = new byte[size];
        }

        throw new ResourceUnreadableException("GetExtendedTcpTable never found room for its table");
    }

    [LibraryImport("iphlpapi.dll")]
    private static partial int GetExtendedTcpTable([Out] byte[] table, ref int size, [MarshalAs(UnmanagedType.Bool)] bool order, int family, int kind, uint reserved);

    /// <summary>Where the fields of a row lie.</summary>
    /// <param name="Family">2 for IPv4, 23 for IPv6.</param>
    /// <param name="RowBytes">Length of a row.</param>
    /// <param name="PortAt">Offset of the local port.</param>
    /// <param name="PidAt">Offset of the process id.</param>
    internal sealed record TableLayout(int Family, int RowBytes, int PortAt, int PidAt);
}
