//! Errors, results and panics, as the semantic conventions define them ("Exceptions on spans",
//! "Recording errors").

use std::{
    fmt,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    task::{Context, Waker},
};

use opentelemetry::{Value, trace::Status};
use opentelemetry_sdk::trace::SpanData;
use tracer_core::{current, span, traced};

use crate::{
    attributes, one, recorded,
    support::{Recorder, TIMEOUT, block_on, provider, quiet_panic},
};

#[derive(Debug)]
struct Declined {
    code: u8,
}

impl fmt::Display for Declined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "declined with {}", self.code)
    }
}

impl std::error::Error for Declined {}

const DECLINED: &str = "traced::outcome::Declined";

/// The events of a span: names and attributes.
fn events(span: &SpanData) -> Vec<(String, Vec<(String, Value)>)> {
    let events = span.events.events.iter();
    events
        .map(|event| {
            let attributes = event.attributes.iter();
            let pairs = attributes.map(|one| (one.key.to_string(), one.value.clone()));
            (event.name.to_string(), pairs.collect())
        })
        .collect()
}

#[track_caller]
fn check_failed(span: &SpanData, kind: Option<&'static str>, message: &'static str) {
    assert_eq!(span.status, Status::error(message));
    let error_type = span
        .attributes
        .iter()
        .find(|one| one.key.as_str() == "error.type");
    let expected = Value::from(kind.unwrap_or("_OTHER"));
    assert_eq!(error_type.map(|one| &one.value), Some(&expected));
    let mut exception = Vec::new();
    exception.extend(kind.map(|kind| ("exception.type".to_owned(), kind.into())));
    if !message.is_empty() {
        exception.push(("exception.message".to_owned(), message.into()));
    }
    assert_eq!(events(span), [("exception".to_owned(), exception)]);
}

#[traced(err)]
fn charge(code: u8) -> Result<u8, Declined> {
    match code {
        0 => Ok(1),
        code => Err(Declined { code }),
    }
}

#[traced(err(Debug))]
fn charge_debug(code: u8) -> Result<(), Declined> {
    charge(code)?;
    Ok(())
}

#[traced(err(Display))]
fn charge_boxed() -> Result<(), Box<dyn std::error::Error>> {
    Err(Box::new(Declined { code: 3 }))
}

#[traced(err)]
async fn charge_later(code: u8) -> Result<u8, Declined> {
    tokio::task::yield_now().await;
    charge_debug(code)?;
    Ok(code)
}

#[test]
fn an_error_is_an_exception_and_the_status() {
    check_failed(&one(|| drop(charge(1))), Some(DECLINED), "declined with 1");
    let spans = recorded(|| drop(charge_debug(2)));
    check_failed(&spans[1], Some(DECLINED), "Declined { code: 2 }");
    check_failed(&one(|| drop(charge_boxed())), None, "declined with 3");
    let spans = recorded(|| drop(block_on(charge_later(4))));
    check_failed(&spans[2], Some(DECLINED), "declined with 4");
}

#[test]
fn success_leaves_no_trace() {
    let span = one(|| drop(charge(0)));
    assert_eq!(span.status, Status::Unset);
    assert!(events(&span).is_empty());
    assert_eq!(attributes(&span), [("code", 0.into())]);
}

#[traced(ret)]
fn returned(n: u32) -> u32 {
    n + 1
}

#[traced(ret(Display), skip_all)]
fn displayed() -> Declined {
    Declined { code: 5 }
}

#[traced(ret, skip_all)]
fn both_ways(ok: bool) -> Result<u8, u8> {
    if ok { Ok(1) } else { Err(2) }
}

#[traced(ret, err, skip_all)]
fn only_ok(ok: bool) -> Result<u8, u8> {
    both_ways(ok)
}

#[traced(ret)]
fn nothing() {}

