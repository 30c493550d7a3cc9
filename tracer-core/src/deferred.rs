//! Deferred spans, which start before their parent is known.
//!
//! A bridge from another tracing library gets the name and the fields of a span first. It may get
//! the parent later, from the headers of a request. A deferred span records from the beginning, in
//! the buffer of an ordinary span. It gets its ids when the parent is set. So no data is kept
//! twice, and the sampler gets everything that is recorded.

use std::sync::Arc;

use opentelemetry::{
    Context, KeyValue,
    trace::{SpanContext, TraceContextExt},
};
use opentelemetry_sdk::trace::SamplingDecision;

use crate::{
    Tracer,
    context::thread_stack,
    native::Site,
    pipeline::span_counters::StartClass,
    provider_core::{ProviderCore, Sampler},
    record::kind::otlp_kind,
    sampling::{Identity, is_sampled_by_parent, may_record},
    span::{
        Span,
        recording::{Recording, SpanStart, SpanState},
    },
    thread_state,
};

impl Tracer {
    /// Starts a span whose parent is not known yet. [`Span::set_parent`] gives it its ids and calls
    /// the sampler.
    ///
    /// Until then the span records like any other, but its
    /// [`span_context`](opentelemetry::trace::Span::span_context) is invalid. No processor,
    /// exporter or counter is involved. A deferred span that ends or is dropped without a parent is
    /// neither exported nor counted.
    ///
    /// # Cost
    /// The same as starting a span: one reading of the clock, and no allocation once the thread's
    /// pool is warm.
    ///
    /// # Examples
    /// ```
    /// use opentelemetry::{Context, KeyValue, trace::{Span as _, TracerProvider as _}};
    ///
    /// let provider = tracer_core::TracerProvider::builder().build()?;
    /// let mut span = provider.tracer("shop").start_deferred("checkout");
    /// span.set_attribute(KeyValue::new("cart.items", 3));
    /// assert!(!span.span_context().is_valid());
    /// // The parent is known now.
    /// assert!(span.set_parent(&Context::current()));
    /// assert!(span.span_context().is_valid());
    /// # Ok::<(), tracer_core::ConfigError>(())
    /// ```
    pub fn start_deferred(&self, name: &str) -> Span {
        let (provider, scope) = self.parts();
        start_deferred(provider, scope, name)
    }
}

/// A tracer of deferred spans for a bridge that is set up before the provider.
///
/// It uses the default provider of the [thread](crate::TracerProvider::set_thread_default), or else
/// the [global](crate::TracerProvider::set_global) one.
#[derive(Debug)]
pub struct DefaultTracer(Site);

impl DefaultTracer {
    /// Creates a tracer for an instrumentation scope.
    pub const fn new(name: &'static str, version: &'static str) -> Self {
        Self(Site::new(name, version))
    }

    /// Starts a [deferred](Tracer::start_deferred) span. Returns `None` while no provider is set.
    ///
    /// # Examples
    /// ```
    /// use tracer_core::{DefaultTracer, TracerProvider};
    ///
    /// static TRACER: DefaultTracer = DefaultTracer::new("bridge", "1.0");
    ///
    /// assert!(TRACER.start_deferred("early").is_none());
    /// TracerProvider::builder().build()?.set_global();
    /// assert!(TRACER.start_deferred("in time").is_some());
    /// # Ok::<(), tracer_core::ConfigError>(())
    /// ```
    pub fn start_deferred(&self, name: &str) -> Option<Span> {
        let provider = thread_stack::default_provider()?;
        let core = &provider.core;
        Some(start_deferred(core, self.0.scope(core), name))
    }
}

fn start_deferred(provider: &Arc<ProviderCore>, scope: u32, name: &str) -> Span {
    let anchor = provider.clock.anchor();
    let mut recording = thread_state::take_spare(provider);
    // The recording still has the context of an earlier span.
    *recording.context_mut() = SpanContext::NONE;
    recording.begin(&SpanStart {
        parent: None,
        scope,
        kind: otlp_kind(None),
        name,
        start_unix_nanos: anchor.wall(provider.clock.monotonic_nanos()),
        anchor,
    });
    recording.state = SpanState::Deferred;
    Span::recording(recording)
}

