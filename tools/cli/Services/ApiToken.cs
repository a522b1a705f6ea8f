namespace Danube.Dapr.Cli.Services;

/// <summary>The token that services (<c>APP_API_TOKEN</c>), or with <c>--via</c> the sidecar (<c>DAPR_API_TOKEN</c>), may ask for.</summary>
internal static class ApiToken
{
    /// <summary>Adds it to every call, when the environment has <c>DANUBE_LB_TOKEN</c> or, as on the machine of the services, <c>APP_API_TOKEN</c>.</summary>
    public static void AddTo(HttpClient http)
    {
        foreach (var name in (string[])["DANUBE_LB_TOKEN", "APP_API_TOKEN"])
        {
            if (Environment.GetEnvironmentVariable(name) is { Length: > 0 } token)
            {
                http.DefaultRequestHeaders.Add("dapr-api-token", token);
                return;
            }
        }
    }
}
