using System.Net;
using Danube.Dapr.WebConsole.Feed;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.HtmlRendering.Infrastructure;
using Microsoft.AspNetCore.Components.Rendering;
using Microsoft.AspNetCore.Components.RenderTree;
using Microsoft.AspNetCore.Components.Web;
using Microsoft.AspNetCore.Components.Web.HtmlRendering;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.JSInterop;
using MudBlazor;
using MudBlazor.Services;

#pragma warning disable BL0006 // The frames may change with the framework; this is the only place that reads them.

namespace Danube.Dapr.WebConsole.Tests;

/// <summary>Draws a page as in an open browser, so that it draws itself again and takes clicks.</summary>
internal sealed class Screen : StaticHtmlRenderer
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly ServiceProvider _services;
    private readonly HashSet<int> _components = [];
    private TaskCompletionSource _drawn = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private HtmlRootComponent _root;

    private Screen(ServiceProvider services) : base(services, NullLoggerFactory.Instance)
    {
        _services = services;
        ElementReferenceContext = new WebElementReferenceContext(services.GetRequiredService<IJSRuntime>());
    }

    protected override RendererInfo RendererInfo => new("Test", isInteractive: true);

    /// <summary>Opens a page.</summary>
    internal static async Task<Screen> ShowAsync<TPage>(Services services, DashboardFeed feed, TimeProvider clock, params (string Name, object Value)[] parameters) where TPage : IComponent
    {
        var provider = new ServiceCollection()
            .AddLogging()
            .AddMudServices()
            .AddSingleton<IJSRuntime, NoScripts>()
            .AddSingleton<NavigationManager, Address>()
            .AddSingleton(services)
            .AddSingleton(feed)
            .AddSingleton(clock)
            .BuildServiceProvider();
        var screen = new Screen(provider);
        RenderFragment page = builder =>
        {
            builder.OpenComponent<TPage>(0);
            foreach (var (name, value) in parameters)
                builder.AddComponentParameter(1, name, value);
            builder.CloseComponent();
        };
        await screen.Dispatcher.InvokeAsync(() =>
            screen._root = screen.BeginRenderingComponent(typeof(Frame), ParameterView.FromDictionary(new Dictionary<string, object?> { [nameof(Frame.Page)] = page })));
        return screen;
    }

    public new async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        await _services.DisposeAsync();
    }

    /// <summary>Waits until the page is like this.</summary>
    internal async Task<string> UntilAsync(Func<string, bool> like)
    {
        while (true)
        {
            var drawn = Volatile.Read(ref _drawn).Task;
            var page = WebUtility.HtmlDecode(await Dispatcher.InvokeAsync(() => _root.ToHtmlString()));
            if (like(page))
                return page;
            await drawn.WaitAsync(Patience);
        }
    }

    /// <summary>Clicks the button with this text once it is there and takes clicks.</summary>
    internal async Task ClickAsync(string text)
    {
        while (true)
        {
            var drawn = Volatile.Read(ref _drawn).Task;
            // What the click leads to may take as long as the test wants.
            if (await Dispatcher.InvokeAsync(() => Handler(text) is { } handler && DispatchEventAsync(handler, null, new MouseEventArgs()) is not null))
                return;
            await drawn.WaitAsync(Patience);
        }
    }

    protected override Task UpdateDisplayAsync(in RenderBatch renderBatch)
    {
        for (var i = 0; i < renderBatch.UpdatedComponents.Count; i++)
            _components.Add(renderBatch.UpdatedComponents.Array[i].ComponentId);
        for (var i = 0; i < renderBatch.DisposedComponentIDs.Count; i++)
            _components.Remove(renderBatch.DisposedComponentIDs.Array[i]);
        Interlocked.Exchange(ref _drawn, new(TaskCreationOptions.RunContinuationsAsynchronously)).SetResult();
        // Completed, not cancelled as for a page that is drawn once: components are told that they were drawn.
        return Task.CompletedTask;
    }

    private ulong? Handler(string text)
    {
        foreach (var id in _components)
        {
            var frames = GetCurrentRenderTreeFrames(id);
            for (var i = 0; i < frames.Count; i++)
            {
                if (frames.Array[i] is not { FrameType: RenderTreeFrameType.Element, ElementName: "button" } button)
                    continue;
                var inside = frames.Array.AsSpan(i + 1, button.ElementSubtreeLength - 1);
                if (Text(inside).Contains(text, StringComparison.Ordinal) && !Disabled(inside) && Click(inside) is { } handler)
                    return handler;
            }
        }

        return null;
    }

    private static string Text(ReadOnlySpan<RenderTreeFrame> frames)
    {
        var text = "";
        foreach (ref readonly var frame in frames)
            text += frame.FrameType switch { RenderTreeFrameType.Text => frame.TextContent, RenderTreeFrameType.Markup => frame.MarkupContent, _ => "" };
        return WebUtility.HtmlDecode(text);
    }

    private static bool Disabled(ReadOnlySpan<RenderTreeFrame> frames)
    {
        foreach (ref readonly var frame in frames)
        {
            if (frame is { FrameType: RenderTreeFrameType.Attribute, AttributeName: "disabled", AttributeValue: true })
                return true;
        }

        return false;
    }

    private static ulong? Click(ReadOnlySpan<RenderTreeFrame> frames)
    {
        foreach (ref readonly var frame in frames)
        {
            if (frame is { FrameType: RenderTreeFrameType.Attribute, AttributeName: "onclick", AttributeEventHandlerId: > 0 and var handler })
                return handler;
        }

        return null;
    }

    /// <summary>What the layout has around every page.</summary>
    private sealed class Frame : ComponentBase
    {
        [Parameter]
        public RenderFragment? Page { get; set; }

        protected override void BuildRenderTree(RenderTreeBuilder builder)
        {
            builder.OpenComponent<MudPopoverProvider>(0);
            builder.CloseComponent();
            builder.OpenComponent<MudDialogProvider>(1);
            builder.CloseComponent();
            builder.OpenComponent<MudSnackbarProvider>(2);
            builder.CloseComponent();
            builder.AddContent(3, Page);
        }
    }

    private sealed class NoScripts : IJSRuntime
    {
        public ValueTask<TValue> InvokeAsync<TValue>(string identifier, object?[]? args) => default;

        public ValueTask<TValue> InvokeAsync<TValue>(string identifier, CancellationToken cancellationToken, object?[]? args) => default;
    }

    private sealed class Address : NavigationManager
    {
        public Address() => Initialize("http://localhost/", "http://localhost/");

        protected override void NavigateToCore(string uri, NavigationOptions options)
        {
            // No page leads anywhere here.
        }
    }
}
