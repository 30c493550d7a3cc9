//! The current span is that of a simple model, for random programs of guards, contexts, futures,
//! closures, threads and panics that are left in any order.
//!
//! The model applies the rule of the documentation to two stacks: the contexts that are attached,
//! and the native spans that are entered. The active span of the `Context` is current under two
//! conditions. It differs from the span that was active when the innermost native span was entered,
//! and it is not that native span itself. Otherwise the innermost native span is current. Where
//! guards attach a `Context` of their own, the contexts alone decide. The test checks that too.

mod model;
mod steps;

use std::{
    collections::HashMap,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    task::{self, Poll, Waker},
    thread,
};

use model::{Active, Model};
use opentelemetry::{
    Context, ContextGuard, KeyValue, SpanId, Value,
    trace::{
        Span as _, SpanContext, TraceContextExt as _, Tracer as _, TracerProvider as _,
        get_active_span,
    },
};
use proptest::test_runner::TestRunner;
use steps::{Step, Way, steps, take};
use tracer_core::{
    LocalSpan, Span, TracerProvider, WithSpan, current, current_context, in_span, span, start_span,
    testing::InMemoryExporter, with_current_context,
};

use crate::support::{process::in_own_process, quiet_panic, random, remote};

struct Run<'a> {
    providers: &'a [(TracerProvider, InMemoryExporter); 2],
    model: Model,
    guards: Vec<(usize, LocalSpan)>,
    kept: Vec<Span>,
    attached: Vec<(usize, Context, ContextGuard)>,
    value: i64,
}

fn id_of(span: &Span) -> SpanId {
    span.span_context().span_id()
}

fn poll(future: impl Future<Output = ()>) {
    let mut task = task::Context::from_waker(Waker::noop());
    assert!(pin!(future).poll(&mut task).is_ready());
}

