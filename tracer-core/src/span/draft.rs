//! Spans that are described before it is known whose children they are.
//!
//! A bridge from another tracing library learns the name and the fields of a span first, and its
//! parent perhaps later, from a request's headers. A draft records from the beginning, in the
//! buffer that a span would use, and is given its ids and its place in a trace when the parent is
//! known: nothing is kept twice, and the sampler sees what is recorded.

use std::sync::Arc;

use opentelemetry::{
    Context, KeyValue,
    trace::{SpanContext, TraceContextExt, TraceState},
};
use opentelemetry_sdk::trace::SamplingDecision;

use super::{
    Inner, Span,
    end::State,
    recording::{Birth, Recording},
};
use crate::{
    Tracer,
    context::slot,
    local, metrics,
    native::Site,
    provider::{Sampler, Shared},
    start::{Identity, otlp_kind},
};

impl Tracer {
    /// Begins a span without a parent, without ids and without the question whether it is sampled:
    /// [`Span::adopt`] settles these. Until then it records like any span, its
    /// [`span_context`](opentelemetry::trace::Span::span_context) is empty, and no processor,
    /// exporter or count knows of it. One that ends or is dropped before was never there.
    ///
    /// # Cost
    /// As a start: one reading of the clock, no allocation once the pool is warm.
    ///
    /// # Examples
    /// ```
    /// use opentelemetry::{Context, KeyValue, trace::{Span as _, TracerProvider as _}};
    ///
    /// let provider = tracer_core::TracerProvider::builder().build()?;
    /// let mut span = provider.tracer("shop").draft("checkout");
    /// span.set_attribute(KeyValue::new("cart.items", 3));
    /// assert!(!span.span_context().is_valid());
    /// // The parent is known now.
    /// assert!(span.adopt(&Context::current()));
    /// assert!(span.span_context().is_valid());
    /// # Ok::<(), tracer_core::ConfigError>(())
    /// ```
    pub fn draft(&self, name: &str) -> Span {
        let (shared, scope) = self.parts();
        draft(shared, scope, name)
    }
}

/// Begins drafts of whichever provider is the default: that of the
/// [thread](crate::TracerProvider::set_thread_default), else the
/// [global](crate::TracerProvider::set_global) one. For a bridge that is set up before the provider.
#[derive(Debug)]
pub struct DefaultTracer(Site);

impl DefaultTracer {
    /// Of this instrumentation scope.
    pub const fn new(name: &'static str, version: &'static str) -> Self {
        Self(Site::new(name, version))
    }

    /// A [draft](Tracer::draft). `None` while no provider is set.
    ///
    /// # Examples
    /// ```
    /// use tracer_core::{DefaultTracer, TracerProvider};
    ///
    /// static TRACER: DefaultTracer = DefaultTracer::new("bridge", "1.0");
    ///
    /// assert!(TRACER.draft("early").is_none());
    /// TracerProvider::builder().build()?.set_global();
    /// assert!(TRACER.draft("in time").is_some());
    /// # Ok::<(), tracer_core::ConfigError>(())
    /// ```
    pub fn draft(&self, name: &str) -> Option<Span> {
        let home = slot::default_home()?;
        let shared = &home.shared;
        Some(draft(shared, self.0.scope(shared), name))
    }
}

fn draft(shared: &Arc<Shared>, scope: u32, name: &str) -> Span {
    let anchor = shared.clock.anchor();
    let mut recording = local::spare(shared);
    // What the span before left: a draft is nobody.
    *recording.context_mut() = SpanContext::NONE;
    recording.begin(&Birth {
        parent: None,
        scope,
        kind: otlp_kind(None),
        name,
        start_unix_nanos: anchor.wall(shared.clock.monotonic_nanos()),
        anchor,
    });
    recording.state = State::Draft;
    Span::recording(recording)
}

impl Span {
    /// Notes this moment as the end, for an [`end`](opentelemetry::trace::Span::end) that comes later
    /// without a time of its own, or a drop. The last moment that was noted counts.
    pub fn note_end(&mut self) {
        if let Some(recording) = self.live() {
            let now = Self::wall_now(recording);
            recording.set_end(now);
        }
    }

