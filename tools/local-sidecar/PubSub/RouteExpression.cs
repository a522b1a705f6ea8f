using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Danube.Dapr.LocalSidecar.PubSub;

/// <summary>
/// The part of CEL that routing rules use: fields of <c>event</c> by dot or index, text, numbers, booleans, null and lists,
/// <c>== != &lt; &lt;= &gt; &gt;= in &amp;&amp; || !</c>, parentheses, <c>startsWith endsWith contains matches size has</c>.
/// A field that is missing makes the comparison false.
/// </summary>
internal sealed class RouteExpression
{
    private static readonly object Missing = new();
    private static readonly TimeSpan PatternTimeout = TimeSpan.FromMilliseconds(100);
    private readonly Func<JsonElement, object?> _evaluate;

    private RouteExpression(Func<JsonElement, object?> evaluate) => _evaluate = evaluate;

    /// <summary>Reads an expression; an empty one matches always and gives null.</summary>
    public static bool TryParse(string text, out RouteExpression? expression, out string problem)
    {
        (expression, problem) = (null, "");
        if (string.IsNullOrWhiteSpace(text)) return true;
        var parser = new Parser(text);
        try
        {
            expression = new RouteExpression(parser.Whole());
            return true;
        }
        catch (FormatException e)
        {
            problem = $"'{text}' cannot be used as a rule: {e.Message}";
            return false;
        }
    }

    /// <summary>Whether the rule holds for an event.</summary>
    public bool Matches(JsonElement cloudEvent) => _evaluate(cloudEvent) is true;

    private static object? FromJson(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.String => element.GetString(),
        JsonValueKind.Number => element.GetDouble(),
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.Null => null,
        JsonValueKind.Array => element.EnumerateArray().Select(FromJson).ToList(),
        JsonValueKind.Object => element,
        _ => Missing,
    };

    private static object? Field(object? value, object? key) => (value, key) switch
    {
        (JsonElement { ValueKind: JsonValueKind.Object } o, string name) => o.TryGetProperty(name, out var field) ? FromJson(field) : Missing,
        (List<object?> list, double index) when index >= 0 && index < list.Count => list[(int)index],
        _ => Missing,
    };

    private static bool Equal(object? a, object? b) => a != Missing && b != Missing && (a, b) switch
    {
        (JsonElement x, JsonElement y) => JsonElement.DeepEquals(x, y),
        (List<object?> x, List<object?> y) => x.Count == y.Count && x.Zip(y).All(static p => Equal(p.First, p.Second)),
        _ => Equals(a, b),
    };

    private static int? Compare(object? a, object? b) => (a, b) switch
    {
        (double x, double y) => x.CompareTo(y),
        (string x, string y) => string.CompareOrdinal(x, y),
        _ => null,
    };

    private sealed class Parser(string text)
    {
        private static readonly string[] Operators = ["==", "!=", "<=", ">=", "<", ">"];
        private readonly Dictionary<Func<JsonElement, object?>, string> _constants = [];
        private int _at;

        public Func<JsonElement, object?> Whole()
        {
            var whole = Or();
            Space();
            return _at == text.Length ? whole : throw new FormatException($"'{text[_at..]}' is not understood");
        }

        private Func<JsonElement, object?> Or()
        {
            var left = And();
            while (Take("||"))
            {
                var (a, b) = (left, And());
                left = e => a(e) is true || b(e) is true;
            }
            return left;
        }

        private Func<JsonElement, object?> And()
        {
            var left = Comparison();
            while (Take("&&"))
            {
                var (a, b) = (left, Comparison());
                left = e => a(e) is true && b(e) is true;
            }
            return left;
        }

        private Func<JsonElement, object?> Comparison()
        {
            var left = Unary();
            foreach (var operation in Operators)
            {
                if (!Take(operation)) continue;
                var right = Unary();
                return operation switch
                {
                    "==" => e => Equal(left(e), right(e)),
                    "!=" => e => left(e) is var a && right(e) is var b && a != Missing && b != Missing && !Equal(a, b),
                    "<" => e => Compare(left(e), right(e)) < 0,
                    "<=" => e => Compare(left(e), right(e)) <= 0,
                    ">" => e => Compare(left(e), right(e)) > 0,
                    _ => e => Compare(left(e), right(e)) >= 0,
                };
            }
            if (!TakeWord("in")) return left;
            var list = Unary();
            return e => left(e) is var item && list(e) switch
            {
                List<object?> items => items.Any(i => Equal(i, item)),
                JsonElement o => item is string name && o.TryGetProperty(name, out _),
                _ => false,
            };
        }

        private Func<JsonElement, object?> Unary()
        {
            Space();
            if (_at < text.Length && text[_at] == '!' && !text.AsSpan(_at).StartsWith("!="))
            {
                _at++;
                var inner = Unary();
                return e => inner(e) is bool value ? !value : Missing;
            }
            return Member(Primary());
        }

