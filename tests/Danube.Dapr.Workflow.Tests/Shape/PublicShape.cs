using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;

namespace Danube.Dapr.Workflow.Tests.Shape;

/// <summary>What is public of an assembly, one line for each type and member, in an order that does not change.</summary>
internal static class PublicShape
{
    private const BindingFlags Declared = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;
    private static readonly NullabilityInfoContext Nullability = new();

    public static IEnumerable<string> Of(Assembly assembly) =>
        assembly.GetExportedTypes().SelectMany(Lines).Order(StringComparer.Ordinal);

    private static IEnumerable<string> Lines(Type type)
    {
        string name = Name(type);
        yield return $"{name}: {Kind(type)}{Bases(type)}";
        if (type.IsEnum)
        {
            foreach (string value in Enum.GetNames(type))
                yield return $"{name}.{value} = {Convert.ToInt64(Enum.Parse(type, value), CultureInfo.InvariantCulture)}";
            yield break;
        }
        foreach (ConstructorInfo constructor in type.GetConstructors(Declared).Where(c => IsVisible(c) && !IsCopy(c)))
            yield return $"{name}.new({Parameters(constructor)})";
        foreach (PropertyInfo property in type.GetProperties(Declared).Where(p => p.Name != "EqualityContract" && p.GetAccessors(nonPublic: true).Any(IsVisible)))
            yield return $"{name}.{property.Name}: {Annotated(property.PropertyType, Nullability.Create(property))} {{{Accessor(property.GetMethod, " get;")}{Accessor(property.SetMethod, IsInit(property) ? " init;" : " set;")} }}";
        foreach (MethodInfo method in type.GetMethods(Declared).Where(m => IsVisible(m) && !IsGenerated(m)))
            yield return $"{name}.{method.Name}{Generics(method)}({Parameters(method)}): {Annotated(method.ReturnType, Nullability.Create(method.ReturnParameter))}";
    }

    private static bool IsCopy(ConstructorInfo constructor) => constructor.GetParameters() is [{ Name: "original" }];

    private static bool IsVisible(MethodBase method) => method.IsPublic || method.IsFamily || method.IsFamilyOrAssembly;

    // What the compiler makes for properties and records.
    private static bool IsGenerated(MethodInfo method) => (method.IsSpecialName && method.Name is not ("op_Implicit" or "op_Explicit")) || method.Name is "<Clone>$" or "Deconstruct" || method.IsDefined(typeof(CompilerGeneratedAttribute));

    private static bool IsInit(PropertyInfo property) => property.SetMethod is { } set && set.ReturnParameter.GetRequiredCustomModifiers().Any(static m => m.Name == nameof(IsExternalInit));

    private static string Accessor(MethodInfo? accessor, string text) => accessor is not null && IsVisible(accessor) ? text : "";

    private static string Kind(Type type) =>
        type.IsEnum ? "enum" : type.IsInterface ? "interface" : type.IsValueType ? "struct"
        : type.IsAbstract && type.IsSealed ? "static class" : type.IsAbstract ? "abstract class" : type.IsSealed ? "sealed class" : "class";

    private static string Bases(Type type)
    {
        if (type.IsEnum)
            return "";
        IEnumerable<Type> inherited = (type.BaseType?.GetInterfaces() ?? []).Concat(type.GetInterfaces().SelectMany(i => i.GetInterfaces()));
        IEnumerable<string> names = type.GetInterfaces().Except(inherited).Where(i => i.Name != "IEquatable`1").Select(Name).Order(StringComparer.Ordinal);
        if (type.BaseType is { } parent && parent != typeof(object) && parent != typeof(ValueType))
            names = names.Prepend(Name(parent));
        return string.Join(", ", names) is { Length: > 0 } list ? " " + list : "";
    }

    private static string Generics(MethodInfo method) => method.IsGenericMethod ? $"<{string.Join(", ", method.GetGenericArguments().Select(Constrained))}>" : "";

    private static string Constrained(Type parameter)
    {
        List<string> bounds = [.. parameter.GetGenericParameterConstraints().Where(c => c != typeof(ValueType)).Select(Name)];
        if (parameter.GenericParameterAttributes.HasFlag(GenericParameterAttributes.ReferenceTypeConstraint))
            bounds.Insert(0, "class");
        if (parameter.GenericParameterAttributes.HasFlag(GenericParameterAttributes.DefaultConstructorConstraint))
            bounds.Add("new()");
        return bounds.Count == 0 ? parameter.Name : $"{parameter.Name}: {string.Join(" & ", bounds)}";
    }

    private static string Parameters(MethodBase method) => string.Join(", ", method.GetParameters().Select(p =>
        $"{Annotated(p.ParameterType, Nullability.Create(p))} {p.Name}{(p.HasDefaultValue ? " = " + Default(p) : "")}"));

    private static string Default(ParameterInfo parameter) => parameter.DefaultValue switch
    {
        null => parameter.ParameterType.IsValueType && Nullable.GetUnderlyingType(parameter.ParameterType) is null ? "default" : "null",
        bool value => value ? "true" : "false",
        string value => $"\"{value}\"",
        var value => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };

    private static string Annotated(Type type, NullabilityInfo info)
    {
        string mark = info.ReadState == NullabilityState.Nullable && !type.IsValueType ? "?" : "";
        if (type.IsGenericType && !type.IsGenericTypeDefinition && Nullable.GetUnderlyingType(type) is null && info.GenericTypeArguments.Length > 0)
            return $"{Bare(type)}<{string.Join(", ", type.GetGenericArguments().Select((argument, i) => Annotated(argument, info.GenericTypeArguments[i])))}>{mark}";
        return Name(type) + mark;
    }

    private static string Name(Type type)
    {
        if (type.IsGenericParameter)
            return type.Name;
        if (Nullable.GetUnderlyingType(type) is { } underlying)
            return Name(underlying) + "?";
        if (type.IsArray)
            return Name(type.GetElementType()!) + "[]";
        return type.IsGenericType ? $"{Bare(type)}<{string.Join(", ", type.GetGenericArguments().Select(Name))}>" : Bare(type);
    }

    private static string Bare(Type type)
    {
        string name = type.Name.Split('`')[0];
        if (type.DeclaringType is { } outer)
            return $"{Bare(outer)}.{name}";
        return type.Namespace is { } space && space.Contains("Dapr.", StringComparison.Ordinal) ? $"{space.Replace("Danube.Dapr.", "Dapr.", StringComparison.Ordinal)}.{name}" : name;
    }
}
