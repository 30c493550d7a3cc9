//! Cases of other projects' own tests: the propagators of OpenTelemetry Go and of the Rust crates
//! beside the API, run against ours.
//!
//! Each file in `vectors/` says of which repository, commit and file its cases are. Where ours differs
//! the case is listed with the reason. A listed case that agrees fails too: take it off the list.

mod differences;

use std::collections::{BTreeMap, BTreeSet};

use opentelemetry::baggage::{BaggageExt as _, BaggageMetadata, KeyValueMetadata};
use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{Context, Key, Value};
use serde::Deserialize;
use tracer_propagation::{
    B3Propagator, BaggagePropagator, JaegerPropagator, OtTracePropagator, Propagator,
    SamplingState, TraceContextPropagator, XrayPropagator,
};

use differences::DIFFERENCES;

/// The suites and how many cases each has: 498 in all.
const SUITES: [(usize, &str); 24] = [
    (50, include_str!("vectors/go_b3_extract.json")),
    (36, include_str!("vectors/go_b3_inject.json")),
    (45, include_str!("vectors/go_b3_unit.json")),
    (35, include_str!("vectors/go_baggage_extract.json")),
    (6, include_str!("vectors/go_baggage_inject.json")),
    (41, include_str!("vectors/go_baggage_parse.json")),
    (14, include_str!("vectors/go_baggage_string.json")),
    (19, include_str!("vectors/go_jaeger_extract.json")),
    (7, include_str!("vectors/go_jaeger_inject.json")),
    (14, include_str!("vectors/go_jaeger_unit.json")),
    (17, include_str!("vectors/go_ot_extract.json")),
    (6, include_str!("vectors/go_ot_inject.json")),
    (13, include_str!("vectors/go_ot_unit.json")),
    (30, include_str!("vectors/go_tracestate.json")),
    (30, include_str!("vectors/go_w3c_extract.json")),
    (7, include_str!("vectors/go_w3c_inject.json")),
    (14, include_str!("vectors/go_xray_extract.json")),
    (10, include_str!("vectors/go_xray_inject.json")),
    (12, include_str!("vectors/rust_aws_extract.json")),
    (7, include_str!("vectors/rust_aws_inject.json")),
    (21, include_str!("vectors/rust_jaeger_extract.json")),
    (3, include_str!("vectors/rust_jaeger_inject.json")),
    (43, include_str!("vectors/rust_zipkin_extract.json")),
    (18, include_str!("vectors/rust_zipkin_inject.json")),
];

