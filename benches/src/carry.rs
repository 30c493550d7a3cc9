//! Context into headers and out of them: ours and `opentelemetry_sdk`'s propagators on the same
//! carriers, each by the way that its own instrumentation goes.

use std::{collections::HashMap, hint::black_box, time::Instant};

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::{
    Context,
    baggage::BaggageExt,
    propagation::{TextMapCompositePropagator, TextMapPropagator},
    trace::TraceContextExt,
};
use opentelemetry_http::{HeaderExtractor, HeaderInjector};
use opentelemetry_sdk::propagation as stock;
use tracer_propagation::{
    BaggagePropagator, CompositePropagator, Propagator, TraceContextPropagator,
};

use crate::{
    Target,
    bench::{Bench, Job, line, median},
};

/// Bursts of one process; the figure is their median.
const BURSTS: usize = 40;
const OPERATIONS: usize = 2000;

const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const TRACESTATE: &str = "ot=th:c;rv:d29d6a7215ced0,congo=t61rcWkgMzE,rojo=00f067aa0ba902b7";
const BAGGAGE: &str = "userId=alice,serverNode=DF%2028,isProduction=false";

/// One kind of work. An operation is one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carry {
    /// A parent and three members of state into a `HeaderMap`.
    Inject,
    /// The same out of one.
    Extract,
    /// Into a `HashMap`, by the traits of the API.
    InjectMap,
    /// Out of one.
    ExtractMap,
    /// A parent without state into a `HeaderMap`.
    InjectPlain,
    /// The same out of one.
    ExtractPlain,
    /// A parent, three members of state and three of baggage into a `HeaderMap`.
    InjectBaggage,
    /// The same out of one.
    ExtractBaggage,
}

impl Carry {
    /// All of it, in the order of the table.
    pub const ALL: [Self; 8] = [
        Self::Inject,
        Self::Extract,
        Self::InjectMap,
        Self::ExtractMap,
        Self::InjectPlain,
        Self::ExtractPlain,
        Self::InjectBaggage,
        Self::ExtractBaggage,
    ];

    /// The name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Inject => "w3c_inject",
            Self::Extract => "w3c_extract",
            Self::InjectMap => "w3c_inject_map",
            Self::ExtractMap => "w3c_extract_map",
            Self::InjectPlain => "w3c_inject_plain",
            Self::ExtractPlain => "w3c_extract_plain",
            Self::InjectBaggage => "w3c_inject_baggage",
            Self::ExtractBaggage => "w3c_extract_baggage",
        }
    }

    /// Does so many operations, by ours or the stock propagators.
    pub fn run(self, by_ours: bool, operations: usize) {
        let state = match self {
            Self::InjectPlain | Self::ExtractPlain => None,
            _ => Some(("tracestate", TRACESTATE)),
        };
        let has_baggage = matches!(self, Self::InjectBaggage | Self::ExtractBaggage);
        let lines: Vec<_> = [("traceparent", TRACEPARENT)]
            .into_iter()
            .chain(state)
            .chain(has_baggage.then_some(("baggage", BAGGAGE)))
            .collect();
        match (by_ours, has_baggage) {
            (true, false) => self.ours(&TraceContextPropagator::new(), &lines, operations),
            (true, true) => {
                let both: [Box<dyn Propagator>; 2] = [
                    Box::new(TraceContextPropagator::new()),
                    Box::new(BaggagePropagator::new()),
                ];
                self.ours(&CompositePropagator::new(both.into()), &lines, operations);
            }
            (false, false) => self.stock(&stock::TraceContextPropagator::new(), &lines, operations),
            (false, true) => {
                let both: [Box<dyn TextMapPropagator + Send + Sync>; 2] = [
                    Box::new(stock::TraceContextPropagator::new()),
                    Box::new(stock::BaggagePropagator::new()),
                ];
                let both = TextMapCompositePropagator::new(both.into());
                self.stock(&both, &lines, operations);
            }
        }
    }

    fn ours(self, propagator: &impl Propagator, lines: &[(&str, &str)], operations: usize) {
        self.repeat(
            propagator,
            lines,
            operations,
            |cx, headers| propagator.inject_into(cx, headers),
            |headers| propagator.extract_from(&Context::new(), headers),
        );
    }

    fn stock(self, propagator: &impl TextMapPropagator, lines: &[(&str, &str)], operations: usize) {
        self.repeat(
            propagator,
            lines,
            operations,
            |cx, headers| propagator.inject_context(cx, &mut HeaderInjector(headers)),
            |headers| propagator.extract_with_context(&Context::new(), &HeaderExtractor(headers)),
        );
    }

    fn repeat(
        self,
        propagator: &impl TextMapPropagator,
        lines: &[(&str, &str)],
        operations: usize,
        inject: impl Fn(&Context, &mut HeaderMap),
        extract: impl Fn(&HeaderMap) -> Context,
    ) {
        // Beside what a request has anyway.
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_static("localhost"));
        headers.insert("accept", HeaderValue::from_static("*/*"));
        let mut map = HashMap::new();
        for (name, value) in lines {
            let value = HeaderValue::from_str(value).expect("a value");
            headers.insert(
                HeaderName::from_bytes(name.as_bytes()).expect("a name"),
                value,
            );
        }
        let context = extract(&headers);
        propagator.inject_context(&context, &mut map);
        // The stock one also sends an empty state.
        assert!(map.len() >= lines.len());
        assert!(context.span().span_context().is_valid());
        assert_eq!(context.baggage().is_empty(), !map.contains_key("baggage"));
        match self {
            Self::Inject | Self::InjectPlain | Self::InjectBaggage => {
                for _ in 0..operations {
                    headers.clear();
                    inject(black_box(&context), &mut headers);
                }
            }
            Self::Extract | Self::ExtractPlain | Self::ExtractBaggage => {
                for _ in 0..operations {
                    drop(extract(black_box(&headers)));
                }
            }
            Self::InjectMap => {
                for _ in 0..operations {
                    map.clear();
                    propagator.inject_context(black_box(&context), &mut map);
                }
            }
            Self::ExtractMap => {
                for _ in 0..operations {
                    let none = Context::new();
                    drop(propagator.extract_with_context(&none, black_box(&map)));
                }
            }
        }
    }
}

const SYSTEMS: [&str; 2] = ["ours", "otel"];

pub(crate) fn compare(bench: &Bench) {
    let [ours, otel] = bench.measure::<2, 8>("w3c", SYSTEMS, &Target::Null, &[]);
    for ((work, ours), otel) in Carry::ALL.into_iter().zip(ours).zip(otel) {
        line(work.name(), ours, "otel", otel);
    }
}

/// Nanoseconds per operation of each work.
pub(crate) fn child(job: &Job) -> Vec<f64> {
    let by_ours = job.system == "ours";
    let timed = |work: Carry| {
        let burst = |_| {
            let started = Instant::now();
            work.run(by_ours, OPERATIONS);
            started.elapsed().as_nanos() as f64 / OPERATIONS as f64
        };
        median((0..BURSTS).map(burst).collect())
    };
    Carry::ALL.map(timed).into()
}
