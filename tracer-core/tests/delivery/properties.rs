//! The pipeline behaves as a simple model of it, for random lists of operations.

use std::{
    collections::{BTreeMap, HashMap},
    thread,
};

use opentelemetry::{
    KeyValue, SpanId, Value,
    trace::{Span as _, Tracer as _, TracerProvider as _},
};
use opentelemetry_sdk::trace::SamplingDecision;
use proptest::{collection::vec, prelude::*, test_runner::TestRunner};
use tracer_core::{BatchConfig, FlushError, Span, Tracer, TracerProvider};

use crate::support::{Mood, Recorder, TIMEOUT, random, sampler::SamplerFn};

/// An operation on the provider. For operations on a span, the first number is its position among
/// the open spans.
#[derive(Clone, Copy, Debug)]
enum Step {
    Start(Fate),
    SetAttribute(usize, u8, i64),
    End(usize),
    /// Ends a span on a thread that has made none.
    EndElsewhere(usize),
    /// A thread makes this many spans and ends.
    Thread(usize),
    Flush,
    /// Flushes, and sets how the exporter treats all later spans.
    Mood(Mood),
    Shutdown,
}

/// The sampler's decision about a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Drop,
    RecordOnly,
    Sample,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let fate = prop_oneof![
        1 => Just(Fate::Drop),
        1 => Just(Fate::RecordOnly),
        6 => Just(Fate::Sample),
    ];
    let mood = prop_oneof![
        Just(Mood::Take),
        Just(Mood::Reject(1)),
        Just(Mood::Refuse),
        Just(Mood::Panic),
    ];
    let step = prop_oneof![
        60 => fate.prop_map(Step::Start),
        40 => (0..9_usize, 0..4_u8, any::<i64>()).prop_map(|(at, key, value)| {
            Step::SetAttribute(at, key, value)
        }),
        40 => (0..9_usize).prop_map(Step::End),
        10 => (0..9_usize).prop_map(Step::EndElsewhere),
        10 => (0..9_usize).prop_map(Step::Thread),
        10 => Just(Step::Flush),
        10 => mood.prop_map(Step::Mood),
        3 => Just(Step::Shutdown),
    ];
    vec(step, 1..60)
}

/// Decides by the name of the span.
fn by_name(name: &str) -> SamplingDecision {
    match name {
        "Drop" => SamplingDecision::Drop,
        "RecordOnly" => SamplingDecision::RecordOnly,
        _ => SamplingDecision::RecordAndSample,
    }
}

type Attributes = BTreeMap<String, Value>;

struct Live {
    span: Span,
    fate: Fate,
    attributes: Attributes,
}

/// The expected outcomes of the spans of one provider.
#[derive(Default)]
struct Model {
    mood: Mood,
    closed: bool,
    started: u64,
    ended: u64,
    /// Recorded without being sampled, or ended after the shutdown.
    not_for_exporters: u64,
    /// Ended and sampled, and not yet flushed.
    pending: Vec<(SpanId, Attributes)>,
    taken: HashMap<SpanId, Attributes>,
    rejected: u64,
    failed: BTreeMap<&'static str, u64>,
}

impl Model {
    fn start(&mut self, fate: Fate) {
        if fate != Fate::Drop && !self.closed {
            self.started += 1;
        }
    }

    fn end(&mut self, id: SpanId, fate: Fate, attributes: Attributes) {
        self.ended += 1;
        if fate == Fate::Sample && !self.closed {
            self.pending.push((id, attributes));
        } else {
            self.not_for_exporters += 1;
        }
    }

    fn flush(&mut self) {
        for (id, attributes) in self.pending.drain(..) {
            match self.mood {
                Mood::Take => {
                    self.taken.insert(id, attributes);
                }
                Mood::Reject(_) => self.rejected += 1,
                Mood::Panic => *self.failed.entry("panicked").or_default() += 1,
                _ => *self.failed.entry("non_retryable").or_default() += 1,
            }
        }
    }
}

/// The provider, its live spans, and the model of both.
struct Run {
    recorder: Recorder,
    provider: TracerProvider,
    tracer: Tracer,
    live: Vec<Live>,
    model: Model,
}

impl Run {
    fn new() -> Self {
        let recorder = Recorder::default();
        let provider = TracerProvider::builder()
            .sampler(SamplerFn::new(by_name))
            // Each span is a batch, so that the exporter's mood applies to that span alone.
            .batch_config(BatchConfig::default().max_export_batch_size(1))
            .exporter(recorder.clone())
            .build()
            .expect("provider");
        Self {
            recorder,
            tracer: provider.tracer("t"),
            provider,
            live: Vec::new(),
            model: Model::default(),
        }
    }

