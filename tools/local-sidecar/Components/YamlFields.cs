using System.Globalization;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Danube.Dapr.LocalSidecar.Components;

/// <summary>A mapping of a YAML file that knows where it stands, so that every complaint can name file and field.</summary>
internal sealed class YamlFields(string file, string path, YamlMappingNode node)
{
    public string File { get; } = file;

    public string Path { get; } = path;

    /// <summary>The documents of a file, each a mapping; empty documents are left out.</summary>
    public static IEnumerable<YamlFields> Documents(string file, string text)
    {
        var stream = new YamlStream();
        try
        {
            stream.Load(new StringReader(text));
        }
        catch (YamlException e)
        {
            throw new ResourceException(file, $"line {e.Start.Line}", e.InnerException?.Message ?? e.Message);
        }
        foreach (var document in stream.Documents)
        {
            if (document.RootNode is YamlMappingNode mapping) yield return new YamlFields(file, "", mapping);
            else if (document.RootNode is not YamlScalarNode { Value: null or "" }) throw new ResourceException(file, $"line {document.RootNode.Start.Line}", "a mapping is expected");
        }
    }

    public ResourceException Wrong(string field, string problem) => new(File, At(field), problem);

    public string? Text(string field) => Find(field) switch
    {
        null => null,
        YamlScalarNode { Value: var value } => value,
        _ => throw Wrong(field, "a single value is expected"),
    };

    public string RequiredText(string field) => Text(field) is { Length: > 0 } text ? text : throw Wrong(field, "is missing");

    public bool? Boolean(string field) => Text(field) switch
    {
        null or "" => null,
        var text when bool.TryParse(text, out var value) => value,
        var text => throw Wrong(field, $"'{text}' is neither true nor false"),
    };

    public int? Integer(string field) => Text(field) switch
    {
        null or "" => null,
        var text when int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) => value,
        var text => throw Wrong(field, $"'{text}' is not a whole number"),
    };

    public double? Number(string field) => Text(field) switch
    {
        null or "" => null,
        var text when double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) => value,
        var text => throw Wrong(field, $"'{text}' is not a number"),
    };

    public TimeSpan? Duration(string field) => Text(field) switch
    {
        null or "" => null,
        var text when Scheduling.Durations.TryParseGo(text, out var value) => value,
        var text => throw Wrong(field, $"'{text}' is not a duration such as 500ms, 5s or 1h30m"),
    };

    public YamlFields? Mapping(string field) => Find(field) switch
    {
        null or YamlScalarNode { Value: null or "" } => null,
        YamlMappingNode mapping => new YamlFields(File, At(field), mapping),
        _ => throw Wrong(field, "a mapping is expected"),
    };

    public YamlFields RequiredMapping(string field) => Mapping(field) ?? throw Wrong(field, "is missing");

    public IReadOnlyList<YamlFields> Mappings(string field) =>
        [.. Items(field).Select((item, i) => item as YamlMappingNode is { } mapping ? new YamlFields(File, $"{At(field)}[{i}]", mapping) : throw Wrong($"{field}[{i}]", "a mapping is expected"))];

    public IReadOnlyList<string> Texts(string field) =>
        [.. Items(field).Select((item, i) => item is YamlScalarNode { Value: { Length: > 0 } text } ? text : throw Wrong($"{field}[{i}]", "a single value is expected"))];

    /// <summary>The keys of this mapping with their single values.</summary>
    public IReadOnlyDictionary<string, string> TextMap(string field)
    {
        var map = new Dictionary<string, string>(StringComparer.Ordinal);
        if (Mapping(field) is { } fields)
            foreach (var name in fields.Names) map[name] = fields.Text(name) ?? "";
        return map;
    }

    public IEnumerable<string> Names => node.Children.Keys.OfType<YamlScalarNode>().Select(static k => k.Value ?? "");

    private IEnumerable<YamlNode> Items(string field) => Find(field) switch
    {
        null or YamlScalarNode { Value: null or "" } => [],
        YamlSequenceNode sequence => sequence.Children,
        _ => throw Wrong(field, "a list is expected"),
    };

    private YamlNode? Find(string field) => node.Children.TryGetValue(new YamlScalarNode(field), out var value) ? value : null;

    /// <summary>A field's place in the file.</summary>
    public string At(string field) => Path.Length == 0 ? field : Path + "." + field;
}
