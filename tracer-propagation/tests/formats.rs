//! What must hold for every input of every format: what goes out comes back equal and is safe in
//! any header, and what comes in stays in its limits and makes nothing panic.
//!
//! A failure prints the smallest input found.

// Helpers of tests are tests to the reader, though not to the lint.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

#[path = "support/names.rs"]
mod names;
#[path = "support/random.rs"]
mod random;
mod support;

use std::collections::BTreeMap;

use opentelemetry::Context;
use opentelemetry::baggage::{Baggage, BaggageExt};
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use proptest::collection::vec;
use proptest::prelude::*;
use tracer_propagation::{
    B3Propagator, CompositePropagator, Propagator, SamplingState, env, limits,
};

use names::NAMES;
use random::{ids, is_header_safe, run};
use support::{Headers, propagators};

/// A context as its sender has it: by way of B3, which can say all four states.
fn context(trace_id: u128, span_id: u64, state: SamplingState, baggage: Baggage) -> Context {
    let letter = match state {
        SamplingState::Accept => "-1",
        SamplingState::Debug => "-d",
        SamplingState::Defer => "",
        SamplingState::Deny => "-0",
    };
    let value = format!("{trace_id:032x}-{span_id:016x}{letter}");
    let headers: Headers = vec![("b3".to_owned(), value.into_bytes())];
    let cx = Context::new().with_baggage(baggage);
    B3Propagator::single().extract_from(&cx, &headers)
}

fn states() -> impl Strategy<Value = SamplingState> {
    use SamplingState::{Accept, Debug, Defer, Deny};
    prop_oneof![Just(Accept), Just(Debug), Just(Defer), Just(Deny)]
}

/// Lowercase keys, because header names have no case, and values of any text, of that in particular
/// which an encoding could take for its own.
fn baggages() -> impl Strategy<Value = Baggage> {
    let values = prop_oneof![any::<String>(), "[ %+,;=a4\t\n\u{e9}]{0,12}"];
    vec(("[a-z0-9!#$%&'*+.^_`|~-]{1,12}", values), 0..20).prop_map(|members| {
        let mut baggage = Baggage::new();
        for (key, value) in members {
            // What would be a name that gRPC keeps for base64 is not sent.
            if format!("-{key}").ends_with("-bin") {
                continue;
            }
            baggage.insert(key, value.chars().take(12).collect::<String>());
        }
        baggage
    })
}

fn members(cx: &Context) -> BTreeMap<String, String> {
    let members = cx.baggage().iter();
    members
        .map(|(key, (value, _))| (key.to_string(), value.to_string()))
        .collect()
}

/// What a format can say of a trace id and a state; `None` if it sends nothing.
fn sayable(format: &str, trace_id: u128, state: SamplingState) -> Option<(u128, SamplingState)> {
    use SamplingState::{Accept, Debug, Defer, Deny};
    let without_debug = if state == Debug { Accept } else { state };
    match format {
        "b3" | "b3multi" | "b3both" => Some((trace_id, state)),
        "jaeger" => Some((trace_id, if state == Defer { Deny } else { state })),
        "tracecontext" if state == Defer => Some((trace_id, Deny)),
        "ottrace" => {
            let half = trace_id & u128::from(u64::MAX);
            (half != 0).then_some((half, without_debug))
        }
        "x_trace_id" => (without_debug == Accept).then_some((trace_id, Accept)),
        _ => Some((trace_id, without_debug)),
    }
}

#[test]
fn what_is_injected_is_extracted_equal() {
    let contexts = (ids(), states(), baggages());
    run(contexts, |((trace_id, span_id), state, baggage)| {
        let cx = context(trace_id, span_id, state, baggage);
        for (format, propagator, with_baggage) in propagators() {
            let mut headers = Headers::new();
            propagator.inject_into(&cx, &mut headers);
            for (name, value) in &headers {
                prop_assert!(is_header_safe(value), "{name}: {value:?}");
                prop_assert!(is_header_safe(name.as_bytes()), "{name:?}");
                prop_assert_eq!(name.to_ascii_lowercase(), name.clone());
            }
            let received = propagator.extract_from(&Context::new(), &headers);
            let span = received.span();
            let span = span.span_context();
            let found = span
                .is_valid()
                .then(|| (span.trace_id(), SamplingState::of(&received)));
            let expected = sayable(format, trace_id, state);
            let expected = expected.map(|(trace_id, state)| (TraceId::from(trace_id), state));
            prop_assert_eq!(found, expected, "{}", format);
            if found.is_some() {
                prop_assert_eq!(span.span_id(), SpanId::from(span_id));
                prop_assert!(span.is_remote());
            }
            let expected = if with_baggage {
                members(&cx)
            } else {
                BTreeMap::new()
            };
            prop_assert_eq!(members(&received), expected, "{}", format);
        }
        Ok(())
    });
}

