using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Danube.Dapr.ServiceDefaults;

/// <summary>
/// Dapr's app token: when <c>APP_API_TOKEN</c> is set, only requests that carry it in the header <c>dapr-api-token</c> are answered. The sidecar sends it with
/// every call; so does <c>danube-lb</c>. Health and metrics stay open: probes and Prometheus have no token.
/// </summary>
internal static class AppToken
{
    internal const string Key = "APP_API_TOKEN";

    private const string Header = "dapr-api-token";

    private static readonly string[] OpenPaths = ["/healthz", StoreExtensions.Path, "/metrics"];

    /// <summary>Adds the check when a token is configured.</summary>
    internal static void UseAppToken(this WebApplication app)
    {
        if (app.Configuration[Key] is not { Length: > 0 } token)
            return;
        var expected = Encoding.UTF8.GetBytes(token);
        app.Use(async (context, next) =>
        {
            if (OpenPaths.Contains(context.Request.Path.Value) || Matches(context.Request.Headers[Header].ToString(), expected))
                await next(context);
            else
                await ApiProblem.Of(StatusCodes.Status401Unauthorized, "unauthorized", $"The header {Header} is missing or not the value of {Key}.").ExecuteAsync(context);
        });
    }

    private static bool Matches(string given, byte[] expected) => CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(given), expected);
}