        private Func<JsonElement, object?> Member(Func<JsonElement, object?> value)
        {
            while (true)
            {
                var owner = value;
                if (Take("["))
                {
                    var key = Or();
                    Expect("]");
                    value = e => Field(owner(e), key(e));
                }
                else if (Take("."))
                {
                    var name = Word();
                    if (!Take("("))
                    {
                        value = e => Field(owner(e), name);
                        continue;
                    }
                    var argument = Take(")") ? null : Or();
                    if (argument is not null) Expect(")");
                    value = Call(name, owner, argument);
                }
                else
                {
                    return value;
                }
            }
        }

        private Func<JsonElement, object?> Call(string name, Func<JsonElement, object?> owner, Func<JsonElement, object?>? argument) => (name, argument) switch
        {
            ("startsWith", { } a) => e => owner(e) is string s && a(e) is string t && s.StartsWith(t, StringComparison.Ordinal),
            ("endsWith", { } a) => e => owner(e) is string s && a(e) is string t && s.EndsWith(t, StringComparison.Ordinal),
            ("contains", { } a) => e => owner(e) is string s && a(e) is string t && s.Contains(t, StringComparison.Ordinal),
            ("matches", { } a) when _constants.TryGetValue(a, out var text) => Matching(owner, text),
            ("matches", { } a) => e => owner(e) is string s && a(e) is string t && Regex.IsMatch(s, t, RegexOptions.CultureInvariant, PatternTimeout),
            ("size", null) => e => Size(owner(e)),
            _ => throw new FormatException($"the function '{name}' is not known"),
        };

        // A pattern that is no field of the event is tried now: a wrong one is to be refused with its rule.
        private static Func<JsonElement, object?> Matching(Func<JsonElement, object?> owner, string pattern)
        {
            try
            {
                var regex = new Regex(pattern, RegexOptions.CultureInvariant, PatternTimeout);
                return e => owner(e) is string s && regex.IsMatch(s);
            }
            catch (ArgumentException e)
            {
                throw new FormatException($"'{pattern}' is not a pattern: {e.Message}");
            }
        }

        private static object? Size(object? value) => value switch
        {
            string s => (double)s.Length,
            List<object?> list => (double)list.Count,
            JsonElement o => (double)o.EnumerateObject().Count(),
            _ => Missing,
        };

        private Func<JsonElement, object?> Primary()
        {
            Space();
            if (_at == text.Length) throw new FormatException("it ends too early");
            if (Take("("))
            {
                var inner = Or();
                Expect(")");
                return inner;
            }
            if (Take("["))
            {
                var items = new List<Func<JsonElement, object?>>();
                while (!Take("]"))
                {
                    if (items.Count > 0) Expect(",");
                    items.Add(Or());
                }
                return e => items.Select(i => i(e)).ToList();
            }
            var c = text[_at];
            if (c is '"' or '\'')
            {
                var constant = Quoted(c);
                Func<JsonElement, object?> value = _ => constant;
                _constants[value] = constant;
                return value;
            }
            if (char.IsAsciiDigit(c) || c == '-')
            {
                var number = Numeric();
                return _ => number;
            }
            var word = Word();
            switch (word)
            {
                case "true": return static _ => true;
                case "false": return static _ => false;
                case "null": return static _ => null;
                case "event": return static e => e;
                case "has" or "size" when Take("("):
                    var argument = Or();
                    Expect(")");
                    return word == "has" ? e => argument(e) != Missing : e => Size(argument(e));
                default: throw new FormatException($"'{word}' is not known; fields begin with 'event.'");
            }
        }

        private string Quoted(char quote)
        {
            var value = new StringBuilder();
            for (_at++; _at < text.Length; _at++)
            {
                var c = text[_at];
                if (c == quote)
                {
                    _at++;
                    return value.ToString();
                }
                if (c == '\\' && _at + 1 < text.Length)
                {
                    c = text[++_at];
                    c = c switch { 'n' => '\n', 't' => '\t', 'r' => '\r', _ => c };
                }
                value.Append(c);
            }
            throw new FormatException("a text is not closed");
        }

        private double Numeric()
        {
            var start = _at++;
            while (_at < text.Length && (char.IsAsciiDigit(text[_at]) || text[_at] == '.')) _at++;
            return double.TryParse(text.AsSpan(start, _at - start), NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
                ? number : throw new FormatException($"'{text[start.._at]}' is not a number");
        }

        private string Word()
        {
            Space();
            var start = _at;
            while (_at < text.Length && (char.IsAsciiLetterOrDigit(text[_at]) || text[_at] == '_')) _at++;
            return _at > start ? text[start.._at] : throw new FormatException($"'{text[start..]}' is not understood");
        }

        private bool Take(string symbol)
        {
            Space();
            if (!text.AsSpan(_at).StartsWith(symbol)) return false;
            _at += symbol.Length;
            return true;
        }

        private bool TakeWord(string word)
        {
            Space();
            var end = _at + word.Length;
            if (!text.AsSpan(_at).StartsWith(word) || (end < text.Length && char.IsAsciiLetterOrDigit(text[end]))) return false;
            _at = end;
            return true;
        }

        private void Expect(string symbol)
        {
            if (!Take(symbol)) throw new FormatException($"'{symbol}' is expected {(_at == text.Length ? "at the end" : $"before '{text[_at..]}'")}");
        }

        private void Space()
        {
            while (_at < text.Length && char.IsWhiteSpace(text[_at])) _at++;
        }
    }
}
