//! Programs that nobody would write, on our layer and on the peer's. Alone in its process: what
//! callsites remember of their subscribers is the process's, and the peer loses parents where other
//! tests come and go beside it.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail"
)]

#[allow(dead_code, reason = "other tests need more of it")]
#[path = "tracing/support.rs"]
mod support;

use std::{sync::mpsc, thread};

use opentelemetry::{
    Context,
    trace::{TraceContextExt as _, TraceFlags, TracerProvider as _},
};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
use proptest::prelude::*;
use tracing::{Span, field::Empty, info, info_span, span::EnteredSpan};
use tracing_subscriber::{Layer as _, filter::filter_fn, layer::SubscriberExt as _};

use self::support::{Ours, Told, remote, told};

const SLOTS: usize = 5;
const THREADS: usize = 2;

#[derive(Clone, Copy, Debug)]
enum Parent {
    Contextual,
    Root,
    Of(usize),
    Caller(bool),
}

/// What a thread does with the spans in the slots.
#[derive(Clone, Copy, Debug)]
enum Step {
    New(usize, Parent),
    Hidden(usize),
    Drop(usize),
    Enter(usize),
    /// The guard at this place of those of the thread.
    Exit(usize),
    Record(usize, i64),
    Follows(usize, usize),
    Event,
    EventIn(usize),
}

fn step() -> impl Strategy<Value = (usize, Step)> {
    let slot = || 0..SLOTS;
    let parent = prop_oneof![
        4 => Just(Parent::Contextual),
        1 => Just(Parent::Root),
        2 => slot().prop_map(Parent::Of),
        1 => any::<bool>().prop_map(Parent::Caller),
    ];
    let step = prop_oneof![
        4 => (slot(), parent).prop_map(|(slot, parent)| Step::New(slot, parent)),
        1 => slot().prop_map(Step::Hidden),
        2 => slot().prop_map(Step::Drop),
        4 => slot().prop_map(Step::Enter),
        3 => slot().prop_map(Step::Exit),
        2 => (slot(), 0..9_i64).prop_map(|(slot, n)| Step::Record(slot, n)),
        // The peer waits for ever if a span follows from itself.
        1 => (slot(), 1..SLOTS).prop_map(|(one, n)| Step::Follows(one, (one + n) % SLOTS)),
        2 => Just(Step::Event),
        1 => slot().prop_map(Step::EventIn),
    ];
    (0..THREADS, step)
}

type Job = Box<dyn FnOnce(&mut Vec<EnteredSpan>) + Send>;

