namespace Danube.Dapr.Workflow.Tests;

public sealed class RetryPolicyTests
{
    [Fact]
    public void Pause_AfterEachAttempt_GrowsUpToTheLongest()
    {
        var policy = new WorkflowRetryPolicy(10, TimeSpan.FromSeconds(2), 3, TimeSpan.FromSeconds(30));

        Assert.Equal([2, 6, 18, 30, 30], Enumerable.Range(1, 5).Select(attempt => policy.GetPauseAfter(attempt).TotalSeconds));
    }

    [Fact]
    public void Pause_WithoutABound_StaysADate() =>
        Assert.True(new WorkflowRetryPolicy(5000, TimeSpan.FromDays(1), 100, Timeout.InfiniteTimeSpan).GetPauseAfter(4999) <= TimeSpan.FromDays(40000));

    [Fact]
    public void LongestPause_ByDefault_IsAnHour()
    {
        Assert.Equal(TimeSpan.FromHours(1), new WorkflowRetryPolicy(2, TimeSpan.FromSeconds(1)).MaxRetryInterval);
        Assert.Equal(TimeSpan.FromHours(3), new WorkflowRetryPolicy(2, TimeSpan.FromHours(3)).MaxRetryInterval);
    }

    [Theory]
    [InlineData(0, 1, 1.0, 1, 1)]
    [InlineData(1, 0, 1.0, 1, 1)]
    [InlineData(1, 2, 0.9, 2, 2)]
    [InlineData(1, 2, double.NaN, 2, 2)]
    [InlineData(1, 2, 1.0, 1, 2)]
    [InlineData(1, 2, 1.0, 2, 1)]
    public void Policy_OutOfRange_IsRefused(int attempts, int first, double coefficient, int longest, int timeout) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new WorkflowRetryPolicy(
            attempts, TimeSpan.FromSeconds(first), coefficient, TimeSpan.FromSeconds(longest), TimeSpan.FromSeconds(timeout)));
}
