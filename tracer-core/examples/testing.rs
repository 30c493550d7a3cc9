//! How instrumented code is tested: what a failed test says, and how time and concurrency are kept
//! out of the way.
//!
//! `cargo run -p tracer-core --features testing --example testing`
#![forbid(unsafe_code)]

use std::{panic, time::Duration};

use opentelemetry::{
    Context, KeyValue,
    trace::{FutureExt as _, Span as _, Status, TraceContextExt as _, Tracer as _},
};
use tracer_core::{
    Tracer,
    testing::{ManualClock, TestProvider, assert_trace},
};

/// What is tested: asks all warehouses at once, and takes the first that has the goods.
async fn reserve(tracer: &Tracer, clock: &ManualClock, stock: [u32; 2]) -> Result<usize, String> {
    let context = Context::current_with_span(tracer.start("reserve"));
    let ask = async |at: usize, goods: u32| {
        let mut span = tracer.start("ask warehouse");
        span.set_attribute(KeyValue::new("warehouse", format!("w{at}")));
        // A network would be here.
        clock.advance(Duration::from_millis(20));
        tokio::task::yield_now().await;
        (goods > 0).then_some(at)
    };
    let asked = async { tokio::join!(ask(0, stock[0]), ask(1, stock[1])) };
    let (first, second) = asked.with_context(context.clone()).await;
    first.or(second).ok_or_else(|| {
        let reason = "sold out".to_owned();
        context.span().set_status(Status::error(reason.clone()));
        reason
    })
}

async fn goods_come_from_the_first_warehouse_that_has_them() {
    let trace = TestProvider::new();
    let reserved = reserve(&trace.tracer("stock"), trace.clock(), [0, 5]).await;
    assert_eq!(reserved, Ok(1));
    assert_trace!(
        trace,
        r#"
        "reserve" unordered
            "ask warehouse"
                warehouse = "w1"
            "ask warehouse"
                warehouse = ~"w*"
        "#
    );
    assert_eq!(trace.span("reserve").duration(), Duration::from_millis(40));
    trace.balance();
}

async fn wrong_expectation() {
    let trace = TestProvider::new();
    // The result is of no interest here.
    let _ = reserve(&trace.tracer("stock"), trace.clock(), [0, 0]).await;
    assert_trace!(
        trace,
        r#"
        "reserve" error "no money"
            ...
        "#
    );
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    goods_come_from_the_first_warehouse_that_has_them().await;
    println!("the first test passes; the second one says:\n");
    panic::set_hook(Box::new(|failure| {
        println!("{}", failure.payload_as_str().unwrap_or_default());
    }));
    // It is meant to fail.
    let _ = tokio::spawn(wrong_expectation()).await;
}