#[test]
fn the_result_is_an_attribute() {
    let of = |span: &SpanData| {
        let found = span
            .attributes
            .iter()
            .find(|one| one.key.as_str() == "return");
        found.map(|one| one.value.clone())
    };
    assert_eq!(of(&one(|| assert_eq!(returned(1), 2))), Some(2.into()));
    assert_eq!(
        of(&one(|| assert_eq!(displayed().code, 5))),
        Some("declined with 5".into())
    );
    let spans = recorded(|| assert_eq!(only_ok(true), Ok(1)));
    assert_eq!(of(&spans[0]), Some("Ok(1)".into()));
    assert_eq!(of(&spans[1]), Some(1.into()));
    let spans = recorded(|| assert_eq!(only_ok(false), Err(2)));
    assert_eq!(of(&spans[0]), Some("Err(2)".into()));
    assert_eq!(of(&spans[1]), None);
    assert_eq!(of(&one(nothing)), Some("()".into()));
}

#[traced(err)]
fn handled() -> Result<(), Declined> {
    let _inner = span!("inner");
    current().set_status(Status::error("of the inner one"));
    Err(Declined { code: 6 })
}

#[test]
fn an_error_belongs_to_the_span_of_its_function() {
    let spans = recorded(|| {
        let _outer = span!("outer");
        drop(handled());
    });
    assert_eq!(spans[0].status, Status::error("of the inner one"));
    check_failed(&spans[1], Some(DECLINED), "declined with 6");
    assert_eq!(spans[2].status, Status::Unset);
}

/// The current span is then that of the caller.
#[test]
fn an_error_of_a_function_that_is_not_recorded_is_recorded_on_no_other_span() {
    let span = one(|| {
        let _outer = span!("outer");
        let _off = opentelemetry::Context::enter_telemetry_suppressed_scope();
        drop(charge(1));
        drop(block_on(charge_later(1)));
    });
    assert_eq!(span.name, "outer");
    assert_eq!(span.status, Status::Unset);
    assert!(events(&span).is_empty());
}

#[traced]
fn panics() {
    quiet_panic();
}

#[traced]
async fn panics_later() {
    tokio::task::yield_now().await;
    panics();
}

#[traced]
fn fine() {}

struct CallsAtDrop;

impl Drop for CallsAtDrop {
    fn drop(&mut self) {
        fine();
    }
}

#[test]
fn a_panic_ends_the_span_as_an_error_and_goes_on() {
    let spans = recorded(|| {
        let _outer = span!("outer");
        catch_unwind(panics).expect_err("the panic");
        catch_unwind(|| block_on(panics_later())).expect_err("the panic");
    });
    let names: Vec<_> = spans.iter().map(|span| span.name.as_ref()).collect();
    assert_eq!(names, ["panics", "panics", "panics_later", "outer"]);
    for span in &spans[..3] {
        check_failed(span, Some("panic"), "");
    }
    assert_eq!(spans[3].status, Status::Unset);
}

#[test]
fn a_panic_of_others_is_not_the_functions() {
    let spans = recorded(|| {
        let polled = AssertUnwindSafe(|| {
            let _calls = CallsAtDrop;
            let mut waits = Box::pin(charge_later(0));
            let mut context = Context::from_waker(Waker::noop());
            assert!(waits.as_mut().poll(&mut context).is_pending());
            quiet_panic()
        });
        drop(catch_unwind(polled).expect_err("the panic"));
    });
    let names: Vec<_> = spans.iter().map(|span| span.name.as_ref()).collect();
    assert_eq!(names, ["charge_later", "fine"]);
    for span in &spans {
        assert_eq!(span.status, Status::Unset);
    }
}

#[test]
fn a_function_runs_on_after_the_provider_was_shut_down() {
    let recorder = Recorder::default();
    let provider = provider(&recorder);
    let _default = provider.set_thread_default();
    provider.shutdown(TIMEOUT).expect("shutdown");
    assert_eq!(returned(1), 2);
}
