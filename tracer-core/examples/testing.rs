//! How instrumented code is tested: what a failed test says, and how time and concurrency are kept
//! out of the way.
//!
//! `cargo run -p tracer-core --example testing`
#![forbid(unsafe_code)]

use std::{panic, time::Duration};

use opentelemetry::trace::Status;
use tracer_core::{
    InSpan as _, current, start_span,
    testing::{ManualClock, TestProvider, assert_trace},
};

/// What is tested: asks all warehouses at once, and takes the first that has the goods.
async fn reserve(clock: &ManualClock, stock: [u32; 2]) -> Result<usize, String> {
    let ask = async |at: usize, goods: u32| {
        // A network would be here.
        clock.advance(Duration::from_millis(20));
        tokio::task::yield_now().await;
        (goods > 0).then_some(at)
    };
    let both = async {
        let first = ask(0, stock[0]).in_span(start_span!("ask warehouse", "warehouse" = "w0"));
        let second = ask(1, stock[1]).in_span(start_span!("ask warehouse", "warehouse" = "w1"));
        let (first, second) = tokio::join!(first, second);
        first.or(second).ok_or_else(|| {
            current().set_status(Status::error("sold out"));
            "sold out".to_owned()
        })
    };
    both.in_span(start_span!("reserve")).await
}

async fn goods_come_from_the_first_warehouse_that_has_them() {
    let trace = TestProvider::new();
    let reserved = reserve(trace.clock(), [0, 5]).await;
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
    let _ = reserve(trace.clock(), [0, 0]).await;
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
    let test = tokio::task::LocalSet::new();
    let _ = test
        .run_until(async { tokio::task::spawn_local(wrong_expectation()).await })
        .await;
}
