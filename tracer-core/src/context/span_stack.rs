//! The stack of the spans that are entered on a thread, and access to it.

use std::{
    cell::{Cell, RefCell},
    sync::Arc,
};

use opentelemetry::{
    Context, SpanId,
    trace::{SpanContext, TraceContextExt as _},
};

use super::{
    entry::{Activation, Entry, EntryKey, EntryKind, MAX_ENTRIES},
    lazy::Ids,
    providers::{KnownProvider, ProviderIndex, ProviderRef, Providers},
    shared_span::SharedSpan,
};
use crate::{panic_guard::catch_panic, provider_core::ProviderCore};

thread_local! {
    static STACK: RefCell<SpanStack> = RefCell::new(SpanStack::new());
    /// The length of the stack. It has nothing to drop, so tracers may read it at any time.
    static LEN: Cell<usize> = const { Cell::new(0) };
}

/// Returns whether a span is entered on this thread.
#[inline]
pub(crate) fn is_in_use() -> bool {
    LEN.get() > 0
}

/// Calls `work` with the stack of this thread.
///
/// Returns `None` while the thread is being torn down. Also returns `None` to user code that is
/// dropped with a provider, because the stack is borrowed then.
#[inline(always)]
pub(super) fn with<T>(work: impl FnOnce(&mut SpanStack) -> Option<T>) -> Option<T> {
    STACK
        .try_with(|stack| work(&mut *stack.try_borrow_mut().ok()?))
        .ok()
        .flatten()
}

/// Returns the provider of new traces. It also applies to spans whose parent the caller chooses.
pub(crate) fn default_provider() -> Option<ProviderRef> {
    with(|stack| {
        let provider = stack.providers.for_roots()?;
        stack.providers.get(provider).cloned()
    })
}

/// The number of spare shared spans that a thread keeps, of about 150 bytes each.
const SPARE_SHARED: usize = 32;

/// The entered spans of one thread, the innermost last, and the providers of new spans.
pub(super) struct SpanStack {
    /// The entries below `len` are the stack. The others are kept and filled in place, which takes
    /// a third of the time of moving an entry into a `Vec`.
    pub(super) entries: Vec<Entry>,
    /// Invariant: at most `entries.len()`.
    pub(super) len: usize,
    /// The serial number of the latest entry.
    serial: u64,
    pub(super) providers: Providers,
    /// Shared spans that have ended. New spans reuse their memory.
    pub(super) spare: Vec<Arc<SharedSpan>>,
}

/// The state of a thread where a span is entered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EntryPoint {
    /// The provider of the span, if it is known.
    pub(super) provider: Option<ProviderIndex>,
    /// The active span of the current `Context`.
    pub(super) active_before: SpanId,
}

impl EntryPoint {
    /// Looks up the state for a span of this provider.
    pub(super) fn of(stack: &mut SpanStack, provider: Option<&Arc<ProviderCore>>) -> Self {
        let is_unused = stack.len == 0;
        Self {
            provider: provider.map(|provider| stack.providers.index_of(provider, is_unused)),
            active_before: SpanId::INVALID,
        }
        .with_active_span()
    }

    /// Looks the active span of the current `Context` up again.
    #[inline(always)]
    pub(super) fn with_active_span(mut self) -> Self {
        self.active_before =
            Context::map_current(|context| context.span().span_context().span_id());
        self
    }
}

impl SpanStack {
    pub(super) fn new() -> Self {
        // Creates the API's thread local before ours, so that it is dropped after ours. Then
        // `Context` may be read as long as there is a stack. This panics if the API's local is gone
        // already.
        catch_panic(|| Context::map_current(|_| ()));
        Self {
            entries: Vec::new(),
            len: 0,
            serial: 0,
            providers: Providers::default(),
            spare: Vec::new(),
        }
    }

    /// Returns the key of the innermost native span.
    pub(super) fn latest(&self) -> Option<EntryKey> {
        self.entries.get(self.len.checked_sub(1)?)?.key
    }

    /// Returns the innermost native span, if it is newer than the active span of the current
    /// `Context`.
    #[inline]
    pub(super) fn newest_entry(&self, context: &Context) -> Option<&Entry> {
        let entry = self.entries.get(self.len.checked_sub(1)?)?;
        let active = context.span().span_context().span_id();
        (active == entry.active_before || entry.is_newer_than(context)).then_some(entry)
    }

    /// Returns the context of the newest entry, if it is valid and not already active in `context`.
    pub(super) fn newest(&self, context: &Context) -> Option<SpanContext> {
        let span = self.newest_entry(context)?.span_context()?;
        let active = context.span().span_context().span_id();
        (span.is_valid() && span.span_id() != active).then_some(span)
    }

