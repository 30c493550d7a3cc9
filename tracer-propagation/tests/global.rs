//! Which propagator is in force, and that it is asked directly.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "helpers of tests are tests to the reader"
)]

use std::borrow::Cow;
use std::collections::HashMap;
use std::process::Command;
use std::sync::{Arc, Barrier, Mutex, MutexGuard, PoisonError};
use std::{env, thread};

use opentelemetry::propagation::text_map_propagator::FieldIter;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::TraceContextExt;
use opentelemetry::{Context, global as stock};
use opentelemetry_sdk::propagation::TraceContextPropagator as StockTraceContext;
use tracer_propagation::carrier::{Carrier, CarrierMut};
use tracer_propagation::{B3Propagator, CompositePropagator, Propagator, TextMap, global};

const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// The global propagator belongs to the process: one test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn headers() -> HashMap<String, String> {
    HashMap::from([("traceparent".to_owned(), TRACEPARENT.to_owned())])
}

fn is_extracted() -> bool {
    let cx = global::extract_from(&Context::new(), &headers());
    cx.span().span_context().is_valid()
}

/// What is injected for the caller of [`headers`].
fn injected() -> HashMap<String, String> {
    let cx = StockTraceContext::new().extract(&headers());
    let mut sent = HashMap::new();
    global::inject_into(&cx, &mut sent);
    sent
}

/// Writes its name, and which way it was asked.
#[derive(Clone, Debug)]
struct Probe(Arc<str>);

impl Probe {
    fn new(name: &str) -> Self {
        Self(name.into())
    }
}

impl Propagator for Probe {
    fn extract_from(&self, cx: &Context, _carrier: &dyn Carrier) -> Context {
        cx.with_value("directly")
    }

    fn inject_into(&self, _cx: &Context, carrier: &mut dyn CarrierMut) {
        carrier.set("name", Cow::Borrowed(&self.0));
        carrier.set("asked", Cow::Borrowed("directly"));
    }
}

impl TextMapPropagator for Probe {
    fn inject_context(&self, _cx: &Context, injector: &mut dyn Injector) {
        injector.set("name", self.0.to_string());
        injector.set("asked", "by traits".to_owned());
    }

    fn extract_with_context(&self, cx: &Context, _extractor: &dyn Extractor) -> Context {
        cx.with_value("by traits")
    }

    fn fields(&self) -> FieldIter<'_> {
        FieldIter::new(&[])
    }
}

/// How our instrumentation and that of others ask the probe that is in force.
fn ways() -> [Option<&'static str>; 2] {
    let (cx, headers) = (Context::new(), headers());
    let ours = global::extract_from(&cx, &headers);
    let others = stock::get_text_map_propagator(|it| it.extract_with_context(&cx, &headers));
    [ours, others].map(|cx| cx.get::<&str>().copied())
}

#[test]
fn before_one_is_set_nothing_is_read_or_written() {
    const CHILD: &str = "TRACER_TEST_CHILD";
    if env::var_os(CHILD).is_some() {
        assert!(!is_extracted());
        assert!(injected().is_empty());
        return;
    }
    let child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "before_one_is_set_nothing_is_read_or_written"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{output}");
    assert!(output.contains("1 passed"), "{output}");
}

#[test]
fn it_is_asked_directly_and_by_others_through_their_traits() {
    let _alone = alone();
    // The second one replaces one that was set here too.
    for name in ["a", "b"] {
        global::set_text_map_propagator(Probe::new(name));
        assert_eq!(ways(), [Some("directly"), Some("by traits")]);
        let sent = injected();
        assert_eq!((&*sent["name"], &*sent["asked"]), (name, "directly"));
    }

    stock::set_text_map_propagator(Probe::new("a"));
    assert_eq!(ways(), [Some("by traits"); 2]);
    assert_eq!(injected()["asked"], "by traits");
}

