//! Context into headers and out of them: ours and `opentelemetry_sdk`'s propagators on the same
//! carriers, each by the way that its own instrumentation goes.

use std::{collections::HashMap, hint::black_box, time::Instant};

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::{
    Context,
    baggage::BaggageExt,
    propagation::{TextMapCompositePropagator, TextMapPropagator},
    trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState},
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
/// Those of the state.
const MEMBERS: [(&str, &str); 3] = [
    ("ot", "th:c;rv:d29d6a7215ced0"),
    ("congo", "t61rcWkgMzE"),
    ("rojo", "00f067aa0ba902b7"),
];
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

    /// Does only what the types of `http` and of the API take for the same result, with the ids and
    /// members at hand: nothing is parsed, and nothing checked but what those types check. False for work that
    /// has no such part.
    fn least(self, operations: usize) -> bool {
        let has_state = match self {
            Self::Inject | Self::Extract => true,
            Self::InjectPlain | Self::ExtractPlain => false,
            _ => return false,
        };
        let names = ["traceparent", "tracestate"].map(HeaderName::from_static);
        let [parent, state] = &names;
        let value = |text| HeaderValue::from_str(black_box(text)).expect("a value");
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_static("localhost"));
        headers.insert("accept", HeaderValue::from_static("*/*"));
        headers.insert(parent, value(TRACEPARENT));
        if has_state {
            headers.insert(state, value(TRACESTATE));
        }
        for _ in 0..operations {
            if matches!(self, Self::Inject | Self::InjectPlain) {
                headers.clear();
                headers.insert(parent, value(TRACEPARENT));
                if has_state {
                    headers.insert(state, value(TRACESTATE));
                }
                continue;
            }
            for name in &names {
                black_box(black_box(&headers).get(name));
            }
            let members = if has_state { MEMBERS.as_slice() } else { &[] };
            let state = TraceState::from_key_value(black_box(members).iter().copied());
            let (trace_id, span_id) = black_box((TraceId::from(1), SpanId::from(2)));
            let (flags, state) = (TraceFlags::SAMPLED, state.expect("members"));
            let span_context = SpanContext::new(trace_id, span_id, flags, true, state);
            drop(black_box(
                Context::new().with_remote_span_context(span_context),
            ));
        }
        true
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

/// The three members of state as the API has them.
pub(crate) fn state() -> TraceState {
    TraceState::from_key_value(MEMBERS).expect("members")
}

/// The last does what no propagator can leave out; see [`Carry::least`].
const SYSTEMS: [&str; 3] = ["ours", "otel", "least"];

pub(crate) fn compare(bench: &Bench) {
    let [ours, otel, least] = bench.measure::<3, 8>("w3c", SYSTEMS, &Target::Null, &[]);
    for (((work, ours), otel), least) in Carry::ALL.into_iter().zip(ours).zip(otel).zip(least) {
        line(work.name(), ours, "otel", otel);
        if !least.is_nan() {
            line(work.name(), ours, "least", least);
        }
    }
}

/// Nanoseconds per operation of each work.
pub(crate) fn child(job: &Job) -> Vec<f64> {
    let timed = |work: Carry| {
        let burst = |_| {
            let started = Instant::now();
            let is_done = match job.system.as_str() {
                "least" => work.least(OPERATIONS),
                system => {
                    work.run(system == "ours", OPERATIONS);
                    true
                }
            };
            let nanos = started.elapsed().as_nanos() as f64 / OPERATIONS as f64;
            if is_done { nanos } else { f64::NAN }
        };
        median((0..BURSTS).map(burst).collect())
    };
    Carry::ALL.map(timed).into()
}
