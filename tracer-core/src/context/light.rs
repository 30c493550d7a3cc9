//! A native span on which nothing is set yet: what every span has, and no buffer.
//!
//! Most spans of a deep tree end as they began, with a name and two times. Such a one is kept in the
//! slot as the head of its record, and its end writes head and name into the thread's ring. It takes
//! neither a `SpanContext` nor a recording of the pool, and leaves no copy of its name. It becomes a
//! span with a recording when somebody sets something on it, takes it out of the slot or ends it
//! before its guard.
//!
//! Only a provider whose spans nobody sees at their start has such ones, and only a parent without
//! `tracestate` has them as children: see [`Shared::is_plain`].
//!
//! Measured on a tree of ten: 1258 instructions and 117 ns a span with recordings, 559 and 43 ns like
//! this, of which two readings of the clock take 19.

use std::sync::Arc;

use opentelemetry::{
    SpanId, TraceId,
    trace::{SpanContext, TraceFlags, TraceState},
};

use crate::{
    clock::Anchor,
    fork,
    ids::{RANDOM, new_ids, new_span_id},
    local,
    provider::Shared,
    span::{Span, record::Head, recording::Recording},
};

/// What a child takes over from its parent.
#[derive(Clone, Copy)]
pub(super) struct Ids {
    trace_id: TraceId,
    /// Invalid where there is no parent.
    span_id: SpanId,
    flags: TraceFlags,
    is_remote: bool,
}

impl Ids {
    /// `None` for a parent with a `tracestate`, of which a child keeps a copy.
    #[inline]
    pub(super) fn of(parent: &SpanContext) -> Option<Self> {
        (*parent.trace_state() == TraceState::NONE).then(|| Self {
            trace_id: parent.trace_id(),
            span_id: if parent.is_valid() {
                parent.span_id()
            } else {
                SpanId::INVALID
            },
            flags: parent.trace_flags(),
            is_remote: parent.is_remote(),
        })
    }

    pub(super) fn span_context(&self) -> SpanContext {
        let Self {
            trace_id,
            span_id,
            flags,
            is_remote,
        } = *self;
        SpanContext::new(trace_id, span_id, flags, is_remote, TraceState::NONE)
    }
}

/// The span.
#[derive(Default)]
pub(super) struct Light {
    /// Complete but for the lengths and the end.
    head: Head,
    name: &'static str,
    anchor: Anchor,
    /// The process it was made in.
    born: u64,
}

impl Light {
    /// Starts a span, counted if it is sampled. Writes it in place, over an earlier one.
    #[inline(always)]
    pub(super) fn start(
        &mut self,
        shared: &Arc<Shared>,
        parent: Ids,
        name: &'static str,
        kind: u8,
        scope: impl FnOnce(&Shared) -> u32,
    ) {
        self.begin(shared, parent, name, kind, scope);
        if self.is_sampled() {
            local::count_start(shared);
        }
    }

    /// Starts a span that is to have more than a name, for whoever takes it.
    #[inline(always)]
    pub(super) fn start_span(
        shared: &Arc<Shared>,
        parent: Ids,
        name: &'static str,
        kind: u8,
        scope: impl FnOnce(&Shared) -> u32,
    ) -> Span {
        let mut light = Self::default();
        light.begin(shared, parent, name, kind, scope);
        if light.is_sampled() {
            light.recorded(local::start(shared))
        } else {
            Span::non_recording(|context| *context = light.span_context())
        }
    }

    /// The same without counting it.
    #[inline(always)]
    fn begin(
        &mut self,
        shared: &Arc<Shared>,
        parent: Ids,
        name: &'static str,
        kind: u8,
        scope: impl FnOnce(&Shared) -> u32,
    ) {
        let head = &mut self.head;
        if parent.span_id == SpanId::INVALID {
            (head.trace_id, head.span_id) = new_ids(None);
            head.flags = (RANDOM | TraceFlags::SAMPLED).to_u8();
        } else {
            head.trace_id = parent.trace_id;
            head.span_id = new_span_id();
            head.flags = parent.flags.to_u8();
        }
        if !self.is_sampled() {
            return;
        }
        let head = &mut self.head;
        head.kind = kind;
        head.scope = scope(shared);
        head.parent_span_id = parent.span_id;
        head.set_parent_is_remote(parent.is_remote);
        self.name = name;
        self.anchor = shared.clock.anchor();
        self.born = fork::generation();
        head.start_unix_nanos = self.anchor.wall(shared.clock.monotonic_nanos());
    }

    /// Starts nothing: keeps what is passed on from the parent, to be found by `parent`.
    #[inline]
    pub(super) fn pass_on(&mut self, parent: Ids) {
        let head = &mut self.head;
        head.trace_id = parent.trace_id;
        head.parent_span_id = parent.span_id;
        head.flags = parent.flags.to_u8();
        head.set_parent_is_remote(parent.is_remote);
    }

    #[inline]
    pub(super) fn parent_id(&self) -> SpanId {
        self.head.parent_span_id
    }

    /// The ids of the parent.
    #[inline]
    pub(super) fn parent(&self) -> Ids {
        Ids {
            span_id: self.head.parent_span_id,
            is_remote: self.head.parent_is_remote(),
            ..self.ids()
        }
    }

    /// Ends the span: hands it to the worker if it is sampled.
    #[inline(always)]
    pub(super) fn end(&mut self, shared: &Arc<Shared>) {
        if !self.is_sampled() {
            return;
        }
        if self.is_the_parents() {
            return shared.count_forked();
        }
        let end = self.anchor.wall(shared.clock.monotonic_nanos());
        self.head.end_unix_nanos = end.max(self.head.start_unix_nanos);
        if !local::end_bare(shared, &mut self.head, self.name) {
            // There is no ring here: it ends with this.
            drop(self.recording(shared));
        }
    }

    /// The same span with a recording. `None` for one that does not record, and for one of the
    /// parent process, which counts as ended here.
    #[cold]
    #[inline(never)]
    pub(super) fn recording(&self, shared: &Arc<Shared>) -> Option<Span> {
        if !self.is_sampled() {
            return None;
        }
        if self.is_the_parents() {
            shared.count_forked();
            return None;
        }
        Some(self.recorded(local::spare(shared)))
    }

    #[inline(always)]
    fn recorded(&self, mut recording: Box<Recording>) -> Span {
        *recording.context_mut() = self.span_context();
        recording.begin_with(self.head, self.name, self.anchor);
        Span::recording(recording)
    }

    pub(super) fn span_context(&self) -> SpanContext {
        self.ids().span_context()
    }

    #[inline]
    pub(super) fn span_id(&self) -> SpanId {
        self.head.span_id
    }

    /// What its children take over.
    #[inline]
    pub(super) fn ids(&self) -> Ids {
        Ids {
            trace_id: self.head.trace_id,
            span_id: self.head.span_id,
            flags: TraceFlags::new(self.head.flags),
            is_remote: false,
        }
    }

    #[inline]
    pub(super) fn is_sampled(&self) -> bool {
        self.head.flags & TraceFlags::SAMPLED.to_u8() != 0
    }

    #[inline]
    fn is_the_parents(&self) -> bool {
        self.born != fork::generation()
    }
}
