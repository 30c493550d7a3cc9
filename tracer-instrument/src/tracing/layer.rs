//! The layer.

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
    beside::Beside,
    entered::{self, Key},
    event, fields, metadata,
    node::{self, Node, describe},
    visit::OfSpan,
};

/// Where spans begin if no tracer is given.
static DEFAULT: DefaultTracer =
    DefaultTracer::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));

/// A layer of `tracing-subscriber` that makes OpenTelemetry spans of spans of `tracing`: see
/// [the module](super).
///
/// # Cost
/// One allocation a span, of the registry's extensions; two more, of OpenTelemetry's `Context`, once
/// the span is entered. An event takes none, in a span of `tracing` and in a native one. The span of a
/// future, or of another SDK, is reached through `Context`, whose interface takes owned attributes.
pub struct TracingLayer {
    tracer: Option<Tracer>,
    pub(super) options: Options,
    /// Tells the spans of this layer from those of others on the same thread.
    id: u64,
    /// Another layer of ours has the spans of the registry: this one keeps out.
    is_second: AtomicBool,
    beside: Beside,
}

/// What is recorded, and how.
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

/// The node of a span, in its extensions. Ends the span if its registry goes before it is closed.
pub(super) struct Handle(pub(super) Arc<Node>);

impl Drop for Handle {
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
            is_second: AtomicBool::new(false),
            beside: Beside::default(),
        }
    }

    fn is_second(&self) -> bool {
        // Relaxed: set by whoever makes the first span, whose layers are called one after the other.
        self.is_second.load(Ordering::Relaxed)
    }

    #[cold]
    fn keep_out(&self) {
        self.is_second.store(true, Ordering::Relaxed);
        ::tracing::warn!(
            target: "tracer_instrument",
            "a second layer on the same registry records nothing"
        );
    }

    fn key(&self, id: &Id) -> Key {
        Key::new(self.id, id)
    }

    fn draft(&self, name: &str) -> Option<Span> {
        match &self.tracer {
            Some(tracer) => Some(tracer.start_deferred(name)),
            None => DEFAULT.start_deferred(name),
        }
    }

    /// Whether a new span is a child of the current context, whatever is in it.
    fn is_in_context(&self, attributes: &Attributes<'_>) -> bool {
        attributes.is_contextual() && self.options.context_activation
    }

    /// What a new span is a child of.
    fn parent<S>(&self, attributes: &Attributes<'_>, span: &SpanRef<'_, S>) -> Context
    where
        S: for<'a> LookupSpan<'a>,
    {
        if self.is_in_context(attributes) {
            // Spans that are entered are in the context, so that is where the newest one is.
            return tracer_core::current_context();
        }
        let parent = match attributes.is_root() {
            true => None,
            false => nearest(span.parent()).and_then(|node| node.context()),
        };
        match parent {
            Some(parent) => parent,
            None if attributes.is_contextual() => tracer_core::current_context(),
            // What is not to be traced is not, parent or no parent.
            None if Context::is_current_telemetry_suppressed() => {
                Context::new().with_telemetry_suppressed()
            }
            None => Context::new(),
        }
    }

    /// Adds an event to the newest span if that is not one of this layer; else returns its node.
    #[cold]
    #[inline(never)]
    fn add_to_newest<S>(
        &self,
        event: &Event<'_>,
        context: &LayerContext<'_, S>,
    ) -> Option<Arc<Node>>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let (node, since) = entered::innermost(self.id)?;
        if let Some(newest) = since.newest_since()
            && !entered::is_of_another(self.id, newest.span_context().span_id())
        {
            event::add(&newest, event, &self.options);
            return None;
        }
        match self.options.context_activation {
            true => node,
            false => nearest(context.lookup_current()),
        }
    }

    fn node<S>(&self, id: &Id, context: &LayerContext<'_, S>) -> Option<Arc<Node>>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        entered::take_recent(self.key(id)).or_else(|| find(id, context))
    }
}

/// The node of a span, if the layer records it.
fn find<S>(id: &Id, context: &LayerContext<'_, S>) -> Option<Arc<Node>>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    of(&context.span(id)?)
}

