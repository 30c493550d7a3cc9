//! The layer of `tracing-subscriber`.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use ::tracing::{
    Event, Subscriber,
    span::{Attributes, Id, Record},
};
use opentelemetry::{Context, trace::TraceContextExt as _};
use tracer_core::{DefaultTracer, Span, Tracer};
use tracing_subscriber::{
    Layer,
    layer::Context as LayerContext,
    registry::{LookupSpan, SpanRef},
};

use super::{
    duplicate_layer::DuplicateLayer,
    entered::{self, SpanKey},
    event, fields, metadata,
    span_state::{self, SpanState, set_fields},
    visitor::SpanVisitor,
};

/// The tracer of spans if the layer is given none.
static DEFAULT: DefaultTracer =
    DefaultTracer::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));

/// A layer of `tracing-subscriber` that makes OpenTelemetry spans of spans of `tracing`: see
/// [the module](super).
///
/// # Cost
/// A span takes one allocation, in the registry's extensions. Entering it takes two more, for
/// OpenTelemetry's `Context`. An event allocates nothing in a span of `tracing` or in a native one. The
/// span of a future or of another SDK is reached through `Context`, whose methods take owned attributes.
pub struct TracingLayer {
    tracer: Option<Tracer>,
    pub(super) options: Options,
    /// Distinguishes the spans of this layer from those of others on the same thread.
    id: u64,
    /// Whether another `TracingLayer` already has the spans of the registry.
    is_disabled: AtomicBool,
    duplicate_layer: DuplicateLayer,
}

/// The options of a layer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Options {
    pub(super) context_activation: bool,
    pub(super) error_events_to_exceptions: bool,
    pub(super) error_events_to_status: bool,
    pub(super) error_fields_to_exceptions: bool,
    pub(super) error_records_to_exceptions: bool,
    pub(super) level: bool,
    pub(super) location: bool,
    pub(super) target: bool,
    pub(super) threads: bool,
    pub(super) tracked_inactivity: bool,
}

/// The state of a span, in the span's extensions. It ends the span if the registry is dropped before the
/// span is closed.
pub(super) struct SpanExtension(pub(super) Arc<SpanState>);

impl Drop for SpanExtension {
    fn drop(&mut self) {
        if !self.0.is_closed() {
            self.0.close();
        }
    }
}

impl TracingLayer {
    pub(super) fn new(tracer: Option<Tracer>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self {
            tracer,
            options: Options {
                context_activation: true,
                error_events_to_exceptions: true,
                error_events_to_status: true,
                error_fields_to_exceptions: true,
                error_records_to_exceptions: true,
                level: false,
                location: false,
                target: false,
                threads: false,
                tracked_inactivity: false,
            },
            // Relaxed: only to be different.
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            is_disabled: AtomicBool::new(false),
            duplicate_layer: DuplicateLayer::default(),
        }
    }

    fn is_disabled(&self) -> bool {
        // Relaxed: set when the first span is made, which calls the layers one after the other.
        self.is_disabled.load(Ordering::Relaxed)
    }

    #[cold]
    fn disable(&self) {
        self.is_disabled.store(true, Ordering::Relaxed);
        ::tracing::warn!(
            target: "tracer_instrument",
            "a second layer on the same registry records nothing"
        );
    }

    fn key(&self, id: &Id) -> SpanKey {
        SpanKey::new(self.id, id)
    }

    fn start_deferred(&self, name: &str) -> Option<Span> {
        match &self.tracer {
            Some(tracer) => Some(tracer.start_deferred(name)),
            None => DEFAULT.start_deferred(name),
        }
    }

    /// Returns whether the current context is the parent of a new span.
    fn is_in_context(&self, attributes: &Attributes<'_>) -> bool {
        attributes.is_contextual() && self.options.context_activation
    }

    /// Returns the context of a new span's parent.
    fn parent<S>(&self, attributes: &Attributes<'_>, span: &SpanRef<'_, S>) -> Context
    where
        S: for<'a> LookupSpan<'a>,
    {
        if self.is_in_context(attributes) {
            // Entered spans are in the context, so it contains the newest one.
            return tracer_core::current_context();
        }
        let parent = match attributes.is_root() {
            true => None,
            false => nearest_recorded(span.parent()).and_then(|state| state.context()),
        };
        match parent {
            Some(parent) => parent,
            None if attributes.is_contextual() => tracer_core::current_context(),
            // Suppressed telemetry stays suppressed, with or without a parent.
            None if Context::is_current_telemetry_suppressed() => {
                Context::new().with_telemetry_suppressed()
            }
            None => Context::new(),
        }
    }

    /// Adds an event to the newest span if this layer did not make it. Otherwise returns the state of the
    /// newest span.
    #[cold]
    #[inline(never)]
    fn add_to_newest<S>(
        &self,
        event: &Event<'_>,
        context: &LayerContext<'_, S>,
    ) -> Option<Arc<SpanState>>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let (state, since) = entered::innermost(self.id)?;
        if let Some(newest) = since.newest_since()
            && !entered::is_of_another_layer(self.id, newest.span_context().span_id())
        {
            event::add(&newest, event, &self.options);
            return None;
        }
        match self.options.context_activation {
            true => state,
            false => nearest_recorded(context.lookup_current()),
        }
    }

    fn state<S>(&self, id: &Id, context: &LayerContext<'_, S>) -> Option<Arc<SpanState>>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        entered::take_recent(self.key(id)).or_else(|| find(id, context))
    }
}

