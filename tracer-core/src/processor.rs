//! Span processors: code of the application that is called when a span starts, when it is about to
//! end, and when it has ended.

mod flusher;

use std::{
    cell::Cell,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use opentelemetry::{Context, InstrumentationScope};
use opentelemetry_sdk::Resource;

pub(crate) use self::flusher::{ProcessorFlush, ProcessorFlusher};
use crate::{
    error::FlushError, fork::PerProcess, panic_guard::catch_panic, pipeline::control::Request,
    record::SpanRecord, span::Span,
};

/// How deep callbacks may nest: a processor that ends a span inside a callback is called for that
/// span, and so on.
const MAX_DEPTH: usize = 8;

/// Sees every recording span of a provider, on the thread that starts or ends it.
///
/// Source: OpenTelemetry specification, trace/sdk.md "Span processor". Processors are called in
/// the order in which they were given to
/// [`TracerProviderBuilder::processor`](crate::TracerProviderBuilder::processor), all with
/// `on_ending` before the first with `on_end`. Then the span goes to the exporters.
///
/// # Reentrancy
/// Inside a callback the provider records no new span: [`Tracer`](crate::Tracer)s give spans that
/// carry their parent's context, so that a processor cannot feed itself. A span of its own that a
/// processor ends inside a callback is shown to the processors like any other; where that nests
/// more than 8 deep, it is [discarded](Span::discard). A processor may flush its own provider,
/// which flushes the exporters only, and shut it down, without waiting for the processors.
///
/// # Panics
/// A callback that panics is abandoned and counted in
/// [`Stats::processor_panics`](crate::Stats::processor_panics); the span goes its way.
///
/// # Forks
/// A forked child calls the same processors, on its own copy of them, for its own spans; those of
/// the parent are not shown there. Threads, sockets and locks that a processor has are the
/// parent's: a lock that another thread held at the fork stays locked. One that keeps such things
/// must notice that its process id has changed. `set_resource` is not called again; a shutdown of
/// the child's provider closes the child's copy.
///
/// # Cost
/// Callbacks are on the caller's path: what they take, every start and end takes. Without a
/// processor there is one branch.
///
/// # Examples
/// ```
/// use opentelemetry::{Context, KeyValue, baggage::BaggageExt as _, trace::Span as _};
/// use tracer_core::{Span, SpanProcessor, TracerProvider};
///
/// #[derive(Debug)]
/// struct Tenant;
///
/// impl SpanProcessor for Tenant {
///     fn on_start(&self, span: &mut Span, parent: &Context) {
///         if let Some(tenant) = parent.baggage().get("tenant") {
///             span.set_attribute(KeyValue::new("tenant", tenant.clone()));
///         }
///     }
///
///     fn on_ending(&self, span: &mut Span) {
///         if span.record().is_some_and(|record| record.name() == "GET /health") {
///             span.discard();
///         }
///     }
/// }
///
/// let provider = TracerProvider::builder().processor(Tenant).build()?;
/// # Ok::<(), tracer_core::ConfigError>(())
/// ```
pub trait SpanProcessor: fmt::Debug + Send + Sync + 'static {
    /// Called once, before everything else, with the provider's resource.
    fn set_resource(&mut self, _resource: &Resource) {}

    /// A span has started, with its first attributes. `parent` is the context that it was started
    /// in. Must not attach a context: the API may be reading the current one, panics then, and the
    /// rest of this callback is lost and counted. To start a span under another context, give it
    /// to [`start_with_context`](opentelemetry::trace::Tracer::start_with_context).
    fn on_start(&self, _span: &mut Span, _parent: &Context) {}

    /// The span is about to end: its end time is set, and it can still be changed. Nobody else can
    /// change it now, because the callback holds it. Events and links that are recorded stay as
    /// they are: more can be added, none can be changed or taken away.
    fn on_ending(&self, _span: &mut Span) {}

    /// The span has ended, with these contents. A span that is recorded and not sampled comes here
    /// too and goes no further, as [`SpanRecord::trace_flags`] says.
    fn on_end(&self, _span: &SpanRecord<'_>, _scope: &InstrumentationScope) {}

    /// Completes what the processor holds back. Called on a thread of its own by a flush of the
    /// provider, which waits for it no longer than `timeout`. There is one such thread: flushes
    /// that come while it is under way wait for its end and share the next call.
    ///
    /// # Errors
    /// Whatever error is returned becomes that of the provider's flush, unless that has one.
    fn force_flush(&self, _timeout: Duration) -> Result<(), FlushError> {
        Ok(())
    }

    /// Closes the processor, as [`force_flush`](Self::force_flush) is called. Called once, after
    /// whatever flush is under way; a callback that is under way on another thread may end after it.
    ///
    /// # Errors
    /// As for a flush.
    fn shutdown(&self, _timeout: Duration) -> Result<(), FlushError> {
        Ok(())
    }
}

/// The processors of a provider.
#[derive(Debug)]
pub(crate) struct Processors {
    /// The id of the provider.
    provider: u64,
    list: Vec<Box<dyn SpanProcessor>>,
    panics: AtomicU64,
    flusher: PerProcess<ProcessorFlusher>,
}

thread_local! {
    static CALLBACKS: Callbacks = const {
        Callbacks {
            depth: Cell::new(0),
            providers: [const { Cell::new(0) }; MAX_DEPTH],
        }
    };
}

/// The callbacks that are under way on this thread, each inside the one before it. Has nothing to
/// drop, so it is there while a thread ends.
struct Callbacks {
    depth: Cell<usize>,
    /// Whose they are, as far as the depth goes.
    providers: [Cell<u64>; MAX_DEPTH],
}

/// Whether the caller runs inside a callback of a processor, of any provider.
pub(crate) fn is_inside_callback() -> bool {
    CALLBACKS.with(|inside| inside.depth.get() > 0)
}

impl Processors {
    pub(crate) fn new(provider: u64, list: Vec<Box<dyn SpanProcessor>>) -> Self {
        Self {
            provider,
            list,
            panics: AtomicU64::new(0),
            flusher: PerProcess::new(ProcessorFlusher::default()),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether this is inside a callback of this provider, or too deep inside those of others.
    #[inline]
    pub(crate) fn are_running(&self) -> bool {
        !self.list.is_empty() && self.is_inside()
    }

    // Apart: most starts have no processor, and pay for the size of what is inlined.
    #[inline(never)]
    fn is_inside(&self) -> bool {
        CALLBACKS.with(|inside| {
            let depth = inside.depth.get();
            let mut providers = inside.providers.iter().take(depth);
            depth >= MAX_DEPTH || providers.any(|provider| provider.get() == self.provider)
        })
    }

    /// Whether no callback may nest any deeper.
    pub(crate) fn are_too_deep(&self) -> bool {
        CALLBACKS.with(|inside| inside.depth.get() >= MAX_DEPTH)
    }

    pub(crate) fn panics(&self) -> u64 {
        // Relaxed: a statistic.
        self.panics.load(Ordering::Relaxed)
    }

    #[cold]
    pub(crate) fn on_start(&self, span: &mut Span, parent: &Context) {
        for processor in &self.list {
            self.call(|| processor.on_start(span, parent));
        }
    }

    pub(crate) fn on_ending(&self, span: &mut Span) {
        for processor in &self.list {
            self.call(|| processor.on_ending(span));
        }
    }

    pub(crate) fn on_end(&self, span: &SpanRecord<'_>, scope: &InstrumentationScope) {
        for processor in &self.list {
            self.call(|| processor.on_end(span, scope));
        }
    }

    /// Calls a processor. Counts a panic and returns `None` then.
    fn call<T>(&self, callback: impl FnOnce() -> T) -> Option<T> {
        let _inside = Inside::enter(self.provider);
        let result = catch_panic(callback);
        if result.is_none() {
            // Relaxed: a statistic.
            self.panics.fetch_add(1, Ordering::Relaxed);
        }
        result
    }

    /// Resets the counter in a forked child, because its value belongs to the parent.
    pub(crate) fn reset_panics(&self) {
        // Relaxed: a statistic.
        self.panics.store(0, Ordering::Relaxed);
    }

    /// Returns the flusher of this process.
    pub(crate) fn flusher(&self) -> Arc<ProcessorFlusher> {
        self.flusher.get(|_| ProcessorFlusher::default())
    }

    /// Flushes or shuts down every processor, one after the other.
    pub(crate) fn close_out(&self, request: Request, deadline: Instant) -> Result<(), FlushError> {
        let mut result = Ok(());
        for processor in &self.list {
            let left = deadline.saturating_duration_since(Instant::now());
            let own = self.call(|| match request {
                Request::Flush => processor.force_flush(left),
                Request::Shutdown => processor.shutdown(left),
            });
            result = result.and(own.unwrap_or(Err(FlushError::Processor)));
        }
        result
    }
}

/// Marks the thread as inside a callback.
struct Inside;

impl Inside {
    fn enter(provider: u64) -> Self {
        CALLBACKS.with(|inside| {
            let depth = inside.depth.get();
            if let Some(place) = inside.providers.get(depth) {
                place.set(provider);
            }
            inside.depth.set(depth + 1);
        });
        Self
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        CALLBACKS.with(|inside| inside.depth.set(inside.depth.get() - 1));
    }
}