impl Span {
    /// Stores the present time as the end of the span. A later
    /// [`end`](opentelemetry::trace::Span::end) without a time, or a drop, uses the last time that
    /// was stored.
    pub fn note_end(&mut self) {
        if let Some(recording) = self.open_recording() {
            let now = Self::wall_now(recording);
            recording.set_end(now);
        }
    }

    /// Makes a [deferred](Tracer::start_deferred) span a child of the active span of `parent`, or a
    /// root. The span gets its ids, the sampler decides, and the processors are called.
    ///
    /// The parent may be set again. The span then gets new ids, and a new decision about everything
    /// that it has recorded. The caller has to make sure that the old ids have not been used.
    ///
    /// Returns `false` and changes nothing if the span has ended, or if processors were called with
    /// it. Also returns `false` if the span does not record and never was deferred.
    pub fn set_parent(&mut self, parent: &Context) -> bool {
        let Some(recording) = self.recording_mut() else {
            return false;
        };
        let before = recording.state;
        match before {
            SpanState::Deferred | SpanState::Dropped => {}
            SpanState::Open if !recording.provider.has_user_processors() => {}
            SpanState::Open | SpanState::Ending | SpanState::Ended => return false,
        }
        if recording.is_from_parent_process() {
            return false;
        }
        let parent_span = parent.span();
        let parent_context = parent_span.span_context();
        let known = Some(parent_context).filter(|parent| parent.is_valid());
        let recorded = recording.decide(parent, parent_context, known);
        if before == SpanState::Deferred && recording.provider.is_metered {
            count_start_class(recording, known, recorded.is_some());
        }
        let Some(attributes) = recorded else {
            if before == SpanState::Open {
                // It was counted as started, and is not recorded any more.
                recording.hide();
                thread_state::end(recording);
            }
            // Its contents are kept, because another parent may be set.
            recording.state = SpanState::Dropped;
            return true;
        };
        if before != SpanState::Open {
            thread_state::count_start(&recording.provider);
        }
        recording.state = SpanState::Open;
        recording.write_parent(known);
        for attribute in &attributes {
            recording.set_attribute(attribute);
        }
        if !recording.provider.processors.is_empty() {
            let provider = Arc::clone(&recording.provider);
            provider.processors.on_start(self, parent);
        }
        true
    }
}

#[cold]
fn count_start_class(recording: &Recording, parent: Option<&SpanContext>, is_recorded: bool) {
    let decision = match (is_recorded, recording.is_sampled()) {
        (false, _) => SamplingDecision::Drop,
        (true, false) => SamplingDecision::RecordOnly,
        (true, true) => SamplingDecision::RecordAndSample,
    };
    let class = StartClass::of(parent, &decision);
    thread_state::count_start_class(&recording.provider, class);
}

impl Recording {
    /// Writes the context that a child of this parent has, as [`start`](crate::start) does for a
    /// span with a known parent. Returns the attributes of the sampler if the span is to record.
    /// `parent` is the `active` span of `parent_context` if that is valid.
    #[inline]
    fn decide(
        &mut self,
        parent_context: &Context,
        active: &SpanContext,
        parent: Option<&SpanContext>,
    ) -> Option<Vec<KeyValue>> {
        if parent_context.is_telemetry_suppressed() {
            *self.context_mut() = SpanContext::NONE;
            return None;
        }
        if !may_record(&self.provider) {
            self.context_mut().clone_from(active);
            return None;
        }
        let identity = Identity::new(&self.provider, parent);
        let Sampler::Custom(sampler) = &self.provider.sampler else {
            let is_sampled = is_sampled_by_parent(parent);
            identity.write_with_parents_state(self.context_mut(), is_sampled, parent);
            return is_sampled.then(Vec::new);
        };
        let record = self.record()?;
        let attributes: Vec<_> = record.attributes().collect();
        let links: Vec<_> = record.links().collect();
        let mut sampling = self.provider.sample(parent, || {
            sampler.should_sample(
                Some(parent_context),
                identity.trace_id,
                record.name(),
                &record.kind(),
                &attributes,
                &links,
            )
        });
        let is_sampled = sampling.decision == SamplingDecision::RecordAndSample;
        identity.write_with_state(self.context_mut(), is_sampled, &mut sampling.trace_state);
        (sampling.decision != SamplingDecision::Drop).then_some(sampling.attributes)
    }
}
