using System.Reflection;
using System.Text.Json.Serialization.Metadata;

namespace Danube.Dapr.Contracts;

/// <summary>
/// Generated metadata fills every <c>init</c> member that the JSON leaves out with zero or null, whatever the record states as its default. This makes records be created as
/// C# does and sets only the members that are there.
/// </summary>
internal static class InitDefaults
{
    /// <summary>Changes the metadata of one type; records with constructor parameters keep the defaults of those already.</summary>
    public static void Keep(JsonTypeInfo info)
    {
        if (info.Kind != JsonTypeInfoKind.Object || info.CreateObject is not null || info.Type.GetConstructor(Type.EmptyTypes) is not { } constructor) return;
        var create = ConstructorInvoker.Create(constructor);
        info.CreateObject = () => create.Invoke();
        foreach (var member in info.Properties)
        {
            var property = member.AttributeProvider as PropertyInfo
                ?? info.Type.GetProperty(member.Name, BindingFlags.Public | BindingFlags.Instance | BindingFlags.IgnoreCase);
            if (property?.SetMethod is not { } method) continue;
            var set = MethodInvoker.Create(method);
            member.Set = (target, value) => set.Invoke(target, value);
        }
    }
}
