//! What must hold for every input: what goes out comes back equal, is safe in any header, and
//! nothing that comes in makes a propagator panic or keep more than its limits.
//!
//! A failure prints the smallest input found.

// Helpers of tests are tests to the reader, though not to the lint.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

#[path = "support/random.rs"]
mod random;

use std::collections::HashMap;

use opentelemetry::Context;
use opentelemetry::baggage::{Baggage, BaggageExt};
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use proptest::collection::vec;
use proptest::prelude::*;
use tracer_propagation::{CompositePropagator, Error, Traceparent, baggage, limits, tracestate};

use random::{ids, is_header_safe, run};

/// Members of the grammar of W3C Trace Context 2 §3.3.1.3 that `TraceState` can hold.
fn trace_states() -> impl Strategy<Value = TraceState> {
    let member = (
        "[a-z0-9][a-z0-9_*/-]{0,40}(@[a-z][a-z0-9]{0,8})?",
        "[ -+\\--<>-~]{0,60}[!-+\\--<>-~]",
    );
    vec(member, 0..30).prop_map(|members| {
        let mut unique: Vec<(String, String)> = Vec::new();
        for (key, value) in members {
            if !unique.iter().any(|(known, _)| *known == key) {
                unique.push((key, value));
            }
        }
        TraceState::from_key_value(unique).unwrap()
    })
}

fn span_contexts() -> impl Strategy<Value = SpanContext> {
    (ids(), any::<u8>(), trace_states()).prop_map(|((trace_id, span_id), flags, state)| {
        SpanContext::new(
            TraceId::from(trace_id),
            SpanId::from(span_id),
            TraceFlags::new(flags),
            true,
            state,
        )
    })
}

/// Keys are tokens, values any text, properties in the form they have in a header.
fn baggages() -> impl Strategy<Value = Baggage> {
    let property = "[a-zA-Z0-9!#$&'*+.^_`|~-]{1,8}(=[a-zA-Z0-9=:/.-]{0,8}(%2C|%0d%0A|%3b)?)?";
    let member = (
        "[a-zA-Z0-9!#$%&'*+.^_`|~-]{1,12}",
        any::<String>(),
        vec(property, 0..3),
    );
    vec(member, 0..20).prop_map(|members| {
        let mut baggage = Baggage::new();
        for (key, value, properties) in members {
            let value: String = value.chars().take(12).collect();
            baggage.insert_with_metadata(key, value, properties.join(";"));
        }
        baggage
    })
}

fn sorted(baggage: &Baggage) -> Vec<(String, String, String)> {
    let mut members: Vec<_> = baggage
        .iter()
        .map(|(key, (value, metadata))| (key.to_string(), value.to_string(), metadata.to_string()))
        .collect();
    members.sort();
    members
}

/// Bytes that look like a header now and then, and any bytes.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..600),
        "[ \t,;=%@a-fA-F0-9+-]{0,600}".prop_map(String::into_bytes),
        "[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-.{0,9})?".prop_map(String::into_bytes),
        "([a-c]{1,2}=[%a-fA-F0-9=]{1,6}(;p=[%a-fA-F0-9,]{1,6})?[,;]){0,90}"
            .prop_map(String::into_bytes),
    ]
}

#[test]
fn what_is_injected_is_extracted_equal() {
    run(
        (span_contexts(), baggages()),
        |(span_context, sent_baggage)| {
            let propagator = CompositePropagator::default();
            let members = sorted(&sent_baggage);
            let cx = Context::new()
                .with_remote_span_context(span_context.clone())
                .with_baggage(sent_baggage);
            let mut map = HashMap::new();
            propagator.inject_context(&cx, &mut map);
            for (name, value) in &map {
                prop_assert!(is_header_safe(value), "{name}: {value:?}");
            }

            let received = propagator.extract_with_context(&Context::new(), &map);
            prop_assert_eq!(received.span().span_context().clone(), span_context);
            prop_assert_eq!(sorted(received.baggage()), members);
            Ok(())
        },
    );
}

#[cfg(feature = "http")]
#[test]
fn a_header_map_carries_what_a_hash_map_carries() {
    use tracer_propagation::Propagator as _;

    run(
        (span_contexts(), baggages()),
        |(span_context, sent_baggage)| {
            let propagator = CompositePropagator::default();
            let cx = Context::new()
                .with_remote_span_context(span_context)
                .with_baggage(sent_baggage);
            let (mut map, mut headers) = (HashMap::new(), http::HeaderMap::new());
            propagator.inject_context(&cx, &mut map);
            propagator.inject_into(&cx, &mut headers);
            prop_assert_eq!(map.len(), headers.len());
            for (name, value) in &map {
                prop_assert_eq!(headers[name].as_bytes(), value.as_bytes());
            }
            let (a, b) = (
                propagator.extract_with_context(&Context::new(), &map),
                propagator.extract_from(&Context::new(), &headers),
            );
            prop_assert_eq!(
                a.span().span_context().clone(),
                b.span().span_context().clone()
            );
            prop_assert_eq!(sorted(a.baggage()), sorted(b.baggage()));
            Ok(())
        },
    );
}