/// Returns the state of a span, if the layer records the span.
fn find<S>(id: &Id, context: &LayerContext<'_, S>) -> Option<Arc<SpanState>>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    state_of(&context.span(id)?)
}

pub(super) fn state_of<S>(span: &SpanRef<'_, S>) -> Option<Arc<SpanState>>
where
    S: for<'a> LookupSpan<'a>,
{
    let extensions = span.extensions();
    Some(Arc::clone(&extensions.get::<SpanExtension>()?.0))
}

/// Returns the state of the span, or of its nearest ancestor that is recorded.
pub(super) fn nearest_recorded<'a, S>(span: Option<SpanRef<'a, S>>) -> Option<Arc<SpanState>>
where
    S: for<'b> LookupSpan<'b>,
{
    span?.scope().find_map(|span| state_of(&span))
}

impl<S> Layer<S> for TracingLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_layer(&mut self, _: &mut S) {
        self.duplicate_layer.check_layers_below::<S>();
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: LayerContext<'_, S>) {
        if span_state::is_in_callback() || self.is_disabled() {
            return;
        }
        let Some(span) = context.span(id) else { return };
        let metadata = attributes.metadata();
        let Some(mut deferred) = self.start_deferred(metadata.name()) else {
            return;
        };
        let mut has_status = false;
        metadata::describe(&mut deferred, metadata, &self.options);
        if !attributes.is_empty() {
            fields::with(|fields| {
                attributes.record(&mut SpanVisitor::new(fields, &mut deferred));
                if self.options.error_fields_to_exceptions {
                    fields.push_exception();
                }
                set_fields(&mut deferred, fields, &mut has_status);
            });
        }
        let parent = self.parent(attributes, &span);
        let mut state = entered::take_unused(self.is_in_context(attributes));
        let is_timed = self.options.tracked_inactivity;
        match Arc::get_mut(&mut state) {
            Some(state) => state.reset(deferred, parent, has_status, is_timed),
            None => {
                // A `Context` of an earlier span still refers to this state.
                let mut new = SpanState::default();
                new.reset(deferred, parent, has_status, is_timed);
                state = Arc::new(new);
            }
        }
        let mut extensions = span.extensions_mut();
        if extensions.get_mut::<SpanExtension>().is_some() {
            drop(extensions);
            return self.disable();
        }
        entered::set_recent(self.key(id), &state);
        extensions.insert(SpanExtension(state));
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: LayerContext<'_, S>) {
        if self.is_disabled() {
            return;
        }
        let Some(state) = find(id, &context) else {
            return;
        };
        fields::with(|fields| {
            values.record(&mut SpanVisitor::existing(fields));
            if self.options.error_fields_to_exceptions {
                fields.push_exception();
            }
            state.set_fields(fields);
        });
    }

    fn on_follows_from(&self, id: &Id, follows: &Id, context: LayerContext<'_, S>) {
        if self.is_disabled() {
            return;
        }
        let (Some(state), Some(follows)) = (find(id, &context), find(follows, &context)) else {
            return;
        };
        if let Some(followed) = follows.context() {
            let link = followed.span().span_context().clone();
            state.with(|span| {
                opentelemetry::trace::Span::add_link(span, link, Vec::new());
            });
        }
    }

    fn on_event(&self, event: &Event<'_>, context: LayerContext<'_, S>) {
        if self.is_disabled() {
            return;
        }
        let state = if event.is_contextual() {
            match entered::newest(self.id) {
                Some(state) if self.options.context_activation => Some(state),
                _ => self.add_to_newest(event, &context),
            }
        } else {
            // An explicit parent.
            let parent = event.parent();
            parent.and_then(|id| entered::recent(self.key(id)).or_else(|| find(id, &context)))
        };
        if let Some(state) = state {
            event::add(&*state, event, &self.options);
        }
    }

    fn on_enter(&self, id: &Id, context: LayerContext<'_, S>) {
        if self.is_disabled() {
            return;
        }
        if let Some(state) = self.state(id, &context) {
            let active = state.enter(self.options.context_activation);
            entered::push(self.key(id), state, active);
        }
    }

    fn on_exit(&self, id: &Id, context: LayerContext<'_, S>) {
        if self.is_disabled() {
            return;
        }
        let is_undecided = self.duplicate_layer.is_undecided();
        let has_other_context = is_undecided
            .then(|| entered::has_other_context(self.key(id)))
            .flatten();
        entered::pop(self.key(id), || find(id, &context), SpanState::exit);
        if let Some(has_other_context) = has_other_context {
            self.duplicate_layer.on_exit(has_other_context);
        }
    }

    fn on_close(&self, id: Id, context: LayerContext<'_, S>) {
        if self.is_disabled() {
            return;
        }
        if let Some(state) = self.state(&id, &context) {
            state.close();
            entered::recycle(state);
        }
    }
}

impl fmt::Debug for TracingLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TracingLayer")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
