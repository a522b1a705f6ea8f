namespace Danube.Dapr.Conformance.Tests;

/// <summary>One run of the suite, shared by the tests of a class; its sidecars start with the first test.</summary>
#pragma warning disable CA1001 // DisposeAsync below is that of IAsyncLifetime.
public abstract class SuiteFixture : IAsyncLifetime
#pragma warning restore CA1001
{
    private readonly Suite _suite;
    private readonly Lazy<Task> _start;

    private protected SuiteFixture(LabOptions options, IReadOnlyList<Behaviour>? behaviours = null)
    {
        _suite = new Suite(options);
        _start = new(async () =>
        {
            await _suite.StartAsync();
            _suite.StartWaiting(behaviours ?? Behaviours.All);
        });
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => _suite.DisposeAsync().AsTask();

    /// <summary>Tries one behaviour; fails with what was expected and seen.</summary>
    public async Task ShowsAsync(string behaviour)
    {
        await _start.Value;
        var result = await _suite.ResultOfAsync(Behaviours.All.Single(b => b.FullName == behaviour));
        Assert.True(result.Outcome == Outcome.Passed, $"{behaviour}{Environment.NewLine}expected {result.Expected}{Environment.NewLine}seen     {result.Seen}");
    }
}
