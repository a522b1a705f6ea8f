using System.Collections.Concurrent;
using System.Text;
using Danube.Dapr.LocalSidecar.Tests.Workflows;
using Danube.Dapr.TaskHub;
using Grpc.Core;
using Grpc.Net.Client;

namespace Danube.Dapr.LocalSidecar.Tests.Processes;

/// <summary>
/// Clients and an app of a sidecar that dies again and again. They go on over its deaths and write down what it acknowledged and what it asked
/// of the app, to be compared with what is there afterwards.
/// </summary>
internal sealed class Ledger : IAsyncDisposable
{
    private const int StepsPerWorkflow = 4;

    private static readonly string Output = string.Join(',', Enumerable.Range(0, StepsPerWorkflow));

    private readonly HttpClient _http;
    private readonly GrpcChannel _channel;
    private readonly TaskHubSidecarService.TaskHubSidecarServiceClient _hub;
    private readonly CancellationTokenSource _stop = new();
    private readonly CancellationTokenSource _stopWorker = new();
    private readonly List<Task> _clients = [];
    private readonly ConcurrentDictionary<(string Instance, int Step), int> _completed = new();
    private readonly ConcurrentDictionary<(string Instance, int Step), byte> _answered = new();
    private Task _worker = Task.CompletedTask;
    private volatile int _generation;

    public Ledger(HttpClient http, int grpcPort)
    {
        _http = http;
        _channel = GrpcChannel.ForAddress($"http://127.0.0.1:{grpcPort}");
        _hub = new TaskHubSidecarService.TaskHubSidecarServiceClient(_channel);
    }

    /// <summary>The last number that each writer got acknowledged.</summary>
    public ConcurrentDictionary<int, int> Writers { get; } = new();

    public ConcurrentDictionary<string, byte> Reminders { get; } = new();

    /// <summary>Instances whose start was acknowledged.</summary>
    public ConcurrentDictionary<string, byte> Started { get; } = new();

    public int FinishedWorkflows { get; private set; }

    /// <summary>What the worker waits for before it answers a step.</summary>
    public Func<Task> BeforeStep { get; set; } = static () => Task.CompletedTask;

    /// <summary>What must never happen.</summary>
    public ConcurrentQueue<string> Violations { get; } = new();

    /// <summary>The sidecar is dead; what comes from now on comes from the next one.</summary>
    public void NextSidecar() => _generation++;

    public void Begin(int writers, int reminders, int workflows)
    {
        _worker = Task.Run(WorkAsync);
        for (var i = 0; i < writers; i++) _clients.Add(WriteAsync(i));
        for (var i = 0; i < reminders; i++) _clients.Add(RemindAsync(i));
        for (var i = 0; i < workflows; i++) _clients.Add(RunWorkflowsAsync(i));
    }

