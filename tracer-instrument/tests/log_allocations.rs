//! Lines that carry ids take no memory, once their thread has written one.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "tests")]

use std::io;

use allocation_counter::measure;
use log::{Log, Metadata, Record};
use tracer_core::span;
use tracer_instrument::log::{CorrelatedFormat, CorrelatedLogger, LineFormat};
use tracing::Dispatch;
use tracing_subscriber::fmt::format;

fn allocations(write: impl Fn()) -> u64 {
    write();
    measure(|| (0..10).for_each(|_| write())).count_total
}

fn allocations_of(subscriber: impl Into<Dispatch>) -> u64 {
    let dispatch = subscriber.into();
    tracing::dispatcher::with_default(&dispatch, || {
        allocations(
            || tracing::info!(cents = 1200, sku = "tea\npot", paid = ?Some(true), "order {}", 7),
        )
    })
}

struct Nothing;

impl Log for Nothing {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        assert_eq!(record.key_values().count(), 5);
    }

    fn flush(&self) {}
}

#[test]
fn lines_and_records_in_a_span_allocate_nothing() {
    let provider = tracer_core::TracerProvider::builder().build().unwrap();
    let _default = provider.set_thread_default();
    let _span = span!("order");
    let ours = |lines| {
        let subscriber = tracing_subscriber::fmt().event_format(lines);
        allocations_of(subscriber.with_writer(io::sink).finish())
    };
    assert_eq!(ours(LineFormat::json().service_name("orders")), 0);
    assert_eq!(ours(LineFormat::text().service_name("orders")), 0);

    let stock = tracing_subscriber::fmt().with_writer(io::sink).json();
    let wrapped = CorrelatedFormat::json(format().json()).service_name("orders");
    let wrapped = tracing_subscriber::fmt()
        .with_writer(io::sink)
        .json()
        .event_format(wrapped);
    assert_eq!(
        allocations_of(wrapped.finish()),
        allocations_of(stock.finish())
    );

    log::set_max_level(log::LevelFilter::Info);
    let logger = CorrelatedLogger::new(Nothing).service_name("orders");
    assert_eq!(
        allocations(|| log::info!(logger: logger, cents = 1200; "order")),
        0
    );
}