#[derive(Deserialize)]
struct Suite {
    suite: String,
    propagator: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    #[serde(flatten)]
    asked: Asked,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Asked {
    Extract(Extract),
    Inject(Inject),
    /// Baggage that is injected and extracted again is the same.
    Roundtrip {
        baggage: Vec<Member>,
    },
    Tracestate {
        r#in: String,
        out: String,
    },
}

/// Headers, and the contents of the context made of them.
#[derive(Deserialize)]
struct Extract {
    headers: Vec<(String, String)>,
    /// No span if it is not there.
    want: Option<Span>,
    debug: Option<bool>,
    deferred: Option<bool>,
    /// The sampling state that came without ids.
    #[serde(default, deserialize_with = "present")]
    state_alone: Option<Option<String>>,
    /// Baggage that the context had before.
    #[serde(default)]
    has: Vec<Member>,
    baggage: Option<Vec<Member>>,
    baggage_count: Option<usize>,
    /// Bytes of the header that the baggage makes.
    baggage_bytes: Option<usize>,
}

/// The contents of a context, and the headers made of them.
#[derive(Deserialize)]
struct Inject {
    encoding: Option<String>,
    sc: Span,
    debug: bool,
    deferred: bool,
    #[serde(default)]
    baggage: Vec<Member>,
    want_headers: Option<BTreeMap<String, String>>,
    /// A header and its members, in any order.
    want_list: Option<(String, BTreeSet<String>)>,
    #[serde(default)]
    unwanted: Vec<String>,
    /// Whether there are no other headers.
    #[serde(default)]
    exact: bool,
}

#[derive(Deserialize)]
struct Span {
    trace_id: Option<String>,
    span_id: Option<String>,
    flags: u8,
    tracestate: Option<String>,
}

#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd)]
struct Member {
    key: String,
    value: String,
    properties: Vec<(String, Option<String>)>,
}

fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

fn propagator(name: &str, encoding: Option<&str>) -> Box<dyn Propagator> {
    match (name, encoding) {
        ("b3", Some("multi")) => Box::new(B3Propagator::multi()),
        ("b3", Some("both")) => Box::new(B3Propagator::both()),
        // Either encoding is read.
        ("b3", _) => Box::new(B3Propagator::single()),
        ("baggage", _) => Box::new(BaggagePropagator::new()),
        ("jaeger", _) => Box::new(JaegerPropagator::new()),
        ("ot", _) => Box::new(OtTracePropagator::new()),
        ("w3c", _) => Box::new(TraceContextPropagator::new()),
        ("xray", _) => Box::new(XrayPropagator::new()),
        _ => panic!("{name}"),
    }
}

fn with_baggage(cx: Context, members: &[Member]) -> Context {
    if members.is_empty() {
        return cx;
    }
    cx.with_baggage(members.iter().map(|member| {
        let properties = member.properties.iter();
        let properties = properties.map(|(key, value)| match value {
            Some(value) => format!("{key}={value}"),
            None => key.clone(),
        });
        let properties = properties.collect::<Vec<_>>().join(";");
        let (key, value) = (
            Key::new(member.key.clone()),
            Value::from(member.value.clone()),
        );
        KeyValueMetadata::new(key, value.to_string(), BaggageMetadata::from(properties))
    }))
}

/// The baggage of a context, in the order of its keys.
fn baggage(cx: &Context) -> Vec<Member> {
    let members = cx.baggage().iter().map(|(key, (value, metadata))| {
        let properties = metadata
            .as_str()
            .split(';')
            .filter(|property| !property.is_empty());
        Member {
            key: key.to_string(),
            value: value.to_string(),
            properties: properties
                .map(|property| match property.split_once('=') {
                    Some((key, value)) => (key.to_owned(), Some(value.to_owned())),
                    None => (property.to_owned(), None),
                })
                .collect(),
        }
    });
    let mut members: Vec<_> = members.collect();
    members.sort();
    members
}

fn injected(propagator: &dyn Propagator, cx: &Context) -> BTreeMap<String, String> {
    let mut carrier: Vec<(String, String)> = Vec::new();
    propagator.inject_into(cx, &mut carrier);
    carrier
        .into_iter()
        .map(|(name, value)| (name.to_lowercase(), value))
        .collect()
}

fn expect<T: PartialEq + std::fmt::Debug>(what: &str, ours: T, theirs: T) -> Result<(), String> {
    if ours == theirs {
        return Ok(());
    }
    Err(format!("{what}: ours {ours:?}, theirs {theirs:?}"))
}

impl Extract {
    fn run(&self, propagator: &dyn Propagator) -> Result<(), String> {
        let before = with_baggage(Context::new(), &self.has);
        let cx = propagator.extract_from(&before, &self.headers);
        let span = cx.span();
        let span = span.span_context();
        let state = SamplingState::of(&cx);
        expect("span", span.is_valid(), self.want.is_some())?;
        if let Some(want) = &self.want {
            expect(
                "trace id",
                Some(span.trace_id().to_string()),
                want.trace_id.clone(),
            )?;
            expect(
                "span id",
                Some(span.span_id().to_string()),
                want.span_id.clone(),
            )?;
            expect("flags", span.trace_flags().to_u8(), want.flags)?;
            expect("remote", span.is_remote(), true)?;
            if let Some(tracestate) = &want.tracestate {
                expect(
                    "tracestate",
                    span.trace_state().header(),
                    tracestate.clone(),
                )?;
            }
            if let Some(debug) = self.debug {
                expect("debug", state == SamplingState::Debug, debug)?;
            }
            if let Some(deferred) = self.deferred {
                expect("deferred", state == SamplingState::Defer, deferred)?;
            }
        }
        if let Some(alone) = &self.state_alone {
            let theirs = match alone.as_deref() {
                Some("accept") => SamplingState::Accept,
                Some("debug") => SamplingState::Debug,
                Some("deny") => SamplingState::Deny,
                // Nothing came, or nothing that can be read.
                Some("defer") | None => SamplingState::Defer,
                Some(other) => panic!("{other}"),
            };
            if self.want.is_none() {
                expect("state", state, theirs)?;
            }
        }
        if let Some(theirs) = &self.baggage {
            let mut theirs = theirs.clone();
            theirs.sort();
            expect("baggage", baggage(&cx), theirs)?;
        }
        if let Some(count) = self.baggage_count {
            expect("members", cx.baggage().len(), count)?;
        }
        if let Some(bytes) = self.baggage_bytes {
            let sent = injected(&BaggagePropagator::new(), &cx);
            expect("bytes", sent.get("baggage").map_or(0, String::len), bytes)?;
        }
        Ok(())
    }
}

impl Inject {
    fn run(&self, propagator: &dyn Propagator) -> Result<(), String> {
        let headers = injected(propagator, &self.context());
        if let Some(wanted) = &self.want_headers {
            for (name, value) in wanted {
                expect(name, headers.get(name), Some(value))?;
            }
            if self.exact {
                expect("headers", &headers, wanted)?;
            }
        }
        for name in &self.unwanted {
            expect(name, headers.get(name), None)?;
        }
        if let Some((name, members)) = &self.want_list {
            let ours = headers
                .get(name)
                .into_iter()
                .flat_map(|list| list.split(','));
            expect(name, ours.map(str::to_owned).collect(), members.clone())?;
        }
        Ok(())
    }

