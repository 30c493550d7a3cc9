//! What is counted.

use opentelemetry::{
    KeyValue,
    trace::{Span as _, Tracer as _, TracerProvider as _},
};
use tracer_benches::{Carry, Case, Sink, TIMEOUT, Target, encode, hostile, system};
use tracer_core::{TracerProvider, span};
use tracer_export::OtlpEncoder;
use tracing::{info, info_span};

/// Few enough that a ring takes at most one more segment.
const OPERATIONS: usize = 200;
const ATTRIBUTES_PER_SPAN: usize = 5;
/// Many, because the worker's rounds depend on the time.
const PIPELINE_SPANS: usize = 20_000;

/// The function that callgrind looks into, where the calling thread counts.
pub const TOGGLE: &str = "*::work::counted*";

/// One figure of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    /// A case that is also timed.
    Case(Case),
    /// A native case where guards are active in `Context`.
    Active(Case),
    /// One span of `tracing` with ten events.
    TracingEvents,
    /// One native span with ten events of `tracing`.
    NativeEvents,
    /// One message with W3C headers.
    Carry(Carry),
    /// All hostile messages once.
    Hostile,
    /// Setting one attribute of a few on a span, numbers and text by turns.
    Attribute,
    /// One root span from the ring to the exporter.
    Pipeline,
    /// One span with attributes, from its record to OTLP.
    Encode,
}

impl Figure {
    pub fn all() -> impl Iterator<Item = Self> {
        let rest = [Self::Hostile, Self::Attribute, Self::Pipeline, Self::Encode];
        // Without baggage, whose map has another order in every process.
        let steady = |work: &Carry| !work.name().ends_with("baggage");
        let carried = Carry::ALL.into_iter().filter(steady).map(Self::Carry);
        let cases = Case::ALL.into_iter().map(Self::Case);
        let native = [Case::NativeRoot, Case::NativeChild, Case::NativeTree];
        let active = native.into_iter().map(Self::Active);
        let events = [Self::TracingEvents, Self::NativeEvents];
        cases.chain(carried).chain(rest).chain(active).chain(events)
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Case(case) => case.name(),
            Self::Active(Case::NativeRoot) => "active_native_root",
            Self::Active(Case::NativeChild) => "active_native_child",
            Self::Active(_) => "active_native_tree",
            Self::TracingEvents => "tracing_events",
            Self::NativeEvents => "native_events",
            Self::Carry(work) => work.name(),
            Self::Hostile => "hostile",
            Self::Attribute => "attribute",
            Self::Pipeline => "pipeline",
            Self::Encode => "encode",
        }
    }

    pub fn by_name(name: &str) -> Self {
        let found = Self::all().find(|figure| figure.name() == name);
        found.unwrap_or_else(|| panic!("no figure {name:?}"))
    }

    /// How many operations one more time adds.
    pub fn operations(self) -> usize {
        match self {
            Self::Case(Case::Tree | Case::NativeTree) | Self::Active(Case::NativeTree) => {
                OPERATIONS / 10
            }
            Self::TracingEvents | Self::NativeEvents => OPERATIONS / 10,
            Self::Case(_) | Self::Active(_) | Self::Carry(_) => OPERATIONS,
            Self::Hostile => 1,
            Self::Encode => encode::SPANS,
            Self::Attribute => OPERATIONS * ATTRIBUTES_PER_SPAN,
            Self::Pipeline => PIPELINE_SPANS,
        }
    }

    /// Whether the calling thread counts, or all others do.
    pub fn is_callers(self) -> bool {
        self != Self::Pipeline
    }

    /// Does the work so many times.
    pub fn run(self, times: usize) {
        match self {
            Self::Case(case) => {
                let ours = system("ours", &Target::Null);
                // The thread's first span registers its ring.
                ours.run(case, 1);
                counted(|| ours.run(case, self.operations() * times));
            }
            Self::Active(case) => {
                let ours = system("ours_active", &Target::Null);
                ours.run(case, 1);
                counted(|| ours.run(case, self.operations() * times));
            }
            Self::TracingEvents => {
                events(self.operations() * times, || info_span!("span").entered())
            }
            Self::NativeEvents => events(self.operations() * times, || span!("span")),
            // What stands around the operations is the same each time.
            Self::Carry(work) => counted(|| work.run(true, self.operations() * times)),
            Self::Hostile => {
                let read = hostile::all();
                counted(|| (0..times).for_each(|_| read()));
            }
            Self::Attribute => attributes(ATTRIBUTES_PER_SPAN * times),
            Self::Pipeline => pipeline(PIPELINE_SPANS * times),
            Self::Encode => encode(times),
        }
    }
}

/// The part of [`TOGGLE`]. Calibrating the clock, for one, takes as long as it takes.
#[inline(never)]
fn counted(work: impl FnOnce()) {
    work();
}

/// Spans with ten events of `tracing` each.
fn events<T>(spans: usize, enter: impl Fn() -> T) {
    let _layer = system("tracing_ours", &Target::Null);
    let span = || {
        let _entered = enter();
        for at in 0..10 {
            info!(at, key = "order", "cache miss");
        }
    };
    span();
    counted(|| (0..spans).for_each(|_| span()));
}

/// As many spans each time, but more attributes on each: what a span itself costs cancels out.
fn attributes(per_span: usize) {
    const KEYS: [&str; 10] = [
        "http.request.method",
        "http.response.status_code",
        "http.route",
        "server.port",
        "url.scheme",
        "http.request.body.size",
        "user_agent.original",
        "http.request.resend_count",
        "network.protocol.version",
        "client.port",
    ];
    let provider = TracerProvider::builder().build().expect("provider");
    let tracer = provider.tracer("bench");
    let span = || {
        let mut span = tracer.start("root");
        for (at, key) in KEYS.into_iter().take(per_span).enumerate() {
            span.set_attribute(match at % 2 {
                0 => KeyValue::new(key, "value of a usual length"),
                _ => KeyValue::new(key, 8080),
            });
        }
    };
    span();
    counted(|| (0..OPERATIONS).for_each(|_| span()));
}

fn pipeline(spans: usize) {
    let provider = TracerProvider::builder()
        .exporter(Sink::default())
        .build()
        .expect("provider");
    let tracer = provider.tracer("bench");
    for _ in 0..spans {
        tracer.start("root").end();
    }
    provider.force_flush(TIMEOUT).expect("flush");
}

/// Encodes one batch so many times.
fn encode(times: usize) {
    let batch = encode::stored_by_ours();
    let mut encoder = OtlpEncoder::default();
    encoder.request(&batch).expect("bytes");
    counted(|| {
        for _ in 0..times {
            assert!(!encoder.request(&batch).expect("bytes").is_empty());
        }
    });
}