#[test]
fn the_last_one_is_in_force_wherever_it_was_set() {
    let _alone = alone();
    global::set_text_map_propagator(CompositePropagator::default());
    assert!(is_extracted());
    assert_eq!(injected(), headers());

    global::set_text_map_propagator(B3Propagator::single());
    assert!(!is_extracted());
    let b3 = "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1";
    assert_eq!(injected(), HashMap::from([("b3".into(), b3.into())]));

    stock::set_text_map_propagator(StockTraceContext::new());
    assert!(is_extracted());
    assert_eq!(injected()["traceparent"], TRACEPARENT);

    stock::set_text_map_propagator(B3Propagator::single());
    assert!(!is_extracted());
    assert!(injected().contains_key("b3"));

    global::set_text_map_propagator(TextMap(StockTraceContext::new()));
    assert!(is_extracted());
    assert_eq!(injected()["traceparent"], TRACEPARENT);
}

/// Has the very fields of the propagator that it stands before, and sends nothing.
#[derive(Debug)]
struct Silent(CompositePropagator);

impl TextMapPropagator for Silent {
    fn inject_context(&self, _cx: &Context, _injector: &mut dyn Injector) {}

    fn extract_with_context(&self, cx: &Context, extractor: &dyn Extractor) -> Context {
        self.0.extract_with_context(cx, extractor)
    }

    fn fields(&self) -> FieldIter<'_> {
        self.0.fields()
    }
}

/// As an application does that wants less sent than `tracer_export::init` has set up.
#[test]
fn a_wrapper_around_the_one_that_was_set_is_not_passed_over() {
    let _alone = alone();
    let propagator = CompositePropagator::default();
    global::set_text_map_propagator(propagator.clone());
    stock::set_text_map_propagator(Silent(propagator));
    assert!(is_extracted());
    assert!(injected().is_empty());
}

/// Sets another propagator while it works.
#[derive(Debug)]
struct Successor;

impl Propagator for Successor {
    fn inject_into(&self, cx: &Context, carrier: &mut dyn CarrierMut) {
        global::set_text_map_propagator(Probe::new("successor"));
        global::inject_into(cx, carrier);
    }
}

impl TextMapPropagator for Successor {
    fn inject_context(&self, _cx: &Context, _injector: &mut dyn Injector) {}

    fn extract_with_context(&self, cx: &Context, _extractor: &dyn Extractor) -> Context {
        cx.clone()
    }

    fn fields(&self) -> FieldIter<'_> {
        FieldIter::new(&[])
    }
}

#[test]
fn a_propagator_may_replace_itself_and_call_the_next() {
    let _alone = alone();
    global::set_text_map_propagator(Successor);
    assert_eq!(injected()["name"], "successor");
}

#[test]
fn one_that_is_replaced_is_dropped() {
    let _alone = alone();
    let first = Probe::new("first");
    for replace in [
        (|| global::set_text_map_propagator(Probe::new("next"))) as fn(),
        || stock::set_text_map_propagator(Probe::new("next")),
    ] {
        global::set_text_map_propagator(first.clone());
        replace();
        assert_eq!(Arc::strong_count(&first.0), 1);
    }
}

/// Whoever comes last, all instrumentation agrees on it afterwards.
#[test]
fn those_who_set_at_once_leave_one_propagator() {
    let _alone = alone();
    let barrier = Barrier::new(3);
    for _ in 0..1_000 {
        thread::scope(|scope| {
            let setters: [fn(); 3] = [
                || global::set_text_map_propagator(Probe::new("a")),
                || global::set_text_map_propagator(Probe::new("b")),
                || stock::set_text_map_propagator(Probe::new("stock")),
            ];
            for set in setters {
                let barrier = &barrier;
                scope.spawn(move || {
                    barrier.wait();
                    set();
                });
            }
        });
        let cx = Context::new();
        let mut others = HashMap::new();
        stock::get_text_map_propagator(|it| it.inject_context(&cx, &mut others));
        assert_eq!(injected()["name"], others["name"]);
    }
}

/// One that overtook the other was asked through the traits from then on.
#[test]
fn of_two_that_are_set_here_at_once_the_last_is_asked_directly() {
    let _alone = alone();
    let barrier = Barrier::new(3);
    for _ in 0..200 {
        thread::scope(|scope| {
            // While it is asked through the traits, both stand in line there.
            stock::get_text_map_propagator(|_| {
                for name in ["a", "b"] {
                    let barrier = &barrier;
                    scope.spawn(move || {
                        barrier.wait();
                        global::set_text_map_propagator(Probe::new(name));
                    });
                }
                barrier.wait();
                thread::yield_now();
            });
        });
        assert_eq!(ways(), [Some("directly"), Some("by traits")]);
    }
}