    /// Makes a [draft](Tracer::draft) a child of the active span of `parent`, or a root: gives it
    /// ids, asks the sampler, and shows it to the processors.
    ///
    /// A span that came from a draft can be adopted again, by another parent, which gives it new
    /// ids and a new decision on all that it has recorded; only the caller can know that nobody has
    /// seen the old ids. `false`, and nothing changes, if it has ended, if processors have seen it,
    /// or if it never was a draft and does not record.
    pub fn adopt(&mut self, parent: &Context) -> bool {
        let Inner::Recording(recording) = &mut self.inner else {
            return false;
        };
        let before = recording.state;
        match before {
            State::Draft | State::Refused => {}
            State::Live if !recording.shared.has_foreign_processors() => {}
            State::Live | State::Ending | State::Ended => return false,
        }
        if recording.is_the_parents() {
            return false;
        }
        let parent_span = parent.span();
        let parent_context = parent_span.span_context();
        let known = Some(parent_context).filter(|parent| parent.is_valid());
        let kept = recording.decide(parent, parent_context, known);
        if before == State::Draft && recording.shared.is_metered {
            count_birth(recording, known, kept.is_some());
        }
        let Some(attributes) = kept else {
            if before == State::Live {
                // It was counted as started, and its context is not sampled now.
                recording.hide();
                local::end(recording);
            }
            // Out of sight, but kept: another parent may want it.
            recording.state = State::Refused;
            return true;
        };
        if before != State::Live {
            local::count_start(&recording.shared);
        }
        recording.state = State::Live;
        recording.take_place(known);
        for attribute in attributes.iter().flatten() {
            recording.set_attribute(attribute);
        }
        if !recording.shared.processors.is_empty() {
            let shared = Arc::clone(&recording.shared);
            shared.processors.on_start(self, parent);
        }
        true
    }
}

#[cold]
fn count_birth(recording: &Recording, parent: Option<&SpanContext>, records: bool) {
    let decision = match (records, recording.is_sampled()) {
        (false, _) => SamplingDecision::Drop,
        (true, false) => SamplingDecision::RecordOnly,
        (true, true) => SamplingDecision::RecordAndSample,
    };
    local::count_birth(&recording.shared, metrics::birth(parent, &decision));
}

impl Recording {
    /// Writes the context that a child of this parent has, as [`Tracer`] does for a span that is
    /// started at once, and returns the sampler's attributes, if it gave any, if the span is to
    /// record. `parent` is the active span of the context if it is valid.
    #[inline]
    fn decide(
        &mut self,
        parent_cx: &Context,
        active: &SpanContext,
        parent: Option<&SpanContext>,
    ) -> Option<Option<Vec<KeyValue>>> {
        if parent_cx.is_telemetry_suppressed() {
            self.context = SpanContext::NONE;
            return None;
        }
        if self.shared.is_closed() || self.shared.processors.are_running() {
            if self.shared.is_closed() {
                self.shared.report_late_start();
            }
            self.context.clone_from(active);
            return None;
        }
        let identity = Identity::of(&self.shared, parent);
        let Sampler::Custom(sampler) = &self.shared.sampler else {
            let is_sampled = parent.is_none_or(SpanContext::is_sampled);
            identity.write_under(&mut self.context, is_sampled, parent);
            return is_sampled.then_some(None);
        };
        let record = self.record()?;
        let (name, kind) = (record.name(), record.kind());
        let attributes: Vec<_> = record.attributes().collect();
        let links: Vec<_> = record.links().collect();
        let sampling = self.shared.sample(parent, || {
            sampler.should_sample(
                Some(parent_cx),
                identity.trace_id,
                name,
                &kind,
                &attributes,
                &links,
            )
        });
        let is_sampled = sampling.decision == SamplingDecision::RecordAndSample;
        let state = Some(sampling.trace_state).filter(|state| *state != TraceState::NONE);
        let state = state.map(|state| || state);
        identity.write(&mut self.context, is_sampled, state);
        (sampling.decision != SamplingDecision::Drop).then_some(Some(sampling.attributes))
    }
}
