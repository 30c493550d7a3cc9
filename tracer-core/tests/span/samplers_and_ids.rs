//! The inputs and results of samplers, and the sources of ids. Source: rows 52, 53, 55 and 56 of
//! the specification's compliance matrix.

use std::{
    collections::HashSet,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use opentelemetry::{
    Context, KeyValue, SpanId, TraceId,
    trace::{Link, Span as _, SpanKind, TraceContextExt as _, TraceState, Tracer as _},
};
use opentelemetry_sdk::trace::{IdGenerator, SamplingDecision, SamplingResult, ShouldSample};
use tracer_core::{
    TraceIdRandomness,
    testing::{TestProvider, assert_trace},
};

use crate::support::remote;

/// A sampler that keeps its inputs, and answers as its fields say.
#[derive(Debug)]
struct Judge {
    decision: SamplingDecision,
    seen: &'static Mutex<Vec<(String, String)>>,
}

impl Clone for Judge {
    fn clone(&self) -> Self {
        let decision = self.decision.clone();
        Self {
            decision,
            seen: self.seen,
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Tenant(&'static str);

impl ShouldSample for Judge {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        _: TraceId,
        name: &str,
        _: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let tenant = parent.and_then(Context::get::<Tenant>);
        let tenant = tenant.map_or("none", |tenant| tenant.0);
        let asked = format!("{tenant} {} {}", attributes.len(), links.len());
        self.seen
            .lock()
            .expect("seen")
            .push((name.to_owned(), asked));
        SamplingResult {
            decision: self.decision.clone(),
            attributes: vec![KeyValue::new("by", "sampler")],
            trace_state: TraceState::from_key_value([("judge", "yes")]).expect("state"),
        }
    }
}

#[test]
fn rows_52_53_and_55_sampler_sees_the_whole_context_and_sets_the_tracestate() {
    for decision in [
        SamplingDecision::RecordAndSample,
        SamplingDecision::RecordOnly,
        SamplingDecision::Drop,
    ] {
        let seen: &'static Mutex<_> = Box::leak(Box::default());
        let judge = Judge {
            decision: decision.clone(),
            seen,
        };
        let trace = TestProvider::with(|builder| builder.sampler(judge));
        let tracer = trace.tracer("t");
        let context = Context::new()
            .with_value(Tenant("acme"))
            .with_remote_span_context(remote(0x03));
        let span = tracer
            .span_builder("x")
            .with_attributes([KeyValue::new("at", "start")])
            .with_links(vec![Link::new(remote(1), vec![], 0)])
            .start_with_context(&tracer, &context);
        let made = span.span_context();
        assert_eq!(made.trace_state().header(), "judge=yes");
        assert_ne!(
            made.span_id(),
            remote(1).span_id(),
            "a new id even if dropped"
        );
        // The random flag of the parent is kept, the sampled flag is the decision's.
        let sampled = decision == SamplingDecision::RecordAndSample;
        assert_eq!(made.trace_flags().to_u8(), 0x02 | u8::from(sampled));
        assert_eq!(span.is_recording(), decision != SamplingDecision::Drop);
        drop(span);
        let asked = vec![("x".to_owned(), "acme 1 1".to_owned())];
        assert_eq!(*seen.lock().expect("seen"), asked);
        let exported = r#"
        "x" remote
            at = "start"
            by = "sampler"
        "#;
        assert_trace!(trace, if sampled { exported } else { "" });
    }
}

/// A generator that counts, or that panics or returns zero.
#[derive(Debug, Default)]
struct Counting {
    next: AtomicU64,
    broken: Option<&'static str>,
}

impl Counting {
    fn id(&self) -> u64 {
        match self.broken {
            Some("zero") => 0,
            Some(_) => panic!("asked to"),
            None => self.next.fetch_add(1, Ordering::SeqCst) + 1,
        }
    }
}

impl IdGenerator for Counting {
    fn new_trace_id(&self) -> TraceId {
        TraceId::from(u128::from(self.id()))
    }

    fn new_span_id(&self) -> SpanId {
        SpanId::from(self.id())
    }
}

#[test]
fn row_56_ids_are_the_generators_and_random_only_if_it_says_so() {
    for (randomness, flags) in [
        (TraceIdRandomness::Unknown, 0x01),
        (TraceIdRandomness::Random, 0x03),
    ] {
        let trace =
            TestProvider::with(|builder| builder.id_generator(Counting::default(), randomness));
        let tracer = trace.tracer("t");
        let root = tracer.start("root");
        let context = root.span_context();
        assert_eq!(context.trace_id(), TraceId::from(1));
        assert_eq!(context.span_id(), SpanId::from(2));
        assert_eq!(context.trace_flags().to_u8(), flags);
        let parent = Context::new().with_remote_span_context(remote(0x03));
        let child = tracer.start_with_context("child", &parent);
        assert_eq!(child.span_context().trace_id(), remote(1).trace_id());
        assert_eq!(child.span_context().span_id(), SpanId::from(3));
        assert_eq!(child.span_context().trace_flags().to_u8(), 0x03);
    }
}

#[test]
fn generator_that_panics_or_gives_zero_is_replaced_and_counted() {
    for broken in ["zero", "panic"] {
        let generator = Counting {
            broken: Some(broken),
            ..Counting::default()
        };
        let trace = TestProvider::with(|builder| {
            builder.id_generator(generator, TraceIdRandomness::Unknown)
        });
        for _ in 0..100 {
            trace.tracer("t").start("x");
        }
        assert_eq!(trace.balance().id_failures, 100);
        let made = trace.spans();
        let ids: HashSet<_> = made.iter().map(|span| span.trace_id()).collect();
        assert_eq!(ids.len(), 100, "{broken}");
        assert!(made.iter().all(|span| span.span_context.is_valid()));
    }
}