/// The direct way is the other one without a context.
#[test]
fn a_span_context_goes_the_same_way_without_a_context() {
    let span_contexts = (ids(), any::<u8>());
    run(span_contexts, |((trace_id, span_id), flags)| {
        let sent = SpanContext::new(
            TraceId::from(trace_id),
            SpanId::from(span_id),
            TraceFlags::new(flags),
            false,
            TraceState::from_key_value([("a", "1")]).unwrap(),
        );
        let cx = Context::new().with_remote_span_context(sent.clone());
        for (format, propagator, _) in with_composite() {
            let (mut with, mut without) = (Headers::new(), Headers::new());
            propagator.inject_into(&cx, &mut with);
            propagator.inject_span_context(&sent, &mut without);
            prop_assert_eq!(&with, &without, "{}", format);
            let received = propagator.extract_from(&Context::new(), &with);
            prop_assert_eq!(direct(&*propagator, &with), span_context(&received));
            let nothing = SpanContext::empty_context();
            propagator.inject_span_context(&nothing, &mut without);
            prop_assert_eq!(with, without, "{}", format);
        }
        Ok(())
    });
}

/// All formats, and one after the other in a composite.
fn with_composite() -> Vec<(&'static str, Box<dyn Propagator>, bool)> {
    let parts = propagators().into_iter().map(|(_, part, _)| part);
    let composite = Box::new(CompositePropagator::new(parts.collect()));
    let mut all = propagators();
    all.push(("composite", composite, true));
    all
}

fn span_context(cx: &Context) -> Option<SpanContext> {
    let span = cx.span();
    let found = span.span_context().is_valid();
    found.then(|| span.span_context().clone())
}

fn direct(propagator: &dyn Propagator, headers: &Headers) -> Option<SpanContext> {
    propagator.extract_span_context(headers)
}

/// Bytes that look like a header of some format now and then, and any bytes.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let near = prop_oneof![
        "[0-9a-f]{16}([0-9a-f]{16})?(-[0-9a-f]{16}(-[01d]?(-[0-9a-f]{16})?)?)?",
        "[0-9a-f]{0,33}(:|%3A)[0-9a-f]{0,17}:0?:[0-9a-f]{0,3}",
        "(Root=1-[0-9a-f]{7,8}-[0-9a-f]{24};?)?(Parent=[0-9a-f]{16};?)?(Sampled=[01?])?(;[aR=]{3})?\
         (;Lineage=[0-9]{1,5}:[0-9a-f]{8}:[0-9]{1,3}){0,2}",
        "[0-9a-f]{32}(/[0-9]{0,21})?(;o=[0-3]?)?",
        "AA[A-Za-z0-9+/]{20,40}={0,2}",
        "[01d]|true|false",
        "([a-c]{1,2}=[%a-fA-F0-9=+]{1,6}[,;]){0,90}",
        "[ \t,;=%@a-fA-F0-9:/+-]{0,200}",
        "([ x]|%[2-4][0-9A-F]?|%25[0-9A-F]){0,40}",
    ];
    prop_oneof![near.prop_map(String::into_bytes), vec(any::<u8>(), 0..200)]
}