    /// <summary>No new work; every workflow whose start was acknowledged comes to its end.</summary>
    public async Task FinishAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_clients).WaitAsync(TimeSpan.FromMinutes(2));
    }

    /// <summary>Whatever was written since: each workflow whose start was acknowledged is at its end.</summary>
    public async Task AssertWorkflowsEndedAsync()
    {
        foreach (var id in Started.Keys)
        {
            // A client that met the last death pauses before it connects again, however long the next sidecar is there.
            var found = await _hub.GetInstanceAsync(new GetInstanceRequest { InstanceId = id, GetInputsAndOutputs = true }, new CallOptions(deadline: DateTime.UtcNow.AddSeconds(120)).WithWaitForReady());
            Assert.True(found.Exists, $"{id} is gone");
            Assert.Equal((OrchestrationStatus.Completed, Output), (found.WorkflowState.WorkflowStatus, found.WorkflowState.Output));
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _stopWorker.CancelAsync();
        await Task.WhenAll([.. _clients, _worker]);
        _channel.Dispose();
        _stop.Dispose();
        _stopWorker.Dispose();
    }

    public async Task<string?> StateAsync(string key)
    {
        using var response = await _http.GetAsync(new Uri("/v1.0/state/statestore/" + key, UriKind.Relative));
        Assert.True(response.IsSuccessStatusCode, $"Reading {key} was answered {response.StatusCode}.");
        var text = await response.Content.ReadAsStringAsync();
        return text.Length == 0 ? null : text;
    }

    // The number and a row of its own in one transaction: the row is there exactly when the number is not smaller.
    private async Task WriteAsync(int writer)
    {
        for (var n = 1; !_stop.IsCancellationRequested; n++)
        {
            var body = $$"""{"operations":[{"operation":"upsert","request":{"key":"n{{writer}}","value":{{n}} } },{"operation":"upsert","request":{"key":"row{{writer}}-{{n}}","value":{{n}} } }]}""";
            // Nobody knows about a write whose answer did not come: the same one again does no harm.
            while (!_stop.IsCancellationRequested && !await SendAsync(HttpMethod.Post, "/v1.0/state/statestore/transaction", body)) { }
            if (!_stop.IsCancellationRequested) Writers[writer] = n;
        }
    }

    private async Task RemindAsync(int client)
    {
        for (var n = 0; !_stop.IsCancellationRequested; n++)
        {
            var name = $"r{client}-{n}";
            if (await SendAsync(HttpMethod.Post, $"/v1.0/actors/Counter/a{client}/reminders/{name}", $$"""{"dueTime":"{{50 + (n % 10 * 100)}}ms","data":"{{name}}"}""")) Reminders[name] = 0;
        }
    }

    private async Task RunWorkflowsAsync(int client)
    {
        for (var n = 0; !_stop.IsCancellationRequested; n++)
        {
            var id = $"w{client}-{n}";
            try
            {
                await _hub.StartInstanceAsync(new CreateInstanceRequest { InstanceId = id, Name = "Chain" }, deadline: DateTime.UtcNow.AddSeconds(30));
            }
            catch (RpcException)
            {
                // It may run or not; an id is not used twice.
                await Task.Delay(20);
                continue;
            }
            Started[id] = 0;
            var state = await CompletionAsync(id);
            FinishedWorkflows++;
            if (state?.Output != Output) Violations.Enqueue($"{id} ended as {state?.WorkflowStatus} with {state?.Output}, not {Output}");
        }
    }

    private async Task<WorkflowState?> CompletionAsync(string id)
    {
        while (!_stopWorker.IsCancellationRequested)
        {
            try
            {
                var found = await _hub.GetInstanceAsync(new GetInstanceRequest { InstanceId = id });
                if (!found.Exists)
                {
                    Violations.Enqueue($"{id} was acknowledged and is gone");
                    return null;
                }
                return (await _hub.WaitForInstanceCompletionAsync(new GetInstanceRequest { InstanceId = id, GetInputsAndOutputs = true }, deadline: DateTime.UtcNow.AddSeconds(120))).WorkflowState;
            }
            catch (RpcException e) when (e.StatusCode != StatusCode.DeadlineExceeded)
            {
                await Task.Delay(20);
            }
        }
        return null;
    }

    private async Task<bool> SendAsync(HttpMethod method, string path, string body)
    {
        try
        {
            using var request = new HttpRequestMessage(method, new Uri(path, UriKind.Relative)) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
            using var response = await _http.SendAsync(request);
            if (response.IsSuccessStatusCode) return true;
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
        {
            // It is dead, or it died before it answered.
        }
        await Task.Delay(20);
        return false;
    }

    private async Task WorkAsync()
    {
        while (!_stopWorker.IsCancellationRequested)
        {
            var generation = _generation;
            try
            {
                using var call = _hub.GetWorkItems(new GetWorkItemsRequest(), cancellationToken: _stopWorker.Token);
                await foreach (var item in call.ResponseStream.ReadAllAsync()) _ = Task.Run(() => AnswerAsync(item, generation));
            }
            catch (RpcException)
            {
                await Task.Delay(20);
            }
        }
    }

    private async Task AnswerAsync(WorkItem item, int generation)
    {
        try
        {
            if (item.WorkflowRequest is { } turn)
            {
                var response = Chain(turn);
                response.InstanceId = turn.InstanceId;
                response.CompletionToken = item.CompletionToken;
                await _hub.CompleteWorkflowTaskAsync(response);
                return;
            }
            var (request, instance, step) = (item.ActivityRequest, item.ActivityRequest.WorkflowInstance.InstanceId, item.ActivityRequest.TaskId);
            if (_completed.TryGetValue((instance, step), out var before) && before < generation) Violations.Enqueue($"step {step} of {instance} was acknowledged and ran again");
            if (step > 0 && !_answered.ContainsKey((instance, step - 1))) Violations.Enqueue($"step {step} of {instance} ran before step {step - 1}");
            if (request.Input != string.Join(',', Enumerable.Range(0, step + 1))) Violations.Enqueue($"step {step} of {instance} has the input {request.Input}");
            await BeforeStep();
            _answered[(instance, step)] = 0;
            await _hub.CompleteActivityTaskAsync(new ActivityResponse { InstanceId = instance, TaskId = step, Result = request.Input, CompletionToken = item.CompletionToken });
            _completed[(instance, step)] = _generation;
        }
        catch (RpcException)
        {
            // Died before it answered, or another delivery was answered first.
        }
    }

    private static WorkflowResponse Chain(WorkflowRequest turn)
    {
        var next = turn.All().Count(static e => e.TaskCompleted is not null);
        if (turn.All().Any(e => e.TaskScheduled is not null && e.EventId == next)) return Scripts.Answer();
        if (next == StepsPerWorkflow) return Scripts.Complete(next, turn.Result(next - 1)!);
        return Scripts.Schedule((next, "Step", next == 0 ? "0" : $"{turn.Result(next - 1)},{next}"));
    }
}
