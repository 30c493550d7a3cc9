//! Log lines with the ids of their trace against those of tracing-subscriber, which have none.
//!
//! `cargo bench -p tracer-benches --bench logs` prints nanoseconds a line, then allocations a line.
//! Each writer logs the same event of a message and three fields, in an OpenTelemetry span, into
//! nothing; the pairs write the same syntax.

use std::{io, time::Instant};

use ::log::{Log, Metadata, Record};
use opentelemetry::{
    Context, ContextGuard,
    trace::{SpanContext, TraceContextExt as _, TraceFlags, TraceState},
};
use tracer_instrument::log::{CorrelatedFormat, CorrelatedLogger, LineFormat};
use tracing::{Dispatch, dispatcher};
use tracing_subscriber::fmt::format;

use crate::bench::{line, median};

/// So few that most rounds are not interrupted.
const LINES_PER_ROUND: usize = 200;

/// What the lines of one case are written with.
pub struct Pair {
    /// What a line of the table is called.
    pub name: &'static str,
    /// Whose peer is called.
    pub peer: &'static str,
    write: [Box<dyn Fn()>; 2],
}

/// All pairs: ours and its peer.
pub fn pairs() -> Vec<Pair> {
    let stock_json = || {
        Dispatch::new(
            tracing_subscriber::fmt()
                .json()
                .with_writer(io::sink)
                .finish(),
        )
    };
    let stock_text = || {
        Dispatch::new(
            tracing_subscriber::fmt()
                .with_ansi(false)
                .with_writer(io::sink)
                .finish(),
        )
    };
    let ours = |format| {
        Dispatch::new(
            tracing_subscriber::fmt()
                .event_format(format)
                .with_writer(io::sink)
                .finish(),
        )
    };
    let json_with_ids = tracing_subscriber::fmt()
        .json()
        .event_format(CorrelatedFormat::json(format().json()).service_name("orders"))
        .with_writer(io::sink)
        .finish();
    let pair = |name, ours, peer, other| Pair {
        name,
        peer,
        write: [by_tracing(ours), by_tracing(other)],
    };
    vec![
        pair(
            "log_json",
            ours(LineFormat::json().service_name("orders")),
            "tracing-subscriber",
            stock_json(),
        ),
        pair(
            "log_json_wrapped",
            Dispatch::new(json_with_ids),
            "tracing-subscriber",
            stock_json(),
        ),
        pair(
            "log_text",
            ours(LineFormat::text().service_name("orders")),
            "tracing-subscriber",
            stock_text(),
        ),
        Pair {
            name: "log_key_values",
            peer: "without",
            write: [
                by_log(CorrelatedLogger::new(VisitsKeyValues).service_name("orders")),
                by_log(VisitsKeyValues),
            ],
        },
    ]
}

impl Pair {
    /// Medians of nanoseconds a line over interleaved rounds.
    pub fn time(&self, rounds: usize) {
        let mut samples = [Vec::new(), Vec::new()];
        // The first round warms caches and buffers.
        for round in 0..=rounds {
            for (write, samples) in self.write.iter().zip(&mut samples) {
                let started = Instant::now();
                write();
                let nanos = started.elapsed().as_nanos() as f64 / LINES_PER_ROUND as f64;
                if round > 0 {
                    samples.push(nanos);
                }
            }
        }
        self.tell("ns", samples.map(median));
    }

    /// Allocations a line, as `count` counts them in a call.
    pub fn count(&self, count: fn(&dyn Fn()) -> u64) {
        let per_line = [0, 1].map(|index| {
            let write = self.write.get(index).expect("two");
            write();
            count(write) as f64 / LINES_PER_ROUND as f64
        });
        self.tell("allocations", per_line);
    }

    fn tell(&self, unit: &str, [ours, peer]: [f64; 2]) {
        line(&format!("{}_{unit}", self.name), ours, self.peer, peer);
    }
}

/// A span as a server has it.
fn in_span() -> ContextGuard {
    let (trace_id, span_id) = (
        0x4bf9_2f35_77b3_4da6_u128.into(),
        0x00f0_67aa_0ba9_02b7.into(),
    );
    let state = TraceState::NONE;
    let span = SpanContext::new(trace_id, span_id, TraceFlags::SAMPLED, false, state);
    Context::new().with_remote_span_context(span).attach()
}

fn by_tracing(dispatch: Dispatch) -> Box<dyn Fn()> {
    Box::new(move || {
        let _span = in_span();
        dispatcher::with_default(&dispatch, || {
            for cents in 0..LINES_PER_ROUND {
                tracing::info!(
                    cents,
                    sku = "teapot",
                    paid = true,
                    "order of {} priced",
                    "tea"
                );
            }
        });
    })
}

fn by_log(logger: impl Log + 'static) -> Box<dyn Fn()> {
    ::log::set_max_level(::log::LevelFilter::Info);
    Box::new(move || {
        let _span = in_span();
        for cents in 0..LINES_PER_ROUND {
            ::log::info!(logger: logger, cents, sku = "teapot"; "order of {} priced", "tea");
        }
    })
}

/// A logger that looks at all key-values and writes nothing.
struct VisitsKeyValues;

impl Log for VisitsKeyValues {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        struct Look;
        impl<'kvs> ::log::kv::VisitSource<'kvs> for Look {
            fn visit_pair(
                &mut self,
                key: ::log::kv::Key<'kvs>,
                value: ::log::kv::Value<'kvs>,
            ) -> Result<(), ::log::kv::Error> {
                std::hint::black_box((key, value));
                Ok(())
            }
        }
        record.key_values().visit(&mut Look).expect("never refused");
    }

    fn flush(&self) {}
}