/// Metadata and trace states can be made by an application out of anything.
#[test]
fn output_is_header_safe_whatever_the_application_sets() {
    let member = (any::<String>(), any::<String>(), any::<String>());
    run(vec(member, 0..8), |members| {
        let mut made = Baggage::new();
        for (key, value, metadata) in &members {
            made.insert_with_metadata(key.clone(), value.clone(), metadata.as_str());
        }
        let count = made.len();
        let header = baggage::header(&made).unwrap_or_default();
        prop_assert!(is_header_safe(&header), "{header:?}");
        let (back, errors) = baggage::parse([header.as_bytes()]);
        prop_assert_eq!((back.len(), errors), (count, vec![]));

        for (key, value, _) in &members {
            let key: String = key.chars().filter(char::is_ascii_lowercase).collect();
            if let Ok(state) = TraceState::from_key_value([(&key, value)]) {
                let header = tracestate::header(&state).unwrap_or_default();
                prop_assert!(is_header_safe(&header), "{header:?}");
                prop_assert!(!header.contains(','));
            }
        }
        Ok(())
    });
}

#[test]
fn hostile_bytes_cost_only_themselves() {
    run(vec(hostile(), 0..6), |values| {
        let parsed = values
            .iter()
            .map(|value| (value, Traceparent::parse(value)));
        for (value, parsed) in parsed {
            if let Ok(parsed) = parsed {
                prop_assert_eq!(
                    Traceparent::parse(&parsed.to_bytes()).unwrap().trace_id(),
                    parsed.trace_id()
                );
                prop_assert!(value.len() >= Traceparent::LEN);
            }
        }

        let slices = || values.iter().map(Vec::as_slice);
        if let Ok(state) = tracestate::parse(slices()) {
            let header = tracestate::header(&state).unwrap_or_default();
            prop_assert!(header.len() <= limits::TRACESTATE_BYTES && is_header_safe(&header));
            prop_assert_eq!(tracestate::parse([header.as_bytes()]), Ok(state));
        }

        let (received, errors) = baggage::parse(slices());
        prop_assert!(received.len() <= limits::BAGGAGE_MEMBERS);
        let bytes: usize = sorted(&received)
            .iter()
            .map(|(k, v, m)| k.len() + v.len() + m.len())
            .sum();
        // A byte that is not UTF-8 takes three in the header as `%FF` and three as U+FFFD.
        prop_assert!(bytes <= limits::BAGGAGE_BYTES);
        prop_assert!(errors.len() <= limits::BAGGAGE_MEMBERS + 1);
        let header = baggage::header(&received).unwrap_or_default();
        prop_assert!(header.len() <= limits::BAGGAGE_BYTES && is_header_safe(&header));
        if header.len() < limits::BAGGAGE_BYTES / 2 {
            let (again, errors) = baggage::parse([header.as_bytes()]);
            prop_assert_eq!((again.len(), errors), (received.len(), vec![]));
            prop_assert_eq!(baggage::header(&again).unwrap_or_default(), header);
            // A stray `%` in a property is sent encoded; all else comes back as it was.
            let strict = |text: &[u8]| !text.contains(&b'%');
            if values.iter().all(|value| strict(value)) {
                prop_assert_eq!(sorted(&again), sorted(&received));
            }
        }
        Ok(())
    });
}

/// A grammar written apart: the regular expressions of the specification, on the output of a
/// generator that comes close to it.
#[test]
fn traceparent_is_taken_exactly_when_the_grammar_says_so() {
    fn grammar(text: &str) -> bool {
        let fields: Vec<&str> = text.splitn(5, '-').collect();
        let hex = |field: &str, len| {
            field.len() == len && field.chars().all(|c| "0123456789abcdef".contains(c))
        };
        fields.len() >= 4
            && hex(fields[0], 2)
            && hex(fields[1], 32)
            && hex(fields[2], 16)
            && hex(fields[3], 2)
            && fields[1].contains(|c| c != '0')
            && fields[2].contains(|c| c != '0')
            && fields[0] != "ff"
            && (fields.len() == 4 || fields[0] != "00")
    }
    let near = "(00|ff|[0-9a-f]{2})-(0{32}|[0-9a-f]{31,33})-(0{16}|[0-9a-fA]{15,17})-[0-9a-f]{1,3}(-|\\.|-x)?";
    run(
        prop_oneof![near, "00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-)?"],
        |text| {
            let parsed = Traceparent::parse(text.as_bytes());
            prop_assert_eq!(parsed.is_ok(), grammar(&text), "{} {:?}", text, parsed);
            prop_assert!(parsed != Err(Error::TraceparentRepeated));
            Ok(())
        },
    );
}