impl Run<'_> {
    fn check(&self) {
        assert_eq!(current().span_context().span_id(), self.model.current());
        let context = current_context();
        assert_eq!(
            context.span().span_context().span_id(),
            self.model.current()
        );
        let active = Context::map_current(|context| context.span().span_context().span_id());
        assert_eq!(active, self.model.active().0);
        if self.model.activates == [true; 2] {
            // If all guards are in `Context`, the contexts alone determine the current span.
            assert_eq!(active, self.model.current());
        }
    }

    fn steps(&mut self, steps: &[Step]) {
        for step in steps {
            self.step(step);
            self.check();
        }
    }

    /// Runs `start_span!`, and adds the span to the model.
    fn start(&mut self) -> Span {
        let span = start_span!("owned");
        self.model.start(id_of(&span), None);
        span
    }

    /// Returns the provider of an owned span, if the span is recorded.
    fn provider_of(&self, span: &Span) -> Option<usize> {
        let known = self.model.spans.get(&id_of(span))?;
        known.is_recorded.then_some(known.provider)
    }

    fn attach(&mut self, context: Context, active: Active) {
        let number = self.model.attach(active);
        self.attached
            .push((number, context.clone(), context.attach()));
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Guard(has_attribute) => {
                let guard = match has_attribute {
                    true => span!("guard", "first" = true),
                    false => span!("guard"),
                };
                let id = guard.span_context().span_id();
                self.model.start(id, None);
                let provider = self.model.spans.get(&id).map(|known| known.provider);
                self.guards
                    .push((self.model.push(Some(id), provider), guard));
            }
            Step::Start => {
                let span = self.start();
                self.kept.push(span);
            }
            Step::Trace(provider) => {
                let at = *provider;
                let tracer = self.providers.get(at).map(|(it, _)| it.tracer("t"));
                let span = tracer.expect("one of two").start("traced");
                self.model.start(id_of(&span), Some(at));
                self.kept.push(span);
            }
            Step::Enter(at) => {
                if let Some(span) = take(&mut self.kept, *at) {
                    let (id, provider) = (id_of(&span), self.provider_of(&span));
                    let number = self.model.push(Some(id), provider);
                    self.guards.push((number, span.enter()));
                }
            }
            Step::Exit(at) => {
                if let Some((number, guard)) = take(&mut self.guards, *at) {
                    let id = guard.span_context().span_id();
                    let span = guard.exit();
                    assert_eq!(id_of(&span), id);
                    self.kept.push(span);
                    self.model.exit(number, id);
                }
            }
            Step::End(at) => {
                if !self.guards.is_empty()
                    && let Some((_, guard)) = self.guards.get(at % self.guards.len())
                {
                    guard.end();
                    assert!(!guard.is_recording());
                    self.model.end(guard.span_context().span_id());
                }
            }
            Step::Leave(at) => {
                if let Some((number, guard)) = take(&mut self.guards, *at) {
                    self.model.end(guard.span_context().span_id());
                    drop(guard);
                    self.model.leave(number);
                }
            }
            Step::Drop(at, elsewhere) => {
                if let Some(span) = take(&mut self.kept, *at) {
                    self.model.end(id_of(&span));
                    match elsewhere {
                        true => thread::spawn(|| drop(span)).join().expect("thread"),
                        false => drop(span),
                    }
                }
            }
            Step::Set => {
                self.value += 1;
                current().set_attribute(KeyValue::new("n", self.value));
                self.model.set(self.value);
            }
            Step::SetActive => {
                self.value += 1;
                get_active_span(|active| active.set_attribute(KeyValue::new("n", self.value)));
                self.model.set_active(self.value);
            }
            Step::AttachKept(at) => {
                if let Some(span) = take(&mut self.kept, *at) {
                    let active = Active(id_of(&span), true);
                    self.attach(Context::current_with_span(span), active);
                }
            }
            Step::AttachRemote(is_sampled) => {
                let remote = remote(u8::from(*is_sampled));
                let id = SpanId::from(1 << 32 | u64::from(*is_sampled));
                let remote = SpanContext::new(
                    remote.trace_id(),
                    id,
                    remote.trace_flags(),
                    true,
                    remote.trace_state().clone(),
                );
                self.model.remote.insert(id, *is_sampled);
                let context = Context::current().with_remote_span_context(remote);
                self.attach(context, Active(id, false));
            }
            Step::AttachEmpty => self.attach(Context::new(), Active(SpanId::INVALID, false)),
            Step::AttachCurrent => {
                let active = self.current_as_active();
                self.attach(current_context(), active);
            }
            Step::AttachAgain(at) => {
                if !self.attached.is_empty() {
                    let (number, context, _) = &self.attached[at % self.attached.len()];
                    let (number, context) = (*number, context.clone());
                    let mut all = self.model.contexts.iter();
                    let (_, active) = all.find(|(it, _)| *it == number).expect("attached");
                    let active = *active;
                    self.attach(context, active);
                }
            }
            Step::Detach(at) => {
                if let Some((number, context, guard)) = take(&mut self.attached, *at) {
                    drop((guard, context));
                    self.model.leave(number);
                }
            }
            Step::Inside(way, steps) => self.inside(*way, steps),
        }
    }

    fn current_as_active(&self) -> Active {
        match self.model.newest().and_then(|frame| frame.span) {
            Some(native) if native != self.model.active().0 => Active(native, false),
            _ => self.model.active(),
        }
    }

    fn inside(&mut self, way: Way, steps: &[Step]) {
        match way {
            Way::InSpan | Way::Panic => {
                let is_panic = matches!(way, Way::Panic);
                let work = AssertUnwindSafe(|| {
                    in_span("inside", |span| {
                        let id = span.span_context().span_id();
                        self.model.start(id, None);
                        let provider = self.model.spans.get(&id).map(|known| known.provider);
                        let number = self.model.push(Some(id), provider);
                        self.steps(steps);
                        self.model.end(id);
                        self.model.leave(number);
                        if is_panic {
                            quiet_panic();
                        }
                    });
                });
                assert_eq!(catch_unwind(work).is_err(), is_panic);
            }
            Way::InScope => {
                let mut span = self.start();
                let number = self.model.push(Some(id_of(&span)), self.provider_of(&span));
                span.in_scope(|| self.steps(steps));
                self.model.exit(number, id_of(&span));
                self.kept.push(span);
            }
            Way::Future => {
                let span = self.start();
                let (id, provider) = (id_of(&span), self.provider_of(&span));
                let context = self.model.attach(Active(id, true));
                let frame = self.model.push(None, provider);
                let work = poll_fn(|_| {
                    self.steps(steps);
                    Poll::Ready(())
                });
                poll(WithSpan::new(work, span));
                self.model.end(id);
                self.model.leave(frame);
                self.model.leave(context);
            }
            Way::FutureOfCurrent => {
                let provider = self.model.newest().and_then(|frame| frame.provider);
                let active = self.current_as_active();
                let context = self.model.attach(active);
                let frame = self.model.push(None, provider);
                let work = poll_fn(|_| {
                    self.steps(steps);
                    Poll::Ready(())
                });
                poll(WithSpan::current(work));
                self.model.leave(frame);
                self.model.leave(context);
            }
            Way::Thread => {
                let there = with_current_context(|| {
                    let before = current().span_context().span_id();
                    (before, span!("there").span_context().span_id())
                });
                let (before, id) = thread::spawn(there).join().expect("thread");
                assert_eq!(before, self.model.current());
                self.model.start(id, None);
                self.model.end(id);
            }
        }
        self.check();
    }

    fn finish(mut self) {
        while let Some((number, guard)) = self.guards.pop() {
            drop(guard);
            self.model.leave(number);
            self.check();
        }
        while let Some((number, context, guard)) = take(&mut self.attached, 0) {
            drop((context, guard));
            self.model.leave(number);
            self.check();
        }
        self.kept.clear();
        assert!(!current().span_context().is_valid());
        for (at, (provider, memory)) in self.providers.iter().enumerate() {
            let of_model = self.model.spans.iter();
            let expected: HashMap<_, _> = of_model
                .filter(|(_, span)| span.is_recorded && span.provider == at)
                .map(|(id, span)| (*id, (span.parent, span.attribute)))
                .collect();
            let number = |value: &Value| match value {
                Value::I64(number) => Some(*number),
                _ => None,
            };
            let got: HashMap<_, _> = memory
                .spans_of(provider)
                .into_iter()
                .map(|span| {
                    let attribute = span.attribute("n").and_then(number);
                    (span.span_id(), (span.parent_span_id, attribute))
                })
                .collect();
            assert_eq!(got, expected, "of provider {at}");
        }
    }
}

