//! Operations that succeed or fail, and the events in them.

use std::{
    fmt,
    future::Future,
    panic::catch_unwind,
    task::{Context, Waker},
};

use opentelemetry::{
    Context as OtelContext, KeyValue,
    trace::{SpanKind, TraceContextExt as _, Tracer as _, TracerProvider as _},
};
use tracer_core::{
    InSpan as _, current, operation, start_span,
    testing::{TestProvider, assert_trace},
};

use crate::support::{block_on, quiet_panic};

#[derive(Debug, PartialEq)]
struct Declined(u8);

impl fmt::Display for Declined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "declined with {}", self.0)
    }
}

struct Charged {
    cents: i64,
    currency: &'static str,
    retried: bool,
}

impl operation::Event for Charged {
    const NAME: &'static str = "shop.card.charged";

    fn attributes(&self) -> Vec<KeyValue> {
        vec![
            KeyValue::new("shop.cents", self.cents),
            KeyValue::new("shop.currency", self.currency),
            KeyValue::new("shop.retried", self.retried),
        ]
    }
}

fn charge(code: u8) -> Result<u8, Declined> {
    if code > 0 {
        return Err(Declined(code));
    }
    operation::emit(&Charged {
        cents: 499,
        currency: "EUR",
        retried: false,
    });
    Ok(code)
}

async fn charge_later(code: u8) -> Result<u8, Declined> {
    tokio::task::yield_now().await;
    charge(code)
}

/// The names and rules are those of the semantic conventions ("Exceptions on spans", "Recording
/// errors").
#[test]
fn work_runs_in_the_span_whose_error_and_events_are_its_own() {
    let trace = TestProvider::new();
    let checkout = start_span!("checkout").enter();
    let charged = operation::run(
        start_span!(kind: SpanKind::Client, "charge", "card.brand" = "x"),
        || charge(0),
    );
    assert_eq!(charged, Ok(0));
    let declined = block_on(operation::run_async(start_span!("again"), charge_later(5)));
    assert_eq!(declined, Err(Declined(5)));
    drop(checkout);
    assert_trace!(
        trace,
        r#"
        "checkout" unset
            "charge" client unset
                card.brand = "x"
                event "shop.card.charged"
                    shop.cents = 499
                    shop.currency = "EUR"
                    shop.retried = false
            "again" internal error "declined with 5"
                error.type = "span::operation::Declined"
                event "exception"
                    exception.type = "span::operation::Declined"
                    exception.message = "declined with 5"
        "#
    );
    trace.balance();
}

#[test]
fn futures_go_from_thread_to_thread_with_their_events() {
    let trace = TestProvider::new();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .expect("runtime");
    let work = operation::run_async(start_span!("task"), async {
        operation::run_async(start_span!("charge"), charge_later(0)).await?;
        charge(9)
    });
    let joined = runtime.block_on(runtime.spawn(work));
    assert_eq!(joined.expect("no panic"), Err(Declined(9)));
    assert_trace!(
        trace,
        r#"
        "task" error "declined with 9"
            error.type = "span::operation::Declined"
            event "exception"
            "charge" unset
                event "shop.card.charged"
        "#
    );
    trace.balance();
}

#[test]
fn a_panic_is_an_error_and_goes_on_and_a_dropped_future_is_none() {
    let trace = TestProvider::new();
    catch_unwind(|| {
        operation::run(start_span!("panics"), || -> Result<(), Declined> {
            quiet_panic()
        })
    })
    .expect_err("the panic");
    let mut dropped = Box::pin(operation::run_async(
        start_span!("dropped"),
        charge_later(1),
    ));
    let mut context = Context::from_waker(Waker::noop());
    assert!(dropped.as_mut().poll(&mut context).is_pending());
    drop(dropped);
    assert_trace!(
        trace,
        r#"
        "panics" error ""
            error.type = "panic"
            event "exception"
                exception.type = "panic"
        "dropped" unset
        "#
    );
    trace.balance();
}

struct Never;

impl operation::Event for Never {
    const NAME: &'static str = "never";

    fn attributes(&self) -> Vec<KeyValue> {
        panic!("no span records this")
    }
}

#[test]
fn without_a_provider_the_work_is_all_there_is() {
    let result = operation::run(start_span!("nothing"), || {
        operation::emit(&Never);
        charge(3)
    });
    assert_eq!(result, Err(Declined(3)));
    let result = block_on(operation::run_async(
        start_span!("nothing"),
        charge_later(0),
    ));
    assert_eq!(result, Ok(0));
    operation::emit(&Never);
}

#[test]
fn an_event_goes_to_the_active_span_of_opentelemetry_too() {
    let trace = TestProvider::new();
    let span = trace.provider().tracer("t").start("otel");
    let attached = OtelContext::current_with_span(span).attach();
    assert_eq!(charge(0), Ok(0));
    assert!(current().is_recording());
    drop(attached);
    // The error belongs to the inner span only, although the outer one is current before it.
    let around = start_span!("around");
    let work = async { operation::run(start_span!("inside"), || charge(2)) };
    assert_eq!(block_on(work.in_span(around)), Err(Declined(2)));
    assert_trace!(
        trace,
        r#"
        "otel" unset
            event "shop.card.charged"
        "around" unset
            "inside" error "declined with 2"
                error.type = "span::operation::Declined"
                event "exception"
        "#
    );
    trace.balance();
}
