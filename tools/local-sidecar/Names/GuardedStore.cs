using Danube.Dapr.LocalSidecar.State;

namespace Danube.Dapr.LocalSidecar.Names;

/// <summary>Another process may have what this one wanted to write for.</summary>
internal sealed class LostPlaceException() : IOException("the actor or workflow belongs to another sidecar now");

/// <summary>
/// An actor state store that several processes share. Who takes over from a process that is gone first bars it here, so that a write of one that was
/// only asleep is refused by the store itself, however late it comes.
/// </summary>
internal sealed class GuardedStore(IStateStore store, Membership members) : IStateStore
{
    // Longer than a process sleeps that then goes on without a look at the clock.
    private static readonly TimeSpan BarredFor = TimeSpan.FromHours(1);

    public Task<StateEntry?> GetAsync(string key, CancellationToken cancellationToken) => store.GetAsync(key, cancellationToken);

    public Task<IReadOnlyList<StateEntry>> ListAsync(string prefix, CancellationToken cancellationToken) => store.ListAsync(prefix, cancellationToken);

    /// <exception cref="LostPlaceException">This process is barred, or must take itself to be.</exception>
    public async Task ApplyAsync(IReadOnlyList<StateOperation> operations, CancellationToken cancellationToken)
    {
        if (operations.Count == 0) return;
        var bar = Key(members.Registration);
        if (members.IsFenced) throw new LostPlaceException();
        try
        {
            await store.ApplyAsync([.. operations, new StateOperation(bar, null, FirstWrite: true, CheckOnly: true)], cancellationToken);
        }
        catch (ETagMismatchException e) when (e.Key == bar)
        {
            throw new LostPlaceException();
        }
    }

    /// <summary>Refuses all writes of a member that is gone.</summary>
    public static Task BarAsync(IStateStore store, string registration) => store.ApplyAsync([new StateOperation(Key(registration), "\"gone\""u8.ToArray(), TimeToLive: BarredFor)], CancellationToken.None);

    // The store itself belongs to its component.
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private static string Key(string registration) => "||gone||" + registration;
}