#[test]
fn current_span_is_that_of_a_simple_model() {
    in_own_process!();
    check([false, false]);
}

/// The same if the guards of both providers, or of one of them, attach a `Context`.
#[test]
fn current_span_is_that_of_a_simple_model_where_contexts_are_activated() {
    in_own_process!();
    for activates in [[true, true], [true, false], [false, true]] {
        check(activates);
    }
}

fn check(activates: [bool; 2]) {
    println!("activates={activates:?}");
    // Without a custom sampler, processor or id generator, so that spans take the fastest path.
    let providers = activates.map(|activates| {
        let memory = InMemoryExporter::new();
        let provider = TracerProvider::builder()
            .context_activation(activates)
            .exporter(memory.clone())
            .build();
        (provider.expect("provider"), memory)
    });
    providers[0].0.set_global();
    let ran = TestRunner::new(random::config()).run(&steps(), |steps| {
        for (provider, memory) in &providers {
            // This includes the spans that a failed case has left.
            memory.spans_of(provider);
            memory.clear();
        }
        let mut run = Run {
            providers: &providers,
            model: Model {
                activates,
                ..Model::default()
            },
            guards: Vec::new(),
            kept: Vec::new(),
            attached: Vec::new(),
            value: 0,
        };
        run.steps(&steps);
        run.finish();
        Ok(())
    });
    ran.expect("equal to the model");
}
