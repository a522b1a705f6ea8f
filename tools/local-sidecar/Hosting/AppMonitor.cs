using Danube.Dapr.LocalSidecar.Actors;
using Danube.Dapr.LocalSidecar.PubSub;
using Danube.Dapr.LocalSidecar.Tracing;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;

namespace Danube.Dapr.LocalSidecar.Hosting;

/// <summary>
/// Watches one instance of an app: reads its configuration and subscriptions when it comes up, and takes it out of service within about a
/// second when its port refuses or its health check fails.
/// </summary>
internal sealed partial class AppMonitor(AppInstance instance, Func<AppInstance, CancellationToken, Task> changed, Action<AppInstance> subscribe, TimeProvider time, ILogger logger)
{
    private static readonly TimeSpan WhileDown = TimeSpan.FromMilliseconds(100);

    // A port that refuses says it all. One that is silent may be that of a busy machine, and an app that counts as gone loses its timers.
    private const int SilencesUntilGone = 5;

    private int _silences;
    private int _failures;
    private bool _wasUp;
    private bool _isServed;
    private string? _problem;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                try
                {
                    await LookAsync(instance.Channel!, cancellationToken);
                }
                catch (Exception e) when (e is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
                {
                    Failed("port or health check cannot be used", e);
                }
                var pause = instance.IsReady ? instance.Options.HealthProbeInterval : WhileDown;
                await instance.Suspected.WaitAsync(pause, cancellationToken);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The sidecar stops.
        }
    }

    private async Task LookAsync(AppChannel channel, CancellationToken cancellationToken)
    {
        if (await IsHealthyAsync(channel, cancellationToken))
        {
            _failures = 0;
            if (!instance.IsReady) await BeginAsync(channel, cancellationToken);
        }
        else if (instance.IsReady && ++_failures >= instance.Options.HealthThreshold)
        {
            instance.IsReady = false;
        }
        if (instance.IsReady || !_isServed) return;
        instance.Leave();
        await changed(instance, cancellationToken);
        _isServed = false;
        IsGone(logger, instance.AppId, channel.BaseAddress);
    }

    private async Task BeginAsync(AppChannel channel, CancellationToken cancellationToken)
    {
        try
        {
            await ReadAppAsync(channel, cancellationToken);
            instance.IsReady = true;
            await changed(instance, cancellationToken);
        }
        catch (Exception e) when (e is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            // Whatever an app answers, it is asked again: it may be another one in a moment.
            instance.IsReady = false;
            Failed("configuration or subscriptions cannot be read", e);
            return;
        }
        instance.IsPlaced = true;
        if (_wasUp) IsBack(logger, instance.AppId, channel.BaseAddress);
        else IsUp(logger, instance.AppId, channel.BaseAddress);
        (_wasUp, _isServed, _problem) = (true, true, null);
    }

    // The next attempt follows in a moment: the same problem is told once.
    private void Failed(string what, Exception e)
    {
        var problem = $"{what}: {e.Message}";
        if (problem == _problem) return;
        _problem = problem;
        CannotServe(logger, instance.AppId, problem);
    }

    private async Task<bool> IsHealthyAsync(AppChannel channel, CancellationToken cancellationToken)
    {
        if (instance.Options.HealthCheckPath is not { } path)
        {
            var accepts = await channel.AcceptsAsync(instance.Options.HealthProbeTimeout, cancellationToken);
            _silences = accepts is null ? _silences + 1 : 0;
            return accepts ?? (instance.IsReady && _silences < SilencesUntilGone);
        }
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(instance.Options.HealthProbeTimeout);
        try
        {
            if (channel.Grpc is { } grpc)
            {
                await grpc.AskAsync(GrpcAppChannel.HealthCheck, new Empty(), limit.Token);
                return true;
            }
            using var request = channel.Request(HttpMethod.Get, path, TraceContext.None);
            using var response = await channel.AskAsync(request, limit.Token);
            return response.IsSuccessStatusCode;
        }
        catch (Exception e) when (e is HttpRequestException or RpcException or OperationCanceledException && !cancellationToken.IsCancellationRequested)
        {
            return false;
        }
    }

    // The order is daprd's: first the configuration, then the subscriptions, once each.
    private async Task ReadAppAsync(AppChannel channel, CancellationToken cancellationToken)
    {
        // daprd asks gRPC apps for no configuration: they have no actors.
        var config = channel.Grpc is null ? await AskAsync(channel, "/dapr/config", cancellationToken) : null;
        var actors = config is { Length: > 0 } ? ActorConfig.Parse(config) : ActorConfig.None;
        var subscriptions = new List<Subscription>(channel.Grpc is { } grpc ? await SubscriptionsAsync(grpc, cancellationToken)
            : Listed(await AskAsync(channel, "/dapr/subscribe", cancellationToken)));
        subscriptions.AddRange(instance.Components.DeclaredSubscriptions);
        instance.Subscriptions = subscriptions;
        subscribe(instance);
        instance.Actors = instance.Components.ActorStore is null ? ActorConfig.None : actors;
        if (instance.Components.ActorStore is null && actors.Types.Count > 0) NoActorStore(logger, instance.AppId);
    }

    // An app that fails to answer has not taken anything back.
    private IEnumerable<Subscription> Listed(byte[]? answer) =>
        answer is null ? instance.Subscriptions.Where(static s => s.Source == SubscriptionSource.Programmatic) : answer.Length == 0 ? [] : SubscriptionReader.Parse(answer);

    private static async Task<IReadOnlyList<Subscription>> SubscriptionsAsync(GrpcAppChannel grpc, CancellationToken cancellationToken)
    {
        try
        {
            return SubscriptionReader.Read(await grpc.AskAsync(GrpcAppChannel.ListTopicSubscriptions, new Empty(), cancellationToken));
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.Unimplemented)
        {
            return [];
        }
    }

    /// <returns>Empty when the app does not know the path, null when it refused again and again.</returns>
    private async Task<byte[]?> AskAsync(AppChannel channel, string path, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            using var request = channel.Request(HttpMethod.Get, path, TraceContext.None);
            request.Headers.TryAddWithoutValidation("Dapr-App-Id", instance.AppId);
            request.Content = AppChannel.Content([], "application/json");
            using var response = await channel.AskAsync(request, cancellationToken);
            if ((int)response.StatusCode == 200) return await response.Content.ReadAsByteArrayAsync(cancellationToken);
            if ((int)response.StatusCode == 404) return [];
            if (attempt > 3)
            {
                Refused(logger, instance.AppId, path, (int)response.StatusCode);
                return null;
            }
            await Task.Delay(TimeSpan.FromMilliseconds(500 * attempt), time, cancellationToken);
        }
    }

    [LoggerMessage(LogLevel.Information, "{appId}: the app is up at {address}")]
    private static partial void IsUp(ILogger logger, string appId, string address);

    [LoggerMessage(LogLevel.Information, "{appId}: the app is back at {address}")]
    private static partial void IsBack(ILogger logger, string appId, string address);

    [LoggerMessage(LogLevel.Warning, "{appId}: the app at {address} is gone")]
    private static partial void IsGone(ILogger logger, string appId, string address);

    [LoggerMessage(LogLevel.Error, "{appId}: the app's {problem}")]
    private static partial void CannotServe(ILogger logger, string appId, string problem);

    [LoggerMessage(LogLevel.Error, "{appId}: {path} answered {status}")]
    private static partial void Refused(ILogger logger, string appId, string path, int status);

    [LoggerMessage(LogLevel.Warning, "{appId}: the app has actors, but no state store is marked actorStateStore: they are not available")]
    private static partial void NoActorStore(ILogger logger, string appId);
}