    fn context(&self) -> Context {
        let id = |id: &Option<String>| id.clone().unwrap_or_else(|| "0".to_owned());
        let span = SpanContext::new(
            TraceId::from_hex(&id(&self.sc.trace_id)).expect("a trace id"),
            SpanId::from_hex(&id(&self.sc.span_id)).expect("a span id"),
            TraceFlags::new(self.sc.flags),
            true,
            match self.sc.tracestate.as_deref() {
                None | Some("") => TraceState::NONE,
                Some(state) => state.parse().expect("a tracestate"),
            },
        );
        let mut cx = Context::new();
        // These states come with headers only.
        if self.debug || self.deferred {
            let ids = format!("{}-{}", span.trace_id(), span.span_id());
            let header = if self.debug { format!("{ids}-d") } else { ids };
            cx = B3Propagator::single().extract_from(&cx, &vec![("b3".to_owned(), header)]);
        }
        with_baggage(cx.with_remote_span_context(span), &self.baggage)
    }
}

fn run(propagator_name: &str, asked: &Asked) -> Result<(), String> {
    match asked {
        Asked::Extract(extract) => extract.run(&*propagator(propagator_name, None)),
        Asked::Inject(inject) => {
            inject.run(&*propagator(propagator_name, inject.encoding.as_deref()))
        }
        Asked::Roundtrip { baggage: members } => {
            let propagator = propagator(propagator_name, None);
            let sent = injected(&*propagator, &with_baggage(Context::new(), members));
            let sent: Vec<(String, String)> = sent.into_iter().collect();
            let cx = propagator.extract_from(&Context::new(), &sent);
            expect("baggage", baggage(&cx), members.clone())
        }
        Asked::Tracestate { r#in, out } => {
            let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
            let headers = vec![
                ("traceparent".to_owned(), parent.to_owned()),
                ("tracestate".to_owned(), r#in.clone()),
            ];
            // By what is sent on: the API's type has no place for all that Level 2 allows.
            let propagator = propagator(propagator_name, None);
            let cx = propagator.extract_from(&Context::new(), &headers);
            let sent = injected(&*propagator, &cx);
            let state = sent.get("tracestate").cloned().unwrap_or_default();
            expect("tracestate", &state, out)
        }
    }
}

#[test]
fn cases_of_other_projects_agree_but_for_those_listed() {
    let mut ran = 0;
    let mut unlisted = Vec::new();
    let mut listed: BTreeSet<(String, usize)> = BTreeSet::new();
    for (_, suite, places) in DIFFERENCES {
        listed.extend(places.iter().map(|place| ((*suite).to_owned(), *place)));
    }
    for (count, text) in SUITES {
        let suite: Suite = serde_json::from_str(text).expect("a suite");
        assert_eq!(suite.cases.len(), count, "{}", suite.suite);
        for (place, case) in suite.cases.iter().enumerate() {
            ran += 1;
            let result = run(&suite.propagator, &case.asked);
            let is_listed = listed.remove(&(suite.suite.clone(), place));
            match result {
                Ok(()) if is_listed => {
                    unlisted.push(format!("{} {place} agrees: {}", suite.suite, case.name));
                }
                Err(difference) if !is_listed => {
                    unlisted.push(format!(
                        "{} {place} {}: {difference}",
                        suite.suite, case.name
                    ));
                }
                _ => {}
            }
        }
    }
    assert!(
        unlisted.is_empty(),
        "{}\n{}",
        unlisted.len(),
        unlisted.join("\n")
    );
    assert!(listed.is_empty(), "no such cases: {listed:?}");
    assert_eq!(ran, 498);
}
