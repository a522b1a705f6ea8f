using System.Diagnostics;
using Danube.Dapr.LocalSidecar.Hosting;
using Danube.Dapr.LocalSidecar.Resiliency;
using Danube.Dapr.LocalSidecar.Tracing;
using Grpc.Core;

namespace Danube.Dapr.LocalSidecar.PubSub;

/// <summary>To an instance of the app, over the protocol it speaks. One that is not there is left out until it is back.</summary>
internal sealed class AppDelivery(AppGroup group, Tracer tracer, TimeProvider time) : IDelivery
{
    private static readonly TimeSpan WaitForApp = TimeSpan.FromMilliseconds(50);

    public async Task ReadyAsync(CancellationToken cancellationToken)
    {
        while (!group.HasReadyInstance) await Task.Delay(WaitForApp, time, cancellationToken);
    }

    public Task<DeliveryOutcome> SendAsync(OutgoingEvent outgoing, CancellationToken cancellationToken) => OnAppAsync(async (channel, token) =>
    {
        using var span = Start(outgoing.Subscription.Topic, outgoing.Trace);
        return channel.Grpc is { } grpc ? await GrpcDelivery.SendAsync(grpc, outgoing, span.Context, token) : await HttpDelivery.SendAsync(channel, outgoing, span.Context, token);
    }, DeliveryOutcome.Absent, cancellationToken);

    public Task<IReadOnlyDictionary<string, DeliveryOutcome>?> SendAsync(OutgoingBatch batch, CancellationToken cancellationToken) => OnAppAsync<IReadOnlyDictionary<string, DeliveryOutcome>?>(async (channel, token) =>
    {
        using var span = Start(batch.Subscription.Topic, batch.Trace);
        return channel.Grpc is { } grpc ? await GrpcDelivery.SendAsync(grpc, batch, span.Context, token) : await HttpDelivery.SendAsync(channel, batch, span.Context, token);
    }, null, cancellationToken);

    private Span Start(string topic, TraceContext trace) => trace.IsValid ? tracer.Start("pubsub/" + topic, trace, ActivityKind.Consumer) : default;

    private async Task<T> OnAppAsync<T>(Func<AppChannel, CancellationToken, Task<T>> send, T absent, CancellationToken cancellationToken)
    {
        if (group.Next() is not { Channel: { } channel } instance) return absent;
        // Taken before the look: an instance that leaves after it cancels this one.
        var gone = instance.Gone;
        if (!instance.IsReady) return absent;
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, gone);
        try
        {
            return await send(channel, either.Token);
        }
        catch (OperationCanceledException) when (gone.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            // It hung: another instance gets the event, or this one when it is back.
            return absent;
        }
        catch (Exception e) when (e is HttpRequestException or RpcException { StatusCode: StatusCode.Unavailable })
        {
            if (!AppChannel.WasRefused(e) && await channel.AcceptsAsync(TimeSpan.FromMilliseconds(500), cancellationToken) is not false)
            {
                if (e is RpcException rpc) throw new CallFailedException($"the app answered {rpc.Status.StatusCode}: {rpc.Status.Detail}");
                throw;
            }
            instance.Suspect();
            return absent;
        }
    }
}
