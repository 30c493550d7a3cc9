//! Span processors: user code that is called when a span starts, when it is about to end, and when
//! it has ended.

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

/// The maximum nesting of callbacks. A processor that ends a span inside a callback is called for
/// that span, and so on.
const MAX_DEPTH: usize = 8;

/// Callbacks for every recording span of a provider, on the thread that starts or ends the span.
///
/// Source: OpenTelemetry specification, trace/sdk.md "Span processor". Processors are called in the
/// order in which they were passed to
/// [`TracerProviderBuilder::processor`](crate::TracerProviderBuilder::processor). All `on_ending`
/// callbacks run before the first `on_end`. Then the span is queued for the exporters.
///
/// # Reentrancy
/// Inside a callback the provider records no new span, so that a processor does not trigger itself:
/// [`Tracer`](crate::Tracer)s return spans that carry their parent's context. A processor may own
/// spans that it ends inside a callback. The processors are called with these spans as with any
/// other. If that nests more than 8 deep, the span is [discarded](Span::discard). A processor may
/// flush its own provider, which then flushes only the exporters. It may also shut the provider
/// down, without waiting for the processors.
///
/// # Panics
/// If a callback panics, the panic is caught and counted in
/// [`Stats::processor_panics`](crate::Stats::processor_panics). The span continues.
///
/// # Forks
/// A forked child calls its own copy of the same processors for its own spans, but not for spans of
/// the parent. Threads, sockets and locks of a processor belong to the parent: a lock that another
/// thread held at the fork stays locked. A processor that has any of these must check whether its
/// process id has changed. `set_resource` is not called again. A shutdown of the child's provider
/// shuts down the child's copy.
///
/// # Cost
/// Callbacks run on the caller's path, so every start and end takes their time. Without a processor
/// there is only a branch.
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
    /// Receives the provider's resource. Called once, before all other methods.
    fn set_resource(&mut self, _resource: &Resource) {}

    /// Called when a span has started, with its first attributes. `parent` is the context in which
    /// it was started.
    ///
    /// Do not attach a context here. The API may be reading the current one and then panics; the
    /// rest of this callback is lost, and the panic is counted. To start a span under another
    /// context, pass that to
    /// [`start_with_context`](opentelemetry::trace::Tracer::start_with_context).
    fn on_start(&self, _span: &mut Span, _parent: &Context) {}

    /// Called when the span is about to end. The end time is already set, and the span can still be
    /// changed. No other code can change the span now, because the callback has the only reference.
    /// More events and links can be added, but recorded ones cannot be changed or removed.
    fn on_ending(&self, _span: &mut Span) {}

    /// Called when the span has ended, with its final contents. A span that is recorded but not
    /// sampled is passed to this callback and not exported; [`SpanRecord::trace_flags`] shows
    /// whether a span is sampled.
    fn on_end(&self, _span: &SpanRecord<'_>, _scope: &InstrumentationScope) {}

    /// Completes pending work. A flush of the provider calls this on a separate thread and waits
    /// for it, at most for `timeout`. There is one such thread. Flushes that come while a call is
    /// in progress wait for its end and share the next call.
    ///
    /// # Errors
    /// The provider's flush returns this error, unless it has an error of its own.
    fn force_flush(&self, _timeout: Duration) -> Result<(), FlushError> {
        Ok(())
    }

    /// Shuts the processor down, on the same thread as [`force_flush`](Self::force_flush). Called
    /// once, after any flush in progress. A callback that runs on another thread may return after
    /// this call.
    ///
    /// # Errors
    /// The provider's shutdown returns this error, unless it has an error of its own.
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

/// The callbacks in progress on this thread, each nested in the one before it. It has no
/// destructor, so it is accessible while a thread ends.
struct Callbacks {
    depth: Cell<usize>,
    /// The ids of the providers that called them, up to `depth`.
    providers: [Cell<u64>; MAX_DEPTH],
}

/// Returns whether the caller runs inside a callback of a processor, of any provider.
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

    /// Returns whether the caller runs inside a callback of this provider, or too deep in callbacks
    /// of other providers.
    #[inline]
    pub(crate) fn are_running(&self) -> bool {
        !self.list.is_empty() && self.is_inside()
    }

    // Not inlined: most starts have no processor, and larger inlined code would slow them.
    #[inline(never)]
    fn is_inside(&self) -> bool {
        CALLBACKS.with(|inside| {
            let depth = inside.depth.get();
            let mut providers = inside.providers.iter().take(depth);
            depth >= MAX_DEPTH || providers.any(|provider| provider.get() == self.provider)
        })
    }

    /// Returns whether no further nesting of callbacks is allowed.
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

    /// Calls a processor. If it panics, counts the panic and returns `None`.
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

/// A guard that marks the thread as inside a callback.
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