    fn step(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Start(fate) => {
                let span = self.tracer.start(format!("{fate:?}"));
                self.model.start(fate);
                prop_assert_eq!(
                    span.is_recording(),
                    fate != Fate::Drop && !self.model.closed
                );
                if span.is_recording() {
                    self.live.push(Live {
                        span,
                        fate,
                        attributes: Attributes::new(),
                    });
                }
            }
            Step::SetAttribute(at, key, value) => {
                if let Some(live) = self.live.get_mut(at) {
                    let key = format!("key {key}");
                    live.span.set_attribute(KeyValue::new(key.clone(), value));
                    live.attributes.insert(key, value.into());
                }
            }
            Step::End(at) => {
                if let Some(mut span) = self.take(at) {
                    span.end();
                }
            }
            Step::EndElsewhere(at) => {
                if let Some(span) = self.take(at) {
                    thread::spawn(move || drop(span)).join().expect("thread");
                }
            }
            Step::Thread(spans) => {
                let tracer = self.tracer.clone();
                let made = thread::spawn(move || {
                    let spans = (0..spans).map(|_| tracer.start("Sample"));
                    spans.map(|span| span.span_context().span_id()).collect()
                });
                let made: Vec<_> = made.join().expect("thread");
                for id in made {
                    if !self.model.closed {
                        self.model.start(Fate::Sample);
                        self.model.end(id, Fate::Sample, Attributes::new());
                    }
                }
            }
            Step::Flush => self.flush()?,
            Step::Mood(mood) => {
                self.flush()?;
                self.recorder.set_mood(mood);
                self.model.mood = mood;
            }
            Step::Shutdown => {
                let first = !self.model.closed;
                self.model.closed = true;
                let lost = self.model.mood != Mood::Take && !self.model.pending.is_empty();
                self.model.flush();
                let done = self.provider.shutdown(TIMEOUT);
                prop_assert!(done.is_ok() || !first || lost, "{done:?}");
                prop_assert!(done.is_err() || first);
                self.check_outcomes()?;
            }
        }
        let stats = self.provider.stats();
        prop_assert_eq!(stats.started, self.model.started);
        prop_assert_eq!(stats.ended, self.model.ended);
        Ok(())
    }

    /// Takes an open span out, to end it.
    fn take(&mut self, at: usize) -> Option<Span> {
        let live = (at < self.live.len()).then(|| self.live.remove(at))?;
        let id = live.span.span_context().span_id();
        self.model.end(id, live.fate, live.attributes);
        Some(live.span)
    }

    fn flush(&mut self) -> Result<(), TestCaseError> {
        let spans = self.model.pending.len() as u64;
        let lossless = self.model.mood == Mood::Take || spans == 0;
        self.model.flush();
        match self.provider.force_flush(TIMEOUT) {
            Ok(()) => prop_assert!(!self.model.closed),
            Err(FlushError::AlreadyShutdown) => prop_assert!(self.model.closed),
            // Spans that the exporter received before the flush began are not in its result.
            Err(FlushError::NotDelivered { spans: lost }) => {
                prop_assert!(!lossless && lost <= spans, "{lost} of {spans}");
            }
            Err(error) => prop_assert!(false, "{error:?}"),
        }
        self.check_outcomes()
    }

    /// Checks the ledger and the number of the exporter's spans, at rest.
    fn check_outcomes(&self) -> Result<(), TestCaseError> {
        let stats = self.provider.stats();
        prop_assert!(stats.balances(), "{stats:?}");
        let exporter = stats.exporters.first().expect("exporter");
        prop_assert_eq!(stats.waiting + exporter.waiting, 0);
        let late = stats.dropped.already_shutdown;
        prop_assert_eq!(stats.not_sampled + late, self.model.not_for_exporters);
        prop_assert_eq!(stats.dropped.total(), late);
        prop_assert_eq!(exporter.exported, self.model.taken.len() as u64);
        prop_assert_eq!(&exporter.failed, &self.model.failed);
        prop_assert_eq!(exporter.rejected, self.model.rejected);
        Ok(())
    }

    /// Checks that the exporter received the expected spans with their attributes, and no others. A
    /// rejected batch has reached it too.
    fn check_contents(&self) -> Result<(), TestCaseError> {
        self.recorder.distinct();
        let spans = self.recorder.spans();
        let reached = self.model.taken.len() as u64 + self.model.rejected;
        prop_assert_eq!(spans.len() as u64, reached);
        let sent: HashMap<_, _> = spans
            .into_iter()
            .map(|span| (span.span_context.span_id(), span.attributes))
            .collect();
        for (id, expected) in &self.model.taken {
            let got = sent.get(id).cloned().unwrap_or_default();
            prop_assert_eq!(got.len(), expected.len());
            let got = got.into_iter().map(|one| (one.key.to_string(), one.value));
            prop_assert_eq!(&got.collect::<Attributes>(), expected);
        }
        Ok(())
    }
}

#[test]
fn pipeline_does_what_a_simple_model_does() {
    let ran = TestRunner::new(random::config()).run(&steps(), |steps| {
        let mut run = Run::new();
        for step in steps {
            run.step(step)?;
        }
        if !run.model.closed {
            run.step(Step::Shutdown)?;
        }
        // Spans that outlive the provider are late.
        while let Some(span) = run.take(0) {
            drop(span);
        }
        run.check_outcomes()?;
        run.check_contents()
    });
    ran.expect("equal to the model");
}