#[test]
fn hostile_headers_cost_only_themselves() {
    let names = [&NAMES[..], &["UberCtx-B%0d", "x-baggage-\u{e9}"]].concat();
    let headers = vec((proptest::sample::select(names), hostile()), 0..12);
    run(headers, |list| {
        let list = list
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value));
        let headers: Headers = list.collect();
        for (format, propagator, _) in with_composite() {
            let received = propagator.extract_from(&Context::new(), &headers);
            prop_assert!(received.baggage().len() <= limits::BAGGAGE_MEMBERS);
            prop_assert_eq!(direct(&*propagator, &headers), span_context(&received));
            if format == "composite" {
                continue;
            }
            let mut sent = Headers::new();
            propagator.inject_into(&received, &mut sent);
            for (name, value) in &sent {
                prop_assert!(is_header_safe(value), "{format} {name}: {value:?}");
            }
            let again = propagator.extract_from(&Context::new(), &sent);
            let (received_span, again_span) = (received.span(), again.span());
            let sent_id = again_span.span_context().trace_id();
            let received_id = received_span.span_context().trace_id();
            if sent_id != received_id {
                // The one format that sends half of an id.
                let half = u128::from_be_bytes(received_id.to_bytes()) & u128::from(u64::MAX);
                prop_assert_eq!((format, sent_id), ("ottrace", TraceId::from(half)));
            } else if received_id != TraceId::INVALID {
                prop_assert_eq!(SamplingState::of(&again), SamplingState::of(&received));
            }
            prop_assert_eq!(members(&again), members(&received), "{}", format);
            // With what a format says that no span context and no baggage shows.
            let mut sent_again = Headers::new();
            propagator.inject_into(&again, &mut sent_again);
            prop_assert_eq!(sent_again, sent, "{}", format);
        }
        Ok(())
    });
}

/// Grammars written apart, character by character from the documents, on input that comes close.
#[test]
fn single_headers_are_taken_exactly_when_the_grammar_says_so() {
    fn hex(text: &str, lengths: &[usize]) -> bool {
        lengths.contains(&text.len()) && text.chars().all(|c| "0123456789abcdef".contains(c))
    }
    fn id(text: &str, lengths: &[usize]) -> bool {
        hex(text, lengths) && text.contains(|c| c != '0')
    }
    fn b3(text: &str) -> bool {
        let fields: Vec<&str> = text.split('-').collect();
        matches!(fields.len(), 2..=4)
            && id(fields[0], &[16, 32])
            && id(fields[1], &[16])
            && fields
                .get(2)
                .is_none_or(|state| ["0", "1", "d"].contains(state))
            && fields.get(3).is_none_or(|parent| hex(parent, &[16]))
    }
    fn jaeger(text: &str) -> bool {
        let fields: Vec<&str> = text.split(':').collect();
        let up_to = |n: usize| (1..=n).collect::<Vec<_>>();
        fields.len() == 4
            && id(fields[0], &up_to(32))
            && id(fields[1], &up_to(16))
            && hex(fields[3], &up_to(16))
            && u64::from_str_radix(fields[3], 16).is_ok_and(|flags| flags <= 0xff)
    }
    fn gcp(text: &str) -> bool {
        let (ids, options) = text.split_once(';').unwrap_or((text, "o="));
        let Some((trace_id, span_id)) = ids.split_once('/') else {
            return false;
        };
        let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
        id(trace_id, &[32])
            && digits(span_id)
            && span_id.len() <= 20
            && span_id.parse::<u64>().is_ok_and(|id| id != 0)
            && options
                .strip_prefix("o=")
                .is_some_and(|options| digits(options) && options.len() < 20)
    }
    type Grammar = fn(&str) -> bool;
    let formats: [(&str, &str, Grammar); 3] = [
        (
            "b3",
            "[0-9a-f]{15,16}([0-9a-f]{16})?-(0{16}|[0-9a-fA-F]{15,17})(-[01dx]{1,2}(-[0-9a-f]{15,16})?)?",
            b3,
        ),
        (
            "uber-trace-id",
            "(0{3}|[0-9a-f]{0,34}):[0-9a-f]{0,17}:[0-9a-f]{0,3}:0{0,15}[0-9a-f+]{0,2}(:0)?",
            jaeger,
        ),
        (
            "x-cloud-trace-context",
            "(0{32}|[0-9a-f]{31,32})/[0-9+-]{0,20}(;[op]=[0-9a]{0,2})?",
            gcp,
        ),
    ];
    let name = |header: &str| match header {
        "b3" => "b3",
        "uber-trace-id" => "jaeger",
        _ => "tracer_gcp",
    };
    for (header, near, grammar) in formats {
        let propagator = env::propagators(Some(name(header))).propagator;
        run(near, |text| {
            let headers: Headers = vec![(header.to_owned(), text.clone().into_bytes())];
            let cx = propagator.extract_from(&Context::new(), &headers);
            prop_assert_eq!(
                cx.span().span_context().is_valid(),
                grammar(&text),
                "{}",
                text
            );
            Ok(())
        });
    }
}
