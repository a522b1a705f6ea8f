namespace Danube.Dapr.WebConsole.Feed;

/// <summary>What a page asks for itself. A later question has the say: the answer to an earlier one, perhaps about something else, is left out.</summary>
/// <typeparam name="T">What it asks for.</typeparam>
internal sealed class Question<T> where T : class
{
    private int _last;

    /// <summary>The last answer.</summary>
    internal Part<T> Answer { get; private set; } = new();

    /// <summary>True while an answer is awaited.</summary>
    internal bool Open { get; private set; }

    /// <summary>Asks.</summary>
    internal async Task AskAsync(Task<T> answer, TimeProvider clock)
    {
        var mine = ++_last;
        Open = true;
        var part = await Answer.ThenAsync(answer, clock);
        if (mine != _last)
            return;
        Answer = part;
        Open = false;
    }

    /// <summary>Forgets the answer, also one under way: the next question is about something else.</summary>
    internal void Forget()
    {
        _last++;
        Answer = new();
        Open = false;
    }
}