    /// Returns the provider of a new child of the current span.
    pub(super) fn provider(&mut self, context: &Context) -> Option<ProviderIndex> {
        let native = self.newest_entry(context).and_then(|entry| entry.provider);
        native.or_else(|| self.providers.for_roots())
    }

    /// Looks up everything that a new span needs, in one pass over the thread's state.
    ///
    /// Returns `None` if telemetry is suppressed or the parent has a `tracestate`. Also returns
    /// `None` if the provider is not `suitable` for a span that starts without a `SpanContext`.
    #[inline(always)]
    pub(super) fn look_up(
        &mut self,
        context: &Context,
        suitable: impl FnOnce(&KnownProvider) -> bool,
    ) -> Option<(Ids, EntryPoint)> {
        if context.is_telemetry_suppressed() {
            return None;
        }
        let active = context.span();
        let active = active.span_context();
        let (parent, provider) = match self.newest_entry(context) {
            Some(entry) => (entry.ids(active)?, entry.provider),
            None => (Ids::of(active)?, None),
        };
        let provider = provider.or_else(|| self.providers.for_roots());
        let is_suitable = match provider {
            Some(provider) => suitable(self.providers.get(provider)?),
            None => true,
        };
        is_suitable.then(|| {
            let active_before = active.span_id();
            (
                parent,
                EntryPoint {
                    provider,
                    active_before,
                },
            )
        })
    }

    /// Pushes an empty entry, which the caller fills.
    #[inline(always)]
    pub(super) fn push(&mut self, point: EntryPoint) -> Option<(EntryKey, &mut Entry, &Providers)> {
        let at = self.len;
        if at >= self.entries.len() {
            return self.push_new(point);
        }
        let entry = self.entries.get_mut(at)?;
        self.serial = self.serial.wrapping_add(1);
        let key = EntryKey::new(at, self.serial);
        self.len += 1;
        LEN.set(self.len);
        entry.provider = point.provider;
        entry.active_before = point.active_before;
        entry.key = Some(key);
        Some((key, entry, &self.providers))
    }

    /// Pushes an entry if none is spare. Returns `None` beyond 8 million open spans.
    #[cold]
    #[inline(never)]
    fn push_new(&mut self, point: EntryPoint) -> Option<(EntryKey, &mut Entry, &Providers)> {
        if self.entries.len() >= MAX_ENTRIES {
            return None;
        }
        self.entries.push(Entry::default());
        self.push(point)
    }

    /// Removes the empty entries above the last one that holds something.
    #[inline(always)]
    pub(super) fn shrink(&mut self) {
        while let Some(last) = self.len.checked_sub(1)
            && matches!(self.entries.get(last), Some(entry) if matches!(entry.kind, EntryKind::Empty))
        {
            self.len = last;
        }
        LEN.set(self.len);
    }

    #[inline]
    pub(super) fn get_mut(&mut self, key: EntryKey) -> Option<&mut Entry> {
        let entry = self.entries.get_mut(key.position())?;
        (entry.key == Some(key)).then_some(entry)
    }

    /// Returns the content of the entry with this key. A lazy span gets its recording first.
    #[inline]
    pub(super) fn materialized(&mut self, key: EntryKey) -> Option<&mut EntryKind> {
        let entry = self.entries.get_mut(key.position())?;
        if entry.key != Some(key) {
            return None;
        }
        if let EntryKind::Lazy = entry.kind {
            entry.materialize(&self.providers.get(entry.provider?)?.core);
        }
        Some(&mut entry.kind)
    }

    /// Keeps the memory of a shared span that has ended.
    pub(super) fn keep(&mut self, shared: Arc<SharedSpan>) {
        if self.spare.len() < SPARE_SHARED {
            self.spare.push(shared);
        }
    }
}

/// Ends the spans whose guards were leaked.
impl Drop for SpanStack {
    fn drop(&mut self) {
        LEN.set(0);
        self.entries.truncate(self.len);
        for entry in &mut self.entries {
            if let (EntryKind::Lazy, Some(provider)) = (&entry.kind, entry.provider)
                && let Some(provider) = self.providers.get(provider)
            {
                entry.materialize(&provider.core);
            }
        }
        // The innermost span first. Each one is dropped by itself, so that a panic does not affect
        // the others.
        while let Some(Entry { kind, active, .. }) = self.entries.pop() {
            if let Some(Activation { attached, span }) = active {
                catch_panic(|| drop(attached));
                // Another `Context` may still share the span.
                catch_panic(|| drop(span.and_then(|span| span.take())));
            }
            catch_panic(|| drop(kind));
        }
    }
}