/// Runs the steps one after the other, each on its thread.
fn run(program: &[(usize, Step)], set_parent: fn(&Span, Context)) {
    let dispatch = &tracing::dispatcher::get_default(Clone::clone);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..THREADS)
            .map(|_| {
                let (send, jobs) = mpsc::channel::<Job>();
                let (done, wait) = mpsc::channel();
                scope.spawn(move || {
                    let _default = tracing::dispatcher::set_default(dispatch);
                    let mut guards = Vec::new();
                    for job in jobs {
                        job(&mut guards);
                        done.send(()).expect("the program waits");
                    }
                });
                (send, wait)
            })
            .collect();
        let work = |thread: usize, job: Job| {
            workers[thread].0.send(job).expect("a worker");
            workers[thread].1.recv().expect("no panic");
        };
        let mut slots: [Option<Span>; SLOTS] = Default::default();
        let mut made = 0;
        for (thread, step) in program.iter().copied() {
            let of = |slot: usize| slots[slot].clone();
            match step {
                Step::New(slot, parent) => {
                    let name = format!("span {made}");
                    made += 1;
                    let of = match parent {
                        Parent::Of(other) => of(other),
                        _ => None,
                    };
                    let (done, span) = mpsc::channel();
                    work(
                        thread,
                        Box::new(move |_| {
                            let span = match (parent, of) {
                                (Parent::Root, _) => {
                                    info_span!(parent: None, "span", otel.name = name, n = Empty)
                                }
                                (Parent::Of(_), Some(of)) => {
                                    info_span!(parent: &of, "span", otel.name = name, n = Empty)
                                }
                                _ => info_span!("span", otel.name = name, n = Empty),
                            };
                            if let Parent::Caller(sampled) = parent {
                                set_parent(&span, remote(TraceFlags::new(sampled.into())));
                            }
                            done.send(span).expect("the program waits");
                        }),
                    );
                    slots[slot] = span.recv().ok();
                }
                Step::Hidden(slot) => {
                    let (done, span) = mpsc::channel();
                    work(
                        thread,
                        Box::new(move |_| {
                            let hidden = info_span!("hidden", n = Empty);
                            done.send(hidden).expect("the program waits");
                        }),
                    );
                    slots[slot] = span.recv().ok();
                }
                Step::Drop(slot) => {
                    let span = slots[slot].take();
                    work(thread, Box::new(move |_| drop(span)));
                }
                Step::Enter(slot) => {
                    if let Some(span) = of(slot) {
                        let enter = move |guards: &mut Vec<EnteredSpan>| {
                            // In a span that is entered again the peer makes spans, but adds
                            // events to the one between.
                            if guards.iter().all(|entered| entered.id() != span.id()) {
                                guards.push(span.entered());
                            }
                        };
                        work(thread, Box::new(enter));
                    }
                }
                Step::Exit(at) => work(
                    thread,
                    Box::new(move |guards| {
                        if at < guards.len() {
                            drop(guards.remove(at));
                        }
                    }),
                ),
                Step::Record(slot, n) => {
                    if let Some(span) = of(slot) {
                        work(
                            thread,
                            Box::new(move |_| {
                                span.record("n", n);
                            }),
                        );
                    }
                }
                Step::Follows(slot, other) => {
                    if let (Some(span), Some(other)) = (of(slot), of(other)) {
                        work(
                            thread,
                            Box::new(move |_| {
                                span.follows_from(&other);
                            }),
                        );
                    }
                }
                Step::Event => work(thread, Box::new(|_| info!("event"))),
                Step::EventIn(slot) => {
                    if let Some(span) = of(slot) {
                        work(thread, Box::new(move |_| info!(parent: &span, "event in")));
                    }
                }
            }
        }
        for thread in 0..THREADS {
            work(thread, Box::new(|guards| while guards.pop().is_some() {}));
            work(
                thread,
                Box::new(|_| assert!(!Context::current().has_active_span())),
            );
        }
    });
}

fn of_ours(program: &[(usize, Step)]) -> Vec<Told> {
    let ours = Ours::new();
    let layer = ours
        .layer()
        .with_filter(filter_fn(|metadata| metadata.name() != "hidden"));
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(subscriber, || {
        run(program, |span, parent| {
            let _ = tracer_instrument::tracing::OpenTelemetrySpanExt::set_parent(span, parent);
        });
    });
    told(&ours.spans())
}

fn of_peer(program: &[(usize, Step)]) -> Vec<Told> {
    let memory = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder()
        .with_simple_exporter(memory.clone())
        .build();
    let layer = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("test"))
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false)
        .with_filter(filter_fn(|metadata| metadata.name() != "hidden"));
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(subscriber, || {
        run(program, |span, parent| {
            let _ = tracing_opentelemetry::OpenTelemetrySpanExt::set_parent(span, parent);
        });
    });
    told(&memory.get_finished_spans().expect("spans"))
}

/// Threads export each on their own, and a span that is not sampled has no name to be told by.
fn in_order(mut spans: Vec<Told>) -> Vec<Told> {
    spans.sort_by(|one, other| one.name.cmp(&other.name));
    for link in spans.iter_mut().flat_map(|span| &mut span.links) {
        if !link.starts_with("span") {
            *link = "unsampled".to_owned();
        }
    }
    spans
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_programs_export_the_same(program in prop::collection::vec(step(), 1..60)) {
        let (ours, peer) = (in_order(of_ours(&program)), in_order(of_peer(&program)));
        prop_assert_eq!(ours, peer);
    }
}
