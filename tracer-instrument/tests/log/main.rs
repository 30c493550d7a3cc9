//! Log lines and records with the ids of their trace.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

mod hostile;
mod json;
mod records;
mod spans;
mod text;
mod wrapped;

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use opentelemetry::{Context, ContextGuard};
use serde_json::Value;
use tracer_instrument::log::LineFormat;
use tracing_subscriber::fmt::MakeWriter;

/// The example of W3C Trace Context, §3.2.4.
const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN_ID: &str = "00f067aa0ba902b7";

fn in_example_span() -> ContextGuard {
    let span_context = SpanContext::new(
        TraceId::from_hex(TRACE_ID).unwrap(),
        SpanId::from_hex(SPAN_ID).unwrap(),
        TraceFlags::SAMPLED,
        true,
        TraceState::NONE,
    );
    Context::new()
        .with_remote_span_context(span_context)
        .attach()
}

/// Keeps what is written.
#[derive(Clone, Debug, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Written {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

fn lines(format: LineFormat, log: impl FnOnce()) -> String {
    let written = Written::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .event_format(format)
        .with_writer(written.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, log);
    written.text()
}

/// The one JSON line that is logged.
#[track_caller]
fn json(log: impl FnOnce()) -> Value {
    let written = lines(LineFormat::json().service_name("orders"), log);
    parse(&written)
}

#[track_caller]
fn parse(written: &str) -> Value {
    let line = one_line(written);
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

/// The one text line that is logged, without its time.
#[track_caller]
fn text(log: impl FnOnce()) -> String {
    let written = lines(LineFormat::text().service_name("orders"), log);
    let (time, rest) = one_line(&written).split_once(' ').unwrap();
    assert_is_time(time);
    rest.to_owned()
}

#[track_caller]
fn one_line(written: &str) -> &str {
    let line = written.strip_suffix('\n').unwrap();
    let breaks = [
        '\n', '\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}',
    ];
    assert!(!line.contains(breaks), "{line}");
    line
}

/// RFC 3339 in UTC with sub-second digits.
#[track_caller]
fn assert_is_time(time: &str) {
    let shape: String = time
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    assert_eq!(shape, "0000-00-00T00:00:00.000000Z");
}