pub(super) fn of<S>(span: &SpanRef<'_, S>) -> Option<Arc<Node>>
where
    S: for<'a> LookupSpan<'a>,
{
    let extensions = span.extensions();
    Some(Arc::clone(&extensions.get::<Handle>()?.0))
}

/// The node of the span, or of the nearest of its ancestors that is recorded.
pub(super) fn nearest<'a, S>(span: Option<SpanRef<'a, S>>) -> Option<Arc<Node>>
where
    S: for<'b> LookupSpan<'b>,
{
    span?.scope().find_map(|span| of(&span))
}

impl<S> Layer<S> for TracingLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_layer(&mut self, _: &mut S) {
        self.beside.look_below::<S>();
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: LayerContext<'_, S>) {
        if node::is_asking() || self.is_second() {
            return;
        }
        let Some(span) = context.span(id) else { return };
        let metadata = attributes.metadata();
        let Some(mut draft) = self.draft(metadata.name()) else {
            return;
        };
        let mut has_status = false;
        metadata::describe(&mut draft, metadata, &self.options);
        if !attributes.is_empty() {
            fields::with(|fields| {
                attributes.record(&mut OfSpan::new(fields, &mut draft));
                if self.options.error_fields_to_exceptions {
                    fields.push_exception();
                }
                describe(&mut draft, fields, &mut has_status);
            });
        }
        let parent = self.parent(attributes, &span);
        let mut node = entered::spare(self.is_in_context(attributes));
        let is_timed = self.options.tracked_inactivity;
        match Arc::get_mut(&mut node) {
            Some(node) => node.renew(draft, parent, has_status, is_timed),
            None => {
                // A `Context` of the span before is still somewhere.
                let mut new = Node::default();
                new.renew(draft, parent, has_status, is_timed);
                node = Arc::new(new);
            }
        }
        let mut extensions = span.extensions_mut();
        if extensions.get_mut::<Handle>().is_some() {
            drop(extensions);
            return self.keep_out();
        }
        entered::made(self.key(id), &node);
        extensions.insert(Handle(node));
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: LayerContext<'_, S>) {
        if self.is_second() {
            return;
        }
        let Some(node) = find(id, &context) else {
            return;
        };
        fields::with(|fields| {
            values.record(&mut OfSpan::known(fields));
            if self.options.error_fields_to_exceptions {
                fields.push_exception();
            }
            node.record(fields);
        });
    }

    fn on_follows_from(&self, id: &Id, follows: &Id, context: LayerContext<'_, S>) {
        if self.is_second() {
            return;
        }
        let (Some(node), Some(follows)) = (find(id, &context), find(follows, &context)) else {
            return;
        };
        if let Some(followed) = follows.context() {
            let link = followed.span().span_context().clone();
            node.with(|span| {
                opentelemetry::trace::Span::add_link(span, link, Vec::new());
            });
        }
    }

    fn on_event(&self, event: &Event<'_>, context: LayerContext<'_, S>) {
        if self.is_second() {
            return;
        }
        let node = if event.is_contextual() {
            match entered::newest(self.id) {
                Some(node) if self.options.context_activation => Some(node),
                _ => self.add_to_newest(event, &context),
            }
        } else {
            // An explicit parent.
            let parent = event.parent();
            parent.and_then(|id| entered::recent(self.key(id)).or_else(|| find(id, &context)))
        };
        if let Some(node) = node {
            event::add(&*node, event, &self.options);
        }
    }

    fn on_enter(&self, id: &Id, context: LayerContext<'_, S>) {
        if self.is_second() {
            return;
        }
        if let Some(node) = self.node(id, &context) {
            let active = node.enter(self.options.context_activation);
            entered::push(self.key(id), node, active);
        }
    }

    fn on_exit(&self, id: &Id, context: LayerContext<'_, S>) {
        if self.is_second() {
            return;
        }
        let is_open = self.beside.is_open();
        let is_covered = is_open.then(|| entered::is_covered(self.key(id))).flatten();
        entered::pop(self.key(id), || find(id, &context), Node::exit);
        if let Some(is_covered) = is_covered {
            self.beside.left(is_covered);
        }
    }

    fn on_close(&self, id: Id, context: LayerContext<'_, S>) {
        if self.is_second() {
            return;
        }
        if let Some(node) = self.node(&id, &context) {
            node.close();
            entered::keep(node);
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
